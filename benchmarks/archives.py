"""Time what archives cost: one changed seed, and a cold `feeds export`, with archives and without.

Both sites have the same seeds, and runs are in turn, so that the difference is what archives cost.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from daemon_passes import editor
from measure import MEBIBYTE, Bar, Measurement, in_turn, print_bars, print_table
from rescan import newest_shown
from workspace import Workspace, run_comparison

# How much more CPU one changed seed may cost with archives, and the most memory of a cold export.
LIMIT = 1.3
MEMORY_LIMIT = 200
_SETTING = '\narchive = "month"'


def compare(count: int, rounds: int) -> bool:
    """Compare exports of so many seeds with archives and without; return whether bars hold."""
    with tempfile.TemporaryDirectory(prefix="feeds-benchmark-") as folder:
        spaces = {name: Workspace(Path(folder, name)) for name in ("without", "archives")}
        edits = {name: _prepare(space, count) for name, space in spaces.items()}
        config = spaces["archives"].config
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace("[site]", f"[site]{_SETTING}"), encoding="utf-8")

        def cold(name: str) -> Measurement:
            spaces[name].forget()
            return spaces[name].export()

        def edited(name: str) -> Measurement:
            edits[name]()
            return spaces[name].export()

        contestants = {"cold": cold, "nothing changed": _warm(spaces), "one seed changed": edited}
        results: dict[str, dict[str, Measurement]] = {}
        for what, run in contestants.items():
            turns = {name: _bound(run, name) for name in spaces}
            results[what] = in_turn(1 if what == "cold" else rounds, turns)
            if what == "cold":
                for name in spaces:
                    spaces[name].export()  # some seeds were too new to be settled
        files = {
            name: sum(path.is_file() for path in one.out.rglob("*")) for name, one in spaces.items()
        }
    return _print(count, results, files)


def _prepare(space: Workspace, count: int) -> Callable[[], None]:
    space.root.mkdir()
    newest = newest_shown(space.prepare(count))
    return editor(space.seeds / newest.path)


def _warm(spaces: dict[str, Workspace]) -> Callable[[str], Measurement]:
    return lambda name: spaces[name].export()


def _bound(run: Callable[[str], Measurement], name: str) -> Callable[[], Measurement]:
    return lambda: run(name)


def _print(count: int, results: dict[str, dict[str, Measurement]], files: dict[str, int]) -> bool:
    print(f"\n{count:,} seeds; files in out/: {files['without']:,} and {files['archives']:,}")
    rows = []
    for what, runs in results.items():
        for name, one in runs.items():
            cells = one.cpu, one.cpu / runs["without"].cpu, one.wall
            peak = f"{one.peak_memory / MEBIBYTE:.0f}"
            rows.append((f"{what}, {name}", *(f"{cell:.2f}" for cell in cells), peak))
    print_table(("", "CPU s", "ratio", "wall s", "peak MiB"), rows)
    memory = results["cold"]["archives"].peak_memory / MEBIBYTE
    changed = results["one seed changed"]
    ratio = changed["archives"].cpu / changed["without"].cpu
    return print_bars(
        [
            Bar("one seed changed, CPU with archives, of that without", ratio, LIMIT),
            Bar("cold export with archives, peak memory", memory, MEMORY_LIMIT, " MiB"),
        ]
    )


if __name__ == "__main__":
    run_comparison("Time exports with archives and without.", compare)
