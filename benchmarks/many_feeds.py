"""See what one changed seed costs a site of very many feeds: files rewritten, bytes, CPU.

The seeds are those of `generate.py`, all of them published and each with five topics of its own: so
nearly all feeds are small, and a changed seed stands in seven of them.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from daemon_passes import editor
from generate import Story
from measure import MEBIBYTE, Bar, Measurement, print_bars, print_table
from rescan import newest_shown
from workspace import Workspace

LARGEST_REWRITTEN, LARGEST_PAGE = 2_000_000, 1_000_000
_TOPICS = 5
_OWN_FIELDS = re.compile(r"^(?:topics:\n(?:  - .*\n)+|published: .*\n|quality: .*\n)", re.MULTILINE)


class Pass(NamedTuple):
    """What an export cost, and the files that it wrote, with their sizes in bytes."""

    cost: Measurement
    written: dict[str, int]


def look(space: Workspace, feeds: int) -> bool:
    """Change one seed of so many feeds; return whether the bars are reached."""
    newest = newest_shown(prepare(space, feeds))
    edit = editor(space.seeds / newest.path)
    passes = {"cold": _export(space), "nothing changed": _export(space)}
    edit()
    passes["one seed changed"] = changed = _export(space)
    page = max(path.stat().st_size for path in space.out.glob("feeds/**/*.html"))
    listed = (space.out / "feeds.opml").stat().st_size
    print(f"\n{feeds:,} topics, feeds.opml {listed:,} bytes, largest page of a list {page:,} bytes")
    print_table(
        ("", "CPU s", "wall s", "peak MiB", "files written", "bytes", "largest"),
        [
            (
                name,
                f"{one.cost.cpu:.1f}",
                f"{one.cost.wall:.1f}",
                f"{one.cost.peak_memory / MEBIBYTE:.0f}",
                f"{len(one.written):,}",
                f"{sum(one.written.values()):,}",
                f"{max(one.written.values(), default=0):,}",
            )
            for name, one in passes.items()
        ],
    )
    largest = max(changed.written.values())
    return print_bars(
        [
            Bar("largest file rewritten, bytes", largest, LARGEST_REWRITTEN),
            Bar("largest page of a list, bytes", page, LARGEST_PAGE),
        ]
    )


def prepare(space: Workspace, feeds: int) -> list[Story]:
    """Write seeds of so many topics, and the configuration; return the stories."""
    stories = space.prepare(feeds // _TOPICS)
    for number, story in enumerate(stories):
        path = space.seeds / story.path
        names = (_topic(_TOPICS * number + one) for one in range(_TOPICS))
        fields = "published: true\nquality: 70\ntopics:\n" + "".join(
            f"  - {one}\n" for one in names
        )
        text = _OWN_FIELDS.sub("", path.read_text(encoding="utf-8"))
        path.write_text(text.replace("---\n", f"---\n{fields}", 1), encoding="utf-8")
    return stories


def _topic(number: int) -> str:
    """Return the name of a topic; each letter begins as many."""
    return f"{chr(ord('A') + number % 26)}rea {number}"


def _export(space: Workspace) -> Pass:
    before = _files(space.out)
    cost = space.export()
    after = _files(space.out)
    written = {name: size for name, (size, *_) in after.items() if before.get(name) != after[name]}
    return Pass(cost, written)


def _files(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return size, mtime and inode of every file below a folder."""
    found = {}
    for path in folder.rglob("*"):
        status = path.stat()
        if path.is_file():
            found[str(path)] = (status.st_size, status.st_mtime_ns, status.st_ino)
    return found


def main() -> None:
    """Read the command line, look, and exit with 1 if a bar is not reached."""
    parser = argparse.ArgumentParser(description="Change one seed of very many feeds.")
    parser.add_argument("--feeds", type=int, default=100_000, metavar="N")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="feeds-benchmark-") as folder:
        sys.exit(0 if look(Workspace(Path(folder)), arguments.feeds) else 1)


if __name__ == "__main__":
    main()
