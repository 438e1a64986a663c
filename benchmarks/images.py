"""Time the fetch of images against a plain httpx loop and curl, and passes with a full cache.

Images come from loopback, in turn for each contestant. Only `feeds` flushes what it writes, decodes
every image to its end, and takes metadata out.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import measure
from daemon_passes import editor
from image_server import HOSTS, photograph, serving
from measure import MEBIBYTE, Bar, Measurement, in_turn, print_bars, print_table
from rescan import newest_shown
from workspace import REPOSITORY, Workspace

from feeds.common.urls import normal_url
from feeds.images.cache import likely_name

HERE = Path(__file__).resolve().parent
MEMORY_BAR = 150
# Of the loop's wall time, on a machine that does nothing else.
WALL_BAR, WALL_AIM = 2.0, 1.5
PASS_BAR = 1.05
# As many at a time as `feeds` is told to.
CONCURRENCY = 8

_SEED = """\
---
title: Story {number}
publishedDateTime: 2026-01-01T00:00:00Z
originalUrl: https://news.example.com/{number}
quality: 70
published: true
provider: {{domain: example.com}}
images: [{{url: "{url}", isCached: true}}]
---
"""


def compare_fetches(count: int, rounds: int) -> bool:
    """Compare the fetch of so many images; return whether the bars are reached."""
    with tempfile.TemporaryDirectory(prefix="feeds-benchmark-") as folder, serving() as port:
        results = _fetches(Path(folder), count, rounds, port)
    loop = results["httpx loop"]
    print(f"\nFetch of {count:,} images of 100 KB from loopback, median of {rounds} rounds")
    print_table(
        ("", "wall s", "of the loop's", "CPU s", "of the loop's", "peak MiB"),
        [
            (
                name,
                f"{one.wall:.2f}",
                f"{one.wall / loop.wall:.2f}",
                f"{one.cpu:.2f}",
                f"{one.cpu / loop.cpu:.2f}",
                f"{one.peak_memory / MEBIBYTE:.0f}",
            )
            for name, one in results.items()
        ],
    )
    ours = results["feeds images fetch"]
    return print_bars(
        [
            Bar("wall time, of the loop's", ours.wall / loop.wall, WALL_BAR, aim=WALL_AIM),
            Bar("peak memory", ours.peak_memory / MEBIBYTE, MEMORY_BAR, " MiB"),
        ]
    )


def _fetches(root: Path, count: int, rounds: int, port: int) -> dict[str, Measurement]:
    urls = [f"http://{HOSTS[one % len(HOSTS)]}:{port}/{one}.jpg" for one in range(count)]
    (root / "urls").write_text("\n".join(urls), encoding="utf-8")
    lines = [f'url = "{url}"\noutput = "curl/{n}.jpg"' for n, url in enumerate(urls)]
    (root / "curl.conf").write_text("\n".join(lines), encoding="utf-8")
    (root / "seeds").mkdir()
    for number, url in enumerate(urls):
        seed = _SEED.format(number=number, url=url)
        (root / f"seeds/{number}.md").write_text(seed, encoding="utf-8")
    (root / "config.toml").write_text(
        f"[images]\nallow_hosts = {json.dumps(HOSTS)}\nconcurrency = {CONCURRENCY}\n"
        "widths = []\n",  # narrower copies come after the fetch
        encoding="utf-8",
    )
    config = ("--config", str(root / "config.toml"))

    def loop() -> Measurement:
        shutil.rmtree(root / "loop", ignore_errors=True)
        argv = (sys.executable, str(HERE / "httpx_loop.py"), str(root / "urls"), str(root / "loop"))
        return measure.run(argv, root)

    def curl() -> Measurement:
        shutil.rmtree(root / "curl", ignore_errors=True)
        (root / "curl").mkdir()
        argv = ("curl", "--silent", "--fail", "--parallel", "--config", "curl.conf")
        return measure.run((*argv, "--parallel-max", str(CONCURRENCY)), root)

    def feeds() -> Measurement:
        shutil.rmtree(root / ".feeds", ignore_errors=True)
        measure.run((sys.executable, "-m", "feeds", "export", *config), REPOSITORY)
        result = measure.run(
            (sys.executable, "-m", "feeds", "images", "fetch", *config), REPOSITORY
        )
        copies = sum(1 for _ in (root / ".feeds/images/media").rglob("*.jpg"))
        if copies != count:
            raise RuntimeError(f"{copies} copies, not {count}")
        return result

    contestants = {"httpx loop": loop, "feeds images fetch": feeds}
    if shutil.which("curl"):
        contestants["curl --parallel"] = curl
    return in_turn(rounds, contestants)


def compare_passes(count: int, rounds: int) -> bool:
    """Compare passes with a full cache and without one; return whether the bars are reached."""
    with tempfile.TemporaryDirectory(prefix="feeds-benchmark-") as folder:
        results = _passes(Path(folder), count, rounds)
    print(f"\nfeeds export of {count:,} seeds, without images and with all, {rounds} rounds")
    kinds = [name for name in results if name.endswith(", images")]
    rows, bars = [], []
    for name in kinds:
        kind = name.removesuffix(", images")
        without, images = results[f"{kind}, none"], results[name]
        ratio = images.cpu / without.cpu
        rows.append((kind, f"{without.cpu:.3f}", f"{images.cpu:.3f}", f"{ratio:.3f}"))
        bars.append(Bar(f"{kind}, CPU of that without images", ratio, PASS_BAR))
    print_table(("", "CPU s without", "CPU s with", "ratio"), rows)
    return print_bars(bars)


def _passes(root: Path, count: int, rounds: int) -> dict[str, Measurement]:
    contestants: dict[str, Callable[[], Measurement]] = {}
    for name in ("none", "images"):
        space = Workspace(root / name)
        stories = space.prepare(count)
        if name == "images":
            _fill(space.root / ".feeds/images", [story.image for story in stories])
        _settle(space)
        edit = editor(space.seeds / newest_shown(stories).path)

        def everything(space: Workspace = space) -> Measurement:
            shutil.rmtree(space.out)
            return space.export("--full")

        def one(space: Workspace = space, edit: Callable[[], None] = edit) -> Measurement:
            edit()
            return space.export()

        contestants[f"everything anew, {name}"] = everything
        contestants[f"one seed changed, {name}"] = one
        contestants[f"nothing changed, {name}"] = space.export
    return in_turn(rounds, contestants)


def _settle(space: Workspace) -> None:
    """Export until no file comes to out/, at least twice.

    Seeds and copies are so new that some are looked at again, and a pass decodes for 10 s at most.
    """
    before, now = -1, 0
    while now != before:
        space.export()
        before, now = now, sum(1 for _ in space.out.rglob("*"))


def _fill(cache: Path, urls: list[str]) -> None:
    """Drop a copy of every image into the cache."""
    data = photograph((64, 48))
    for url in urls:
        path = cache / likely_name(normal_url(url) or url, "image/jpeg")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def main() -> None:
    """Read the command line, compare, and exit with 1 if a bar is not reached."""
    parser = argparse.ArgumentParser(description="Time the fetch of images, and passes with them.")
    parser.add_argument("--images", type=int, default=1_000, metavar="N")
    parser.add_argument("--seeds", type=int, default=10_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    reached = [
        compare_fetches(arguments.images, arguments.rounds),
        compare_passes(arguments.seeds, arguments.rounds),
    ]
    sys.exit(0 if all(reached) else 1)


if __name__ == "__main__":
    main()
