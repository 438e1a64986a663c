"""Time one pass inside the daemon, with nothing and with one seed changed, against the yardstick.

A pass costs what 20 more of them add to the CPU time of a process that runs them as the daemon
does; so its start is not counted, and all processes that a pass needs are.
"""

import tempfile
from pathlib import Path

from measure import MEBIBYTE, Bar, in_turn, print_bars, print_table
from rescan import newest_shown
from workspace import Workspace, run_comparison

BARS = {"nothing changed": 1 / 120, "one seed changed": 1 / 60}
AIMS = {"nothing changed": 1 / 150, "one seed changed": 1 / 120}
LARGE = 100_000
LARGE_BAR = 0.055
MEMORY_BAR = 300
FEW, MANY = 1, 21


def compare(count: int, rounds: int) -> bool:
    """Compare passes over so many seeds with the yardstick; return whether the bars are reached."""
    with tempfile.TemporaryDirectory(prefix="feeds-benchmark-") as folder:
        space = Workspace(Path(folder))
        seed = space.seeds / newest_shown(space.prepare(count)).path
        # Twice: the seeds are so new that the second run may have to look at some of them again.
        for _ in range(2):
            space.export()
        results = in_turn(
            rounds,
            {
                "yardstick": space.yardstick,
                "nothing changed, few": lambda: space.passes(FEW),
                "nothing changed, many": lambda: space.passes(MANY),
                "one seed changed, few": lambda: space.passes(FEW, seed),
                "one seed changed, many": lambda: space.passes(MANY, seed),
            },
        )
    yardstick = results["yardstick"].cpu
    costs = {
        name: (results[f"{name}, many"].cpu - results[f"{name}, few"].cpu) / (MANY - FEW)
        for name in BARS
    }
    peak = max(results[f"{name}, many"].peak_memory for name in BARS) / MEBIBYTE
    print(f"\nOne pass inside the daemon, {count:,} seeds, median of {rounds} rounds")
    rows = [("yardstick", f"{yardstick:.3f}", "1.0000")]
    rows += [(name, f"{cost:.3f}", f"{cost / yardstick:.4f}") for name, cost in costs.items()]
    print_table(("", "CPU s", "ratio"), rows)
    bars = BARS if count < LARGE else {"nothing changed": LARGE_BAR}
    # The bar for 100,000 seeds is a share of what the yardstick takes for 10,000.
    share = max(1, count // 10_000) if count >= LARGE else 1
    return print_bars(
        [
            *(
                Bar(
                    f"{name}, CPU of the yardstick's",
                    costs[name] / yardstick * share,
                    limit,
                    aim=AIMS[name] if share == 1 else None,
                )
                for name, limit in bars.items()
            ),
            Bar("peak memory of a pass", peak, MEMORY_BAR, " MiB"),
        ]
    )


if __name__ == "__main__":
    run_comparison("Time passes inside the daemon.", compare)
