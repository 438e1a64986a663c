"""Lighthouse's scores of pages on a phone, from `feeds serve`: front page, topic and search.

Needs Chromium and Lighthouse of npm, which is looked for in build/npm:
`npm install --prefix build/npm --no-save --ignore-scripts lighthouse@12`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from image_server import HOSTS, serving
from measure import Bar, print_bars, print_table
from serve import HOST, free_port, running
from workspace import REPOSITORY

LIGHTHOUSE = REPOSITORY / "build/npm/node_modules/lighthouse/cli/index.js"
CATEGORIES = {
    "performance": "performance",
    "accessibility": "accessibility",
    "best-practices": "best practices",
    "seo": "SEO",
}
PAGES = {"front": "", "topic": "topics/ai.html", "search": "query?q=story"}
# Search engines are to leave searches out, which Lighthouse takes for a fault.
EXCEPT = {("search", "seo")}
STORIES = 60
# As root, Chromium starts without its sandbox alone; it sees no page but ours.
CHROMIUM_FLAGS = "--headless=new --no-sandbox --disable-dev-shm-usage"

_SEED = """\
---
title: Story {number} about what machines learn, and who teaches them
excerpt: What happened in story {number}, told in a sentence or two, as an editor would sum it up.
publishedDateTime: 2026-01-{day:02}T{hour:02}:00:00Z
originalUrl: https://news.example.com/{number}
quality: {quality}
heat: {heat}
published: true
provider: {{name: The Example, domain: example.com}}
topics: [AI, Topic {topic}]
images: [{{url: "{url}", isCached: true, width: 452, height: 340}}]
---
"""


def publish(root: Path, images: int) -> int:
    """Write a site, fetch its images from a port of loopback, publish it; return its own port."""
    (root / "seeds").mkdir()
    for number in range(STORIES):
        text = _SEED.format(
            number=number,
            day=number // 4 + 1,
            hour=number % 24,
            quality=50 + number % 40,
            heat=number % 9,
            topic=number % 7,
            url=f"http://{HOSTS[number % len(HOSTS)]}:{images}/{number}.jpg",
        )
        (root / f"seeds/{number}.md").write_text(text, encoding="utf-8")
    port = free_port()
    config = (
        f'[site]\ntitle = "The Example"\nbase_url = "http://{HOST}:{port}/"\n'
        f"[images]\nallow_hosts = {json.dumps(HOSTS)}\n[publish]\nprecompress = true\n"
    )
    (root / "config.toml").write_text(config, encoding="utf-8")
    for command in (["export"], ["images", "fetch"], ["export"]):
        argv = [sys.executable, "-m", "feeds", *command, "--config", str(root / "config.toml")]
        subprocess.run(argv, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    return port


def audit(url: str, report: Path) -> dict[str, float]:
    """Return the scores of a page, 0 to 100, and the bytes that it transfers."""
    command = ["node", str(LIGHTHOUSE), url, "--quiet", "--output=json", f"--output-path={report}"]
    command += [f"--only-categories={','.join(CATEGORIES)}", f"--chrome-flags={CHROMIUM_FLAGS}"]
    browser = shutil.which("chromium") or shutil.which("google-chrome") or ""
    subprocess.run(command, check=True, env={**os.environ, "CHROME_PATH": browser})
    found = json.loads(report.read_bytes())
    scores = {name: 100 * (found["categories"][name]["score"] or 0) for name in CATEGORIES}
    failed = [
        f"{name} ({audit['title']})"
        for category in found["categories"].values()
        for reference in category["auditRefs"]
        if reference["weight"] and (audit := found["audits"][name := reference["id"]])["score"] == 0
    ]
    if failed:
        print(f"{url}: {', '.join(failed)}", file=sys.stderr)
    return scores | {"bytes": found["audits"]["total-byte-weight"]["numericValue"]}


def main() -> None:
    """Audit the pages in turn, and print the medians."""
    parser = argparse.ArgumentParser(description="Audit pages with Lighthouse.")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    if not LIGHTHOUSE.exists():
        sys.exit(__doc__)
    results: dict[str, list[dict[str, float]]] = {name: [] for name in PAGES}
    with tempfile.TemporaryDirectory(prefix="feeds-benchmark-") as folder, serving() as images:
        root = Path(folder)
        port = publish(root, images)
        server = [sys.executable, "-m", "feeds", "serve", "--port", str(port)]
        with running([*server, "--config", str(root / "config.toml")], port):
            for _ in range(rounds):
                for name, path in PAGES.items():
                    url = f"http://{HOST}:{port}/{path}"
                    results[name].append(audit(url, root / "report.json"))
    medians = {
        page: {name: median(one[name] for one in found) for name in found[0]}
        for page, found in results.items()
    }
    print(f"\nLighthouse on a phone, {STORIES} stories with pictures, median of {rounds} rounds")
    print_table(
        ("page", *CATEGORIES.values(), "kB"),
        [
            (page, *(f"{found[name]:.0f}" for name in CATEGORIES), f"{found['bytes'] / 1000:.0f}")
            for page, found in medians.items()
        ],
    )
    bars = [
        Bar(f"{page}: {words} short of 100", 100 - found[name], 0)
        for page, found in medians.items()
        for name, words in CATEGORIES.items()
        if (page, name) not in EXCEPT
    ]
    sys.exit(0 if print_bars(bars) else 1)


if __name__ == "__main__":
    main()
