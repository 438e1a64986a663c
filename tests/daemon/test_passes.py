"""Passes in a process beside, every way in which one can end, and when the process stays."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from feeds.common.reports import Callbacks, Options, PassReport
from feeds.common.task import Say
from feeds.config import Loaded
from feeds.daemon import passes as runner
from feeds.daemon.passes import PassRunner
from feeds.daemon.processes import Outcome
from feeds.pipeline.run import publish_feeds
from tests.support import dying
from tests.support.processes import PATIENCE, wait_until
from tests.support.site import Site


def stay() -> None:
    """What `leave` answers when nobody wants to leave."""


class Run:
    """What to do to the process of a pass once it waits for out/."""

    def __init__(self, act: Callable[[int], object]) -> None:
        self.warnings: list[str] = []
        self._act = act
        self._done = False

    def __call__(self) -> None:
        if self.warnings and not self._done:
            self._done = True
            self._act(the_pass())


def the_pass() -> int:
    """Returns the pid of the pass that runs."""
    (process,) = (one for one in multiprocessing.active_children() if one.name == "feeds pass")
    assert process.pid is not None
    return process.pid


def run(
    site: Site, leave: Callable[[], float | None] = stay, timeout: float = 60
) -> tuple[Outcome[PassReport], list[str]]:
    warnings: list[str] = []
    outcome = run_once(site.load(), warnings.append, leave, timeout)
    return outcome, warnings


def run_once(
    loaded: Loaded,
    warn: Callable[[str], None],
    leave: Callable[[], float | None] = stay,
    timeout: float = 60,
) -> Outcome[PassReport]:
    """Runs a pass, and ends the process that it leaves."""
    passes = PassRunner()
    outcome = passes.run(loaded, warn, timeout=timeout, leave=leave)
    assert bool(multiprocessing.active_children()) == (outcome.report is not None)
    passes.stop()
    assert multiprocessing.active_children() == []
    return outcome


def run_busy(site: Site, act: Callable[[int], object], timeout: float = 60) -> Outcome[PassReport]:
    """Runs a pass while out/ is busy, and does `act` to its process once it waits."""
    hook = Run(act)
    with site.busy():
        return run_once(site.load(), hook.warnings.append, hook, timeout)


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_runner_gives_the_report_of_a_pass_that_succeeds(site: Site) -> None:
    site.seed("a.txt")
    site.write("b.txt", "no seed")
    outcome, warnings = run(site)
    assert outcome.report is not None
    assert (outcome.report.seeds, outcome.report.bad, outcome.report.items) == (2, 1, 1)
    assert outcome == Outcome(outcome.report)
    assert warnings == []
    assert site.read("all.atom").startswith(b"<?xml")


def test_runner_runs_pass_after_pass_without_leaving_descriptors_open(site: Site) -> None:
    site.seed()
    run(site)
    before = open_descriptors()
    for number in range(5):
        site.seed(title=f"Edition {number}")
        outcome, _ = run(site)
        assert outcome.report is not None
        assert "all.atom" in outcome.report.written
    assert open_descriptors() == before


def test_runner_hands_on_what_a_pass_warns_of_while_it_runs(site: Site) -> None:
    site.seed()
    site.spoil_state()
    outcome, (warning,) = run(site)
    assert outcome.report is not None
    assert f"{site.state} cannot be used" in warning


def test_runner_gives_the_reason_of_a_pass_that_fails(site: Site) -> None:
    site.seeds.rmdir()
    outcome, _ = run(site)
    assert outcome.report is None
    assert "cannot list the seeds folder seeds" in outcome.reason
    assert (outcome.details, outcome.abandoned) == ("", False)


def test_runner_gives_the_traceback_of_a_fault_of_ours(site: Site) -> None:
    loaded = site.load()
    config = replace(loaded.config, selection=None)
    site.seed()
    outcome = run_once(loaded._replace(config=config), print)
    assert outcome.reason.startswith("AttributeError: ")
    assert "Traceback (most recent call last)" in outcome.details
    assert "publish_feeds" in outcome.details


@pytest.mark.parametrize("frozen", [False, True], ids=["asleep", "stopped"])
def test_runner_kills_a_pass_that_hangs(site: Site, frozen: bool) -> None:  # noqa: FBT001
    pids: list[int] = []

    def act(pid: int) -> None:
        pids.append(pid)
        if frozen:
            os.kill(pid, signal.SIGSTOP)

    site.seed()
    began = time.monotonic()
    outcome = run_busy(site, act, timeout=3)
    assert 3 <= time.monotonic() - began < 3 + PATIENCE
    assert outcome == Outcome(reason="hung for 3 s (schedule.timeout) and was killed")
    assert not dying.is_alive(pids[0])


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (signal.SIGKILL, "SIGKILL"),
        (signal.SIGSEGV, "SIGSEGV"),
        (signal.SIGRTMIN + 3, "37"),
    ],
    ids=str,
)
def test_runner_tells_of_what_signal_a_pass_died(site: Site, number: int, name: str) -> None:
    site.seed()
    outcome = run_busy(site, lambda pid: os.kill(pid, number))
    assert outcome.report is None
    assert not outcome.abandoned
    assert outcome.reason.startswith("was killed by ")
    assert name in outcome.reason


def test_runner_tells_of_a_pass_that_is_killed_while_it_reports(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_passes", dying.killed_in_a_message)
    assert run(site) == (Outcome(reason="was killed by SIGKILL"), [])


def test_runner_kills_a_pass_that_is_stopped_while_it_reports(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_passes", dying.stopped_in_a_message)
    outcome, _ = run(site, timeout=2)
    assert outcome == Outcome(reason="hung for 2 s (schedule.timeout) and was killed")


def test_runner_pass_does_not_mind_ctrl_c_at_the_terminal(site: Site) -> None:
    site.seed()

    def interrupt(pid: int) -> None:
        os.kill(pid, signal.SIGINT)
        lock.close()

    hook = Run(interrupt)
    with ExitStack() as lock:
        lock.enter_context(site.busy())
        outcome = run_once(site.load(), hook.warnings.append, hook)
    assert outcome.report is not None


@pytest.mark.parametrize("grace", [0.0, 1.0])
def test_runner_abandons_a_pass_that_is_not_done_at_the_moment_given(
    site: Site, grace: float
) -> None:
    site.seed()
    began = time.monotonic()
    with site.busy():
        outcome, _ = run(site, leave=lambda: began + grace)
    assert outcome.abandoned
    assert outcome.report is None
    assert grace <= time.monotonic() - began < grace + PATIENCE
    assert not (site.out / "all.atom").exists()


def test_runner_lets_a_pass_finish_before_the_moment_given(site: Site) -> None:
    site.seed()
    deadline = time.monotonic() + 2 * PATIENCE
    outcome, _ = run(site, leave=lambda: deadline)
    assert outcome.report is not None
    assert not outcome.abandoned


def test_runner_goes_on_after_every_way_in_which_a_pass_can_end(site: Site) -> None:
    site.seed()
    run_busy(site, lambda pid: os.kill(pid, signal.SIGKILL))
    run_busy(site, print, timeout=1)
    outcome, _ = run(site)
    assert outcome.report is not None


def test_runner_goes_on_after_the_process_that_passes_are_forked_from_was_killed(
    site: Site,
) -> None:
    site.seed()
    run(site)
    os.kill(dying.fork_server(), signal.SIGKILL)
    failed, _ = run(site)  # at once, while that process is dying
    assert failed.report or failed.reason
    # The kernel may take a moment to see it off; the daemon's next passes come later than that.
    wait_until(lambda: run(site)[0].report is not None)
    assert site.read("all.atom").startswith(b"<?xml")


def test_runner_lets_the_processes_that_read_seeds_die_with_their_pass(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pass kills itself as soon as it has processes, so no machine is too slow for that."""
    monkeypatch.setattr(runner, "_passes", killed_with_its_helpers)
    outcome, warnings = run(site)
    assert outcome.reason == "was killed by SIGKILL"
    helpers = set(map(int, warnings[0].split()))
    assert len(helpers) >= 3
    wait_until(lambda: not any(map(dying.is_alive, helpers)))


