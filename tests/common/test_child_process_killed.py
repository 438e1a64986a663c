"""Kills any child at any moment: its work is done once more, and nothing else shows."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from feeds.common.reports import Callbacks, Options
from tests.support import dying
from tests.support.imaging import Server, configure, picture, seed_with, serving
from tests.support.processes import PATIENCE, Daemon, wait_until
from tests.support.site import NOW, Site

# So many seeds, and feeds, that processes are worth their start.
_SEEDS = 700
_TOPICS = 60


def fill(site: Site) -> None:
    for number in range(_SEEDS):
        site.seed(f"{number}.txt", number=number, topics=[f"Topic {number % _TOPICS}"])


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A published site whose seeds are read, and whose feeds are rendered, by processes."""
    site = Site(tmp_path_factory.mktemp("crowded") / "site")
    fill(site)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "cpu_count", lambda: 2)
        site.publish()
        yield site


class Killer:
    """Kills processes in the midst of each stage of a pass, once."""

    def __init__(self, victims: str) -> None:
        self._victims = victims
        self.killed: dict[str, int] = {}

    def __call__(self, stage: str, done: int, *_: int) -> None:
        if stage in self.killed or done < 5:
            return
        workers = {one.pid for one in multiprocessing.active_children() if one.pid}
        victims = {
            "all workers": workers,
            "one worker": set(list(workers)[:1]),
            "the fork server": {dying.fork_server()},
            "the fork server, stopped": {dying.fork_server()},
            "the resource tracker": {dying.resource_tracker()},
            "all": dying.descendants(os.getpid()) | workers,
        }[self._victims]
        self.killed[stage] = len(victims)
        for pid in victims:
            with suppress(ProcessLookupError):
                stopped = self._victims.endswith("stopped")
                os.kill(pid, signal.SIGSTOP if stopped else signal.SIGKILL)
        if self._victims == "the fork server, stopped":
            for pid in workers:  # which are to be replaced, by a server that does nothing
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    "victims",
    [
        *("all workers", "one worker", "the fork server", "the fork server, stopped"),
        *("the resource tracker", "all"),
    ],
)
def test_pass_whose_processes_are_killed_publishes_all_the_same(
    crowded: Site, victims: str
) -> None:
    wanted = {name: data for name, (data, _) in crowded.tree().items() if name.endswith("atom")}
    for path in crowded.out.rglob("*.atom"):
        path.unlink()
    killer = Killer(victims)
    report = crowded.publish(NOW, Options(full=True), Callbacks(progress=killer))
    assert set(killer.killed) == {"seeds", "feeds"}
    assert all(killer.killed.values())
    assert (report.read, report.items, report.bad) == (_SEEDS, _SEEDS, 0)
    assert {path: crowded.read(path) for path in wanted} == wanted
    assert multiprocessing.active_children() == []


def test_export_whose_processes_are_killed_succeeds(site: Site) -> None:
    fill(site)
    killed: set[int] = set()
    with site.start("export") as process:
        # Fewer than would make out that it is the share of the work that kills.
        while process.poll() is None and len(killed) < 3:
            for pid in dying.descendants(process.pid) - killed:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
            time.sleep(random.uniform(0, 0.2))  # noqa: S311 (no secret)
        out, err = process.communicate(timeout=2 * PATIENCE)
    assert (process.returncode, err, f"{_SEEDS} items" in out) == (0, "", True)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def test_daemon_whose_children_are_killed_at_any_moment_goes_on(site: Site, server: Server) -> None:
    configure(site, toml='[schedule]\nevery = "1s"\nwatch = true\n')
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        for number in range(40):
            seed_with(site, number, server.serve(f"/{number}.jpg", picture()))
            others = daemon.others()
            with suppress(ProcessLookupError):
                if others:
                    os.kill(random.choice(others), signal.SIGKILL)  # noqa: S311 (no secret)
            time.sleep(random.uniform(0, 0.2))  # noqa: S311 (any moment)
        wait_until(lambda: b"Story 39" in site.read("all.atom"), 2 * PATIENCE)
        assert daemon.stop() == 0
        assert daemon.events()  # and none of its lines is a traceback
        wait_until(lambda: not daemon.others())
