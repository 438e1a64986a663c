"""Make the pictures of the README, docs/pictures/: a front page, and a terminal.

    .venv/bin/python -m tools.pictures

The page is that of a site of generated seeds with drawn images, shown by the system's Chromium. The
terminal shows what `feeds` prints for the real seeds.
"""

import io
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter
from rich.console import Console
from rich.text import Text

from tests.support.browsing import chromium, visiting
from tests.support.markdown import ROOT

PICTURES = ROOT / "docs/pictures"
COUNT = 60
CACHE = ".feeds/images"
CONFIG = """\
[site]
title = "Example News"
description = "Stories picked and weighed by our editors."
base_url = "https://feeds.example.org/"

[images]
fetch = "off"
"""
COMMANDS = ("feeds export", "feeds explain seeds/003_d3ab86f532bae268.txt")
COLUMNS = 118
# What the README's readers need not see of a URL or of the machine.
SHORTER = ((r"(https://news\.sky\.com/story/)\S+", r"\1…"), (r"\(\d\.\d\d s\)", "(0.04 s)"))


def main() -> None:
    """Make both pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page(Path(folder) / "generated")
        terminal(Path(folder) / "feeds")


def run(command: str, folder: Path) -> str:
    """Run a command as on a terminal of `COLUMNS` columns; return what it prints, with colours."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": str(COLUMNS),
        "FORCE_COLOR": "1",
    }
    done = subprocess.run(
        command.split(), cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def page(folder: Path) -> None:
    """Publish generated seeds and take a picture of their front page."""
    generator = [sys.executable, str(ROOT / "benchmarks/generate.py")]
    subprocess.run([*generator, str(COUNT), str(folder / "seeds")], check=True, capture_output=True)
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    for seed in sorted((folder / "seeds").rglob("*.txt")):
        match = re.search(r'^images:\n  - url: "(.*)"$', seed.read_text("utf-8"), re.MULTILINE)
        if match:
            copy = folder / CACHE / run(f"feeds images path {match[1]}", folder).strip()
            copy.parent.mkdir(parents=True, exist_ok=True)
            drawing(match[1]).save(copy, quality=85)
    for command in ("feeds export", "feeds images fetch", "feeds export"):
        run(command, folder)
    with chromium() as browser, visiting(browser, 1280) as visit:
        visit.page.set_viewport_size({"width": 1280, "height": 1000})
        visit.page.goto((folder / "out/index.html").as_uri(), wait_until="networkidle")
        visit.page.screenshot(path=PICTURES / "page.png")
    # 256 colours are enough for it, and a third of the bytes.
    with Image.open(PICTURES / "page.png") as picture:
        picture.convert("RGB").quantize(256).save(PICTURES / "page.png", optimize=True)


def drawing(name: str) -> Image.Image:
    """Draw hills under a sky, the same for the same name."""
    rng = random.Random(name)
    width, height, hue = 640, 425, rng.randrange(256)
    picture = Image.new("HSV", (width, height))
    draw = ImageDraw.Draw(picture)
    for y in range(height):
        draw.line([(0, y), (width, y)], fill=(hue, 110 - y // 6, 255 - y // 8))
    x, y, size = rng.randrange(80, 560), rng.randrange(60, 160), rng.randrange(30, 60)
    draw.ellipse([x - size, y - size, x + size, y + size], fill=(hue, 30, 255))
    for layer in range(1, 5):
        base = height * (layer + 2) // 8
        ridge = [(step * width // 8, base + rng.randrange(-38, 38)) for step in range(9)]
        colour = ((hue + 12 * layer) % 256, 90 + 25 * layer, 215 - 38 * layer)
        draw.polygon([(0, height), *ridge, (width, height)], fill=colour)
    return picture.convert("RGB").filter(ImageFilter.GaussianBlur(0.7))


def terminal(folder: Path) -> None:
    """Run commands on the real seeds and draw what a terminal shows."""
    shutil.copytree(ROOT / "seeds", folder / "seeds")
    shutil.copy(ROOT / "config.toml", folder)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for number, command in enumerate(COMMANDS):
        printed = run(command, folder).replace(str(folder), "/home/ada/feeds")
        for pattern, instead in SHORTER:
            printed = re.sub(pattern, instead, printed)
        console.print(Text("\n$ " if number else "$ ", "bold green") + Text(command, "bold"))
        console.print(Text.from_ansi(printed.rstrip()))
    # Without rich's font, which a browser would load from elsewhere.
    svg = console.export_svg(title="feeds", unique_id="feeds")
    svg = re.sub(r"@font-face {.*?}\s*", "", svg, flags=re.DOTALL)
    (PICTURES / "terminal.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
