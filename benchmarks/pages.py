"""Time a cold `feeds export` with pages for people against one without, on the same seeds.

Nothing is published and nothing remembered before each run. Both runs are of one program and in
turn, so that the difference is what pages cost.
"""

import os
import tempfile
from pathlib import Path

from measure import MEBIBYTE, Bar, Measurement, in_turn, print_bars, print_table
from workspace import Workspace, run_comparison

# How much longer an export may take with pages.
LIMIT = 1.35
SWITCH = "FEEDS_SITE__PAGES"


def compare(count: int, rounds: int) -> bool:
    """Compare cold exports of so many seeds; return whether the bar is reached."""
    files: dict[str, int] = {}

    def export(space: Workspace, *, pages: bool) -> Measurement:
        space.forget()
        os.environ[SWITCH] = str(pages).lower()
        result = space.export()
        name = "with pages" if pages else "without"
        files[name] = sum(path.is_file() for path in space.out.rglob("*"))
        return result

    with tempfile.TemporaryDirectory(prefix="feeds-benchmark-") as folder:
        space = Workspace(Path(folder))
        space.prepare(count)
        results = in_turn(
            rounds,
            {
                "without": lambda: export(space, pages=False),
                "with pages": lambda: export(space, pages=True),
            },
        )
    without, with_pages = results["without"], results["with pages"]
    print(f"\nCold export of {count:,} seeds, median of {rounds} rounds")
    print_table(
        ("", "wall s", "ratio", "CPU s", "ratio", "peak MiB", "files"),
        [
            (
                name,
                f"{result.wall:.2f}",
                f"{result.wall / without.wall:.2f}",
                f"{result.cpu:.2f}",
                f"{result.cpu / without.cpu:.2f}",
                f"{result.peak_memory / MEBIBYTE:.0f}",
                str(files[name]),
            )
            for name, result in results.items()
        ],
    )
    return print_bars(
        [
            Bar("CPU time with pages, of that without", with_pages.cpu / without.cpu, LIMIT),
        ]
    )


if __name__ == "__main__":
    run_comparison("Time exports with and without pages.", compare)
