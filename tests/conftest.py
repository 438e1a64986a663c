"""Fixtures that several test files share."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from feeds.pipeline import after_publish
from feeds.store import Store, open_state
from tests.support.marks import marks_of, may_hold_stress
from tests.support.processes import PATIENCE
from tests.support.rescanning import Scanner
from tests.support.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.support.failing_buckets import Buckets

# Every document and every step of the state is flushed, which takes no time here.
_MEMORY = Path("/dev/shm")  # noqa: S108
_ROOM = 2 << 30

# Properties: how many examples each tries; one that costs much takes a share. It is no fault of
# theirs if a machine does much else, and what a fixture gave is as good for the next example.
_UNHURRIED = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("quick", _UNHURRIED, max_examples=100)
settings.register_profile("long", _UNHURRIED, max_examples=1000)
settings.load_profile("quick")


def pytest_configure() -> None:
    """Makes tests independent of how they were started, and of how busy the disk is."""
    # A shell has what it runs in the background ignore Ctrl-C, nohup has it ignore a hang-up, and
    # processes pass that on.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if _can_hold_all(_MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Passes over files without a stress test where those alone are run: to read all takes 3 s."""
    if config.option.markexpr != "stress" or not collection_path.match("test_*.py"):
        return None
    file = collection_path.relative_to(Path(__file__).parent).as_posix()
    return None if may_hold_stress(collection_path, file) else True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Pauses the garbage collector, and coverage in all workers but one: all import the same.

    What is collected stays to the end, so the collector never looks at it again.
    """
    is_traced = os.environ.get("PYTEST_XDIST_WORKER") in {None, "gw0"}
    gc.disable()
    try:
        with nullcontext() if is_traced else _untraced():
            return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests by the tables of tests/support/marks.py."""
    for path, tests in groupby(items, lambda item: item.path):
        file = path.relative_to(Path(__file__).parent).as_posix()
        for test in tests:
            parent = test.getparent(pytest.Module)
            for mark in marks_of(file, test.name, parent.obj if parent else None):
                test.add_marker(mark)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Pauses coverage, which doubles what a test costs, for properties and what needs no tracing.

    Examples beyond those that tests of each rule give run hardly a branch that these do not run.
    """
    is_needed = item.keywords.keys().isdisjoint({"hypothesis", "untraced"})
    with nullcontext() if is_needed else _untraced():
        return (yield)


@contextmanager
def _untraced() -> Iterator[None]:
    """Pauses coverage, if it runs, in this process and in those that are started meanwhile."""
    coverage = sys.modules.get("coverage")
    tracing = coverage and coverage.Coverage.current()
    if not tracing:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        tracing.stop()
        try:
            yield
        finally:
            tracing.start()


def _can_hold_all(folder: Path) -> bool:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    is_usable = os.access(folder, os.W_OK) and not disk.f_flag & os.ST_NOEXEC
    return is_usable and disk.f_bavail * disk.f_frsize > _ROOM


@pytest.fixture(autouse=True)
def same_handlers() -> Iterator[None]:
    """Gives signals back to pytest, since an interrupted command leaves them ignored."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty site in a folder of its own."""
    return Site(tmp_path / "site")


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has commands that run in this process wait for hubs as long as a busy machine needs."""
    monkeypatch.setattr(after_publish, "_ONCE_SECONDS", PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for the tests of a file."""
    # Imported on demand: few tests need it.
    from tests.support.browsing import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture
def scanner(site: Site) -> Iterator[Scanner]:
    """Rescans of an empty site into a store of its own."""
    with open_state(site.state, "pass", pytest.fail) as store:
        yield Scanner(site, store)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A new store, in a transaction that lasts as long as the test."""
    with open_state(tmp_path / "state.db", "pass", pytest.fail) as opened, opened.transaction():
        yield opened


@pytest.fixture(scope="module")
def bucket_server() -> Iterator[Buckets]:
    """A server of buckets on this machine, which processes that tests start find as well."""
    # Imported on demand: moto takes a second, and few tests want it.
    from tests.support.failing_buckets import serving_buckets

    with pytest.MonkeyPatch.context() as patch, serving_buckets(patch) as server:
        yield server


@pytest.fixture
def buckets(bucket_server: Buckets) -> Buckets:
    """The server, with an empty bucket, and without faults."""
    bucket_server.clear()
    return bucket_server
