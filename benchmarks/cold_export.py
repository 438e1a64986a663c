"""Time a cold `feeds export` (three formats) against the yardstick (two), in turn in one run.

Cold means: nothing published and nothing remembered. The bars hold from 10,000 seeds on; below, the
start of the interpreter outweighs the work, and the numbers are shown without a verdict.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from measure import MEBIBYTE, Bar, Measurement, in_turn, print_bars, print_table
from workspace import Workspace

CPU_BAR = 0.6
WALL_BAR = 0.4
MEMORY_BAR = 300
BARS_FROM = 10_000


def compare(count: int, rounds: int) -> bool:
    """Compare the two on so many seeds; return whether the bars that apply are reached."""
    with tempfile.TemporaryDirectory(prefix="feeds-benchmark-") as folder:
        space = Workspace(Path(folder))
        space.prepare(count)

        def cold_export() -> Measurement:
            space.forget()
            return space.export()

        results = in_turn(rounds, {"yardstick": space.yardstick, "feeds export": cold_export})
        documents = {
            "yardstick": _count_files(space.yardstick_out),
            "feeds export": _count_files(space.out),
        }
    yardstick, feeds = results["yardstick"], results["feeds export"]
    print(f"\nCold export of {count:,} seeds, median of {rounds} rounds")
    print_table(
        ("", "CPU s", "ratio", "wall s", "ratio", "peak MiB", "files"),
        [
            (
                name,
                f"{result.cpu:.2f}",
                f"{result.cpu / yardstick.cpu:.2f}",
                f"{result.wall:.2f}",
                f"{result.wall / yardstick.wall:.2f}",
                f"{result.peak_memory / MEBIBYTE:.0f}",
                str(documents[name]),
            )
            for name, result in results.items()
        ],
    )
    if count < BARS_FROM:
        return True
    return print_bars(
        [
            Bar("CPU, of the yardstick's", feeds.cpu / yardstick.cpu, CPU_BAR),
            Bar("wall, of the yardstick's", feeds.wall / yardstick.wall, WALL_BAR),
            Bar("peak memory", feeds.peak_memory / MEBIBYTE, MEMORY_BAR, " MiB"),
        ]
    )


def _count_files(folder: Path) -> int:
    """Count the files below a folder: a run that published nothing must show."""
    return sum(path.is_file() for path in folder.rglob("*"))


def main() -> None:
    """Read the command line, compare, and exit with 1 if a bar is not reached."""
    parser = argparse.ArgumentParser(description="Time a cold export against the yardstick.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1_000, 10_000], metavar="N")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    reached = [compare(count, arguments.rounds) for count in arguments.seeds]
    sys.exit(0 if all(reached) else 1)


if __name__ == "__main__":
    main()
