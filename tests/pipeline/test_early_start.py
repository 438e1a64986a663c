"""What a first pass needs later loads while it does other things."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from feeds.common import child_process
from feeds.pipeline import early_start, run
from tests.support.site import Site
from tests.support.spying import spy

# Of this test: to have as many seeds as make processes worth their start would take a second.
ENOUGH = 5
DASK = """
[engine]
kind = "dask"
address = "tcp://127.0.0.1:8786"
"""


@pytest.fixture
def started(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Notes each start of a server, in a site whose seeds are just enough for processes."""
    calls: list[object] = []
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(early_start, "WORTH_PROCESSES", ENOUGH)
    monkeypatch.setattr(early_start, "fork_context", calls.append)
    monkeypatch.setattr(child_process, "_preloaded", [])
    for number in range(ENOUGH):
        site.seed(f"{number % 2}/{number}.txt", number=number)
    return calls


def test_early_server_is_started_for_a_first_pass_over_many_seeds_in_folders_below(
    site: Site, started: list[object]
) -> None:
    early_start.start_early(site.load().config)
    assert len(started) == 1
    assert set(early_start.WORKER_MODULES) <= set(child_process._preloaded)


@pytest.mark.parametrize(
    "why", ["few seeds", "few seeds among files", "a later pass", "another engine", "one core"]
)
def test_early_server_is_not_started_where_no_process_will_read(
    site: Site, started: list[object], monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    if why == "few seeds":
        (site.seeds / "0/0.txt").unlink()
    elif why == "few seeds among files":
        (site.seeds / "0/0.txt").rename(site.seeds / "0/0.jpg")
    elif why == "a later pass":
        site.publish()
    elif why == "another engine":
        site.configure(DASK)
    else:
        monkeypatch.setattr(os, "cpu_count", lambda: 1)
    early_start.start_early(site.load().config)
    assert not started


@pytest.mark.parametrize("fault", [OSError, EOFError])
def test_early_server_that_cannot_start_leaves_the_fault_to_who_needs_it(
    site: Site, started: list[object], monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    def failing(_: object) -> None:
        started.append(fault)
        raise fault

    monkeypatch.setattr(early_start, "fork_context", failing)
    early_start.start_early(site.load().config)
    assert started == [fault]


def test_early_server_starts_before_the_modules_of_a_pass_are_loaded() -> None:
    assert (
        printed("import sys, feeds.cli.export; print('feeds.pipeline.run' in sys.modules)")
        == "False"
    )


def test_early_renderers_are_loaded_in_a_thread() -> None:
    code = """
import sys, threading
from feeds.pipeline.early_start import load_renderers
load_renderers()
for one in threading.enumerate()[1:]:
    one.join()
print([name in sys.modules for name in ("feeds.render.documents", "feeds.render.overviews")])
"""
    assert printed(code) == "[True, True]"


def test_early_renderers_that_cannot_be_loaded_are_no_fault_of_the_thread() -> None:
    code = """
import sys, threading
from feeds.pipeline.early_start import load_renderers
sys.modules["feeds.render.overviews"] = None
threading.excepthook = print
load_renderers()
for one in threading.enumerate()[1:]:
    one.join()
print("ended")
"""
    assert printed(code) == "ended"


def test_early_renderers_are_loaded_by_a_first_pass_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = spy(monkeypatch, run, "load_renderers")
    site.seed()
    site.publish()
    assert len(calls) == 1
    site.seed(title="Other")
    site.publish()
    assert len(calls) == 1


def printed(code: str) -> str:
    """Returns what another Python prints for this code."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()
