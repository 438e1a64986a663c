"""Interrupts wait while something must be whole, and end coroutines in good order."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from feeds.common.interrupts import run_coroutine, uninterrupted

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


def test_interrupt_that_ends_the_process_waits_until_the_end() -> None:
    code = """
import signal, threading
from feeds.common.interrupts import uninterrupted
def take():
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.raise_signal(signal.SIGTERM)
with uninterrupted():
    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    print("whole", flush=True)
print("not ended")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "whole\n")


@pytest.mark.parametrize("when", ["before", "while it runs"])
def test_interrupt_of_a_coroutine_is_raised_when_that_has_tidied_up(when: str) -> None:
    done: list[str] = []

    async def main() -> None:
        done.append("begun")
        signal.raise_signal(signal.SIGTERM)
        done.append("not cut short")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            done.append("tidied up")

    def begin() -> Coroutine[Any, Any, None]:
        if when == "before":
            signal.raise_signal(signal.SIGTERM)
        return main()

    before = signal.signal(signal.SIGTERM, told)
    try:
        with pytest.raises(ToldError, match="SIGTERM"):
            run_coroutine(begin)
        assert signal.getsignal(signal.SIGTERM) is told
    finally:
        signal.signal(signal.SIGTERM, before)
    assert done == ([] if when == "before" else ["begun", "not cut short", "tidied up"])


def test_signal_whose_handler_raises_nothing_lets_a_coroutine_run_on() -> None:
    taken: list[int] = []

    async def main() -> str:
        signal.raise_signal(signal.SIGHUP)
        return "done"

    before = signal.signal(signal.SIGHUP, lambda number, _: taken.append(number))
    try:
        assert run_coroutine(main) == "done"
    finally:
        signal.signal(signal.SIGHUP, before)
    assert taken == [signal.SIGHUP]
