"""Interrupts wait while a process is being started, whichever thread takes the signal."""

from __future__ import annotations

import signal
import sys
import threading
from multiprocessing.context import ForkServerContext
from types import ModuleType

import pytest

from feeds.cli import main
from feeds.common import child
from feeds.common.child import uninterrupted

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


class ToldError(Exception):
    """What the handlers of these tests raise."""


def told(number: int, _: object) -> None:
    raise ToldError(signal.Signals(number).name)


def take(number: int) -> None:
    """Has a thread take a signal, whatever the main thread has blocked."""
    thread = threading.Thread(target=signal.raise_signal, args=(number,))
    mask = signal.pthread_sigmask(signal.SIG_SETMASK, ())
    thread.start()
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    thread.join()


def start_something(number: int, done: list[int]) -> None:
    """Stands for what must not be interrupted."""
    with uninterrupted():
        take(number)
        done.extend(step for step in range(1000))  # a handler runs between two of these


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)
def test_interrupt_waits_until_the_end(number: signal.Signals) -> None:
    before = signal.signal(number, told)
    done: list[int] = []
    try:
        with pytest.raises(ToldError, match=number.name):
            start_something(number, done)
        assert len(done) == 1000
        assert signal.getsignal(number) is told
        assert number not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        signal.signal(number, before)


def test_interrupt_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        start_something(signal.SIGHUP, [])
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_interrupts_wait_in_a_thread_without_touching_handlers() -> None:
    before = [signal.getsignal(number) for number in NUMBERS]
    seen: list[object] = []

    def work() -> None:
        with uninterrupted():
            seen.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()).issuperset(NUMBERS))
            seen.append([signal.getsignal(number) for number in NUMBERS] == before)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True, True]


def test_processes_start_with_what_the_script_imports_that_each_of_them_runs_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = ModuleType("__main__")
    vars(script).update(main=main.main, sys=sys, exit=sys.exit, fixture=pytest.fixture, number=1)
    monkeypatch.setitem(sys.modules, "__main__", script)
    asked: list[list[str]] = []
    monkeypatch.setattr(
        ForkServerContext, "set_forkserver_preload", lambda _, some: asked.append(some)
    )
    child.fork_context(["textwrap"])
    assert {"textwrap", "feeds.cli.main"} <= set(asked[0])
    assert not any("pytest" in name for name in asked[0])
