"""Time a `feeds export` that finds nothing or one seed changed, against the yardstick.

The yardstick has no cheaper way than to do everything again, so its time for the same seeds is what
a rescan is measured by. Each export is a whole process, with the start of the interpreter.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from daemon_passes import editor
from generate import Story
from measure import MEBIBYTE, Bar, Measurement, in_turn, print_bars, print_table
from workspace import Workspace, run_comparison

BARS = {"nothing changed": 1 / 30, "one seed changed": 1 / 22}
AIMS = {"nothing changed": 1 / 50, "one seed changed": 1 / 40}
# In seconds, whatever the yardstick takes, and however many seeds there are up to 100,000.
EXPLAIN = "explain of one seed"
EXPLAIN_BAR = 0.5


def compare(count: int, rounds: int) -> bool:
    """Compare rescans of so many seeds with the yardstick; return whether the bars are reached."""
    with tempfile.TemporaryDirectory(prefix="feeds-benchmark-") as folder:
        results, written = _measure(Workspace(Path(folder)), count, rounds)
    yardstick = results["yardstick"]
    print(f"\nRescan of {count:,} seeds, median of {rounds} rounds")
    print_table(
        ("", "CPU s", "ratio", "wall s", "peak MiB", "files written"),
        [
            (
                name,
                f"{result.cpu:.2f}",
                f"{result.cpu / yardstick.cpu:.4f}",
                f"{result.wall:.2f}",
                f"{result.peak_memory / MEBIBYTE:.0f}",
                str(written[name]),
            )
            for name, result in results.items()
        ],
    )
    return print_bars(
        [
            Bar(
                f"{name}, CPU of the yardstick's",
                results[name].cpu / yardstick.cpu,
                limit,
                aim=AIMS[name],
            )
            for name, limit in BARS.items()
        ]
        + [Bar(f"{EXPLAIN}, CPU", results[EXPLAIN].cpu, EXPLAIN_BAR, " s")]
    )


def _measure(
    space: Workspace, count: int, rounds: int
) -> tuple[dict[str, Measurement], dict[str, int]]:
    """Return for each contestant what it cost, and how many files its last run wrote."""
    newest = newest_shown(space.prepare(count))
    edit = editor(space.seeds / newest.path)
    written: dict[str, int] = {}

    def watched(name: str, program: Callable[[], Measurement], out: Path) -> Measurement:
        before = _modified(out)
        result = program()
        written[name] = len(_modified(out) - before)
        return result

    def one_changed() -> Measurement:
        edit()
        return watched("one seed changed", space.export, space.out)

    # Twice: the seeds are so new that the second run may have to look at some of them again.
    for _ in range(2):
        space.export()
    results = in_turn(
        rounds,
        {
            "yardstick": lambda: watched("yardstick", space.yardstick, space.yardstick_out),
            "nothing changed": lambda: watched("nothing changed", space.export, space.out),
            "one seed changed": one_changed,
            EXPLAIN: lambda: watched(
                EXPLAIN, lambda: space.explain(space.seeds / newest.path), space.out
            ),
        },
    )
    return results, written


def newest_shown(stories: list[Story]) -> Story:
    """Return a story that stands in the feeds, so that its change has to be published."""
    return max(
        (story for story in stories if story.published and story.quality >= 40),
        key=lambda story: story.date,
    )


def _modified(folder: Path) -> set[tuple[Path, int]]:
    """Return the files below a folder, each with the time of its last change."""
    return {(path, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


if __name__ == "__main__":
    run_comparison("Time rescans against the yardstick.", compare)
