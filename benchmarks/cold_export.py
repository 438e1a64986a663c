"""Time a cold `feeds export` (four formats) against the yardstick (two) and Hugo (RSS), in turn.

Cold means: nothing published and nothing remembered. The bars hold from 10,000 seeds on; below, the
start of the interpreter outweighs the work, and the numbers are shown without a verdict. Hugo takes
part if it is installed.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import hugo
from measure import MEBIBYTE, Bar, Measurement, in_turn, print_bars, print_table
from workspace import Workspace

CPU_BAR, CPU_AIM = 0.85, 0.5
WALL_BAR, WALL_AIM = 0.5, 0.3
PARENT_BAR, PARENT_AIM = 0.12, 0.08
MEMORY_BAR = 200
HUGO_WALL_BAR, HUGO_CPU_BAR = 0.8, 1.2
BARS_FROM = 10_000


def compare(count: int, rounds: int) -> bool:
    """Compare the two on so many seeds; return whether the bars that apply are reached."""
    with tempfile.TemporaryDirectory(prefix="feeds-benchmark-") as folder:
        space = Workspace(Path(folder))
        stories = space.prepare(count)
        site = Path(folder) / "hugo"

        def cold_export() -> Measurement:
            space.forget()
            return space.export()

        contestants = {"yardstick": space.yardstick, "feeds export": cold_export}
        folders = {"yardstick": space.yardstick_out, "feeds export": space.out}
        if hugo.is_installed():
            hugo.prepare(site, space.seeds, stories)
            contestants["hugo"], folders["hugo"] = lambda: hugo.build(site), site / "public"
        results = in_turn(rounds, contestants)
        documents = {name: _count_files(path) for name, path in folders.items()}
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
    bars = [
        Bar("CPU, of the yardstick's", feeds.cpu / yardstick.cpu, CPU_BAR, aim=CPU_AIM),
        Bar("wall, of the yardstick's", feeds.wall / yardstick.wall, WALL_BAR, aim=WALL_AIM),
        Bar(
            "CPU of the first process, of the yardstick's",
            feeds.parent_cpu / yardstick.cpu,
            PARENT_BAR,
            aim=PARENT_AIM,
        ),
        Bar("peak memory", feeds.peak_memory / MEBIBYTE, MEMORY_BAR, " MiB"),
    ]
    if "hugo" in results:
        other = results["hugo"]
        bars.append(Bar("wall, of Hugo's", feeds.wall / other.wall, HUGO_WALL_BAR))
        bars.append(Bar("CPU, of Hugo's", feeds.cpu / other.cpu, HUGO_CPU_BAR))
    return print_bars(bars)


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
