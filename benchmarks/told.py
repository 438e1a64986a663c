"""Time a `feeds export --changed` that is told of one seed, among few and among ten times more.

Such a pass may cost nothing that exists, only what it is told: so both should cost the same. Each
export is a whole process, with the start of the interpreter.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from daemon_passes import editor
from measure import MEBIBYTE, Bar, Measurement, in_turn, print_bars, print_table
from rescan import newest_shown
from workspace import Workspace, run_comparison

BAR = 1.2


def told(root: Path, count: int) -> Callable[[], Measurement]:
    """Publish so many seeds; return what changes one of them and tells a pass of it."""
    root.mkdir()
    space = Workspace(root)
    seed = space.seeds / newest_shown(space.prepare(count)).path
    edit, listed = editor(seed), root / "changed"
    listed.write_text(f"{seed}\n", encoding="utf-8")
    # Twice: the seeds are so new that the second run may have to look at some of them again.
    for _ in range(2):
        space.export()

    def run() -> Measurement:
        edit()
        return space.export("--changed", str(listed))

    return run


def compare(count: int, rounds: int) -> bool:
    """Compare passes over one of so many seeds, and of ten times more."""
    with tempfile.TemporaryDirectory(prefix="feeds-benchmark-") as folder:
        counts = {f"{number:,} seeds": number for number in (count, 10 * count)}
        results = in_turn(
            rounds, {name: told(Path(folder) / str(one), one) for name, one in counts.items()}
        )
    print(f"\nPass that is told of one seed, median of {rounds} rounds")
    print_table(
        ("", "CPU s", "wall s", "peak MiB"),
        [
            (name, f"{one.cpu:.3f}", f"{one.wall:.2f}", f"{one.peak_memory / MEBIBYTE:.0f}")
            for name, one in results.items()
        ],
    )
    few, many = results.values()
    return print_bars(
        [Bar("one seed of ten times more, CPU of that of few", many.cpu / few.cpu, BAR)]
    )


if __name__ == "__main__":
    run_comparison("Time passes that are told of one seed.", compare)
