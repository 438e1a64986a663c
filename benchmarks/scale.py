"""See how costs grow with seeds and feeds, up to a million seeds; and what a Dask cluster adds.

Nothing is compared with other programs: a bar is a limit, or a ratio to fewer seeds. One round, in
which things that are compared run one after the other. 1,000,000 seeds take half an hour of two
cores and 15 GB of disk (TMPDIR).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import many_feeds
import measure
from daemon_passes import editor
from measure import MEBIBYTE, Bar, Measurement, print_bars, print_table
from rescan import newest_shown
from workspace import REPOSITORY, Workspace

FEW = 10_000
_WORKERS = 2
# What Dask looks after without being asked costs 2 % of a core in each process (docs/scaling.md).
QUIET = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
}


class Site:
    """Published seeds, and what each command on them cost, by its name."""

    def __init__(self, root: Path, count: int) -> None:
        self.space, self.count = Workspace(root), count
        root.mkdir()
        self.seed = self.space.seeds / newest_shown(self.space.prepare(count)).path
        self._edit = editor(self.seed)
        self.cold = self.space.export()
        self.costs = {f"{count:,} seeds, cold": self.cold}

    def look(self) -> dict[str, Measurement]:
        """Measure small passes: nothing changed, one seed changed, told of it, and explain."""
        self.space.export()  # the seeds are so new that another pass may look at some again
        quiet = self.space.export()
        self._edit()
        changed = self.space.export()
        listed = self.space.root / "changed"
        listed.write_text(f"{self.seed}\n", encoding="utf-8")
        self._edit()
        self.space.export("--changed", str(listed))
        self._edit()
        told = self.space.export("--changed", str(listed))
        looks = {"nothing changed": quiet, "one changed": changed, "told of one": told}
        looks["explain"] = self.space.explain(self.seed)
        self.costs |= {f"{self.count:,} seeds, {name}": cost for name, cost in looks.items()}
        return looks


def grow(root: Path, count: int) -> tuple[dict[str, Measurement], list[Bar]]:
    """Measure so many seeds, a tenth of them, and `FEW`; return the costs and the bars."""
    counts = sorted({FEW, count // 10, count})
    sites = {one: Site(root / f"{one}", one) for one in counts}
    looks = {one: sites[one].look() for one in (FEW, count)}
    large, small = sites[count].cold, sites[count // 10].cold
    now, few = looks[count], looks[FEW]
    bars = [
        Bar("cold CPU per seed, of that of a tenth", large.cpu / small.cpu / 10, 1.1),
        Bar("largest process", large.largest / MEBIBYTE, 500, " MiB"),
        Bar("nothing changed, memory", now["nothing changed"].peak_memory / MEBIBYTE, 256, " MiB"),
        Bar(
            f"told of one, CPU of that of {FEW:,}",
            now["told of one"].cpu / few["told of one"].cpu,
            1.2,
        ),
        Bar("explain, CPU", now["explain"].cpu, 1, " s"),
    ]
    return {name: cost for site in sites.values() for name, cost in site.costs.items()}, bars


def widen(root: Path, feeds: int) -> tuple[dict[str, Measurement], list[Bar]]:
    """Measure one changed seed of so many feeds."""
    space = Workspace(root / "feeds")
    space.root.mkdir()
    newest = newest_shown(many_feeds.prepare(space, feeds))
    edit = editor(space.seeds / newest.path)
    costs = {f"{feeds:,} feeds, cold": space.export()}
    space.export()
    edit()
    costs[f"{feeds:,} feeds, one changed"] = changed = space.export()
    return costs, [Bar(f"one changed of {feeds:,} feeds, CPU", changed.cpu, 2, " s")]


def spread(root: Path, count: int) -> tuple[dict[str, Measurement], list[Bar]]:
    """Measure a cold export by processes and by a cluster on loopback, in turn."""
    space = Workspace(root / "dask")
    space.root.mkdir()
    space.prepare(count)
    config = space.config.read_text(encoding="utf-8")
    processes = space.export()
    space.forget()
    with space.config.open("a", encoding="utf-8") as file:
        file.write('\n[engine]\nkind = "dask"\naddress = "tcp://127.0.0.1:28786"\n')
    idle, cluster = (
        measure.run((sys.executable, __file__, "--within", *words), REPOSITORY)
        for words in ([], [str(space.config)])
    )
    space.config.write_text(config, encoding="utf-8")
    ratio = (cluster.cpu - idle.cpu) / processes.cpu
    costs = {
        f"{count:,} seeds, cold, processes": processes,
        f"{count:,} seeds, cold, Dask on loopback": cluster,
        "of it start and end of scheduler and workers": idle,
    }
    return costs, [Bar("Dask on loopback, CPU of that of processes", ratio, 1.5)]


@contextmanager
def _cluster() -> Iterator[None]:
    """Run a scheduler and workers."""
    scheduler = ["scheduler", "--host", "tcp://127.0.0.1", "--port", "28786", "--no-dashboard"]
    worker = ["worker", "tcp://127.0.0.1:28786", "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    commands = [scheduler, *([worker] * _WORKERS)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "dask", *one],
            env={**os.environ, **QUIET},
            stderr=subprocess.DEVNULL,
        )
        for one in commands
    ]
    try:
        yield
    finally:
        for one in reversed(running):
            one.terminate()
            one.wait()


def _within(configs: Sequence[str]) -> None:
    """Run an export inside of a cluster: what `spread` measures."""
    with _cluster():
        time.sleep(5)
        for config in configs:
            command = [sys.executable, "-m", "feeds", "export", "--json", "--config", config]
            done = subprocess.run(command, check=True, capture_output=True)
            if "seeds" not in json.loads(done.stdout)["workers"]:
                raise SystemExit("the cluster did nothing")


def main() -> None:
    """Read the command line, measure, and exit with 1 if a bar is not reached."""
    parser = argparse.ArgumentParser(description="See how costs grow with seeds and feeds.")
    parser.add_argument("--seeds", type=int, default=0, metavar="N", help="at least 10,000")
    parser.add_argument("--feeds", type=int, default=0, metavar="M")
    parser.add_argument("--engine", choices=("processes", "dask"), default="processes")
    parser.add_argument("--within", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.within is not None:
        _within(arguments.within)
        return
    costs: dict[str, Measurement] = {}
    bars: list[Bar] = []
    with tempfile.TemporaryDirectory(prefix="feeds-benchmark-") as folder:
        root = Path(folder)
        for step, number, is_wanted in (
            (grow, arguments.seeds, arguments.engine == "processes"),
            (spread, arguments.seeds, arguments.engine == "dask"),
            (widen, arguments.feeds, True),
        ):
            if number and is_wanted:
                measured, reached = step(root, number)
                costs |= measured
                bars += reached
    _print(costs)
    sys.exit(0 if print_bars(bars) else 1)


def _print(costs: dict[str, Measurement]) -> None:
    print_table(
        ("", "CPU s", "first process", "wall s", "peak MiB", "largest MiB", "written MB"),
        [
            (
                name,
                f"{one.cpu:.2f}",
                f"{one.parent_cpu:.2f}",
                f"{one.wall:.1f}",
                f"{one.peak_memory / MEBIBYTE:.0f}",
                f"{one.largest / MEBIBYTE:.0f}",
                f"{one.written / 1_000_000:.1f}",
            )
            for name, one in costs.items()
        ],
    )


if __name__ == "__main__":
    main()