# No pass here has so much work that it would ask for a scheduler.
_DASK = '[engine]\nkind = "dask"\naddress = "tcp://127.0.0.1:1"\n'


def passes_after(site: Site, act: Callable[[int], object]) -> tuple[int, int]:
    """Runs two passes; returns the processes that stayed after them. `act` is done in between."""
    stayed, passes = [], PassRunner()
    for number in range(2):
        site.seed(title=f"Edition {number}")
        outcome = passes.run(site.load(), print, timeout=60, leave=stay)
        assert outcome.report is not None
        assert "all.atom" in outcome.report.written
        stayed.append(the_pass())
        act(stayed[-1])
    passes.stop()
    assert multiprocessing.active_children() == []
    return stayed[0], stayed[1]


@pytest.mark.parametrize("settings", ["", _DASK], ids=["processes", "dask"])
def test_runner_keeps_the_process_for_the_next_pass(site: Site, settings: str) -> None:
    site.configure(settings)
    first, second = passes_after(site, lambda _: None)
    assert first == second


@pytest.mark.parametrize("change", ["configuration", "killed", "failed"])
def test_runner_begins_another_process_after(site: Site, change: str) -> None:
    passes = PassRunner()

    def act(pid: int) -> None:
        if change == "configuration":
            site.configure("[content]\nrelated = 0\n")
        if change == "killed":
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not multiprocessing.active_children())

    if change != "failed":
        first, second = passes_after(site, act)
        assert first != second
        return
    site.seed()
    assert passes.run(site.load(), print, timeout=60, leave=stay).report
    site.seeds.rename(site.root / "elsewhere")
    assert "cannot list" in passes.run(site.load(), print, timeout=60, leave=stay).reason
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(("settings", "stays"), [("", False), (_DASK, True)], ids=["", "dask"])
def test_runner_keeps_no_process_that_took_much_memory_but_one_with_a_client(
    site: Site, monkeypatch: pytest.MonkeyPatch, settings: str, *, stays: bool
) -> None:
    site.configure(settings)
    site.seed()
    monkeypatch.setattr(runner, "_passes", passes_that_take_much)
    passes = PassRunner()
    assert passes.run(site.load(), print, timeout=60, leave=stay).report
    assert bool(multiprocessing.active_children()) == stays
    passes.stop()


def passes_that_take_much(*arguments: Any) -> bytes:
    """Runs passes, of which each takes more than the most."""
    runner._MOST_KIB = 0
    return runner._passes(*arguments)


def killed_with_its_helpers(say: Say, loaded: Loaded, *_: object) -> bytes:
    """Is a pass that tells its processes that read seeds, and is killed among the first seeds."""
    os.cpu_count = lambda: 2
    me = os.getpid()

    def progress(stage: str, *_: int) -> None:
        assert stage == "seeds"
        servers = dying.children(me)
        workers = {worker for server in servers for worker in dying.children(server)}
        assert workers
        say(msgspec.msgpack.encode(" ".join(map(str, servers | workers))))
        os.kill(me, signal.SIGKILL)

    folder = loaded.config.paths.folders[0]
    for number in range(700):
        (folder / f"{number}.txt").write_text("no seed")
    publish_feeds(loaded, Options(), Callbacks(progress=progress))
    return b""
