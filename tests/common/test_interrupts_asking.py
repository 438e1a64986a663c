"""Questions to many at once: their order, how many there are, and who waits for them."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from feeds.common.interrupts import ask_all
from tests.support.processes import PATIENCE


def test_answers_come_in_order_and_no_more_are_asked_at_once_than_told() -> None:
    asked, most = set[int](), 0
    lock, three = threading.Lock(), threading.Barrier(3)

    def ask(one: int) -> int:
        nonlocal most
        with lock:
            asked.add(one)
            most = max(most, len(asked))
        three.wait(PATIENCE)  # so three are asked at the same time
        with lock:
            asked.remove(one)
        return one * 2

    assert list(ask_all(ask, range(9), 3)) == [one * 2 for one in range(9)]
    assert most == 3
    assert list(ask_all(ask, (), 3)) == []


def test_asking_costs_those_nothing_who_have_nothing_to_ask() -> None:
    code = "import sys; from feeds.seeds import listing; print('concurrent.futures' in sys.modules)"
    loads = f"import concurrent.futures; {code}"  # it would show
    for source, wanted in ((code, "False\n"), (loads, "True\n")):
        command = [sys.executable, "-c", source]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == wanted


@pytest.mark.parametrize("reason", ["an error", "an interrupt"])
def test_nobody_waits_for_answers_after(reason: str) -> None:
    over, all_asked = threading.Event(), threading.Barrier(4)
    main = threading.main_thread().ident
    assert main is not None

    def ask(one: int) -> None:
        all_asked.wait(PATIENCE)  # an interrupt while a thread is being started is another matter
        if one == 0 and reason == "an error":
            raise ZeroDivisionError
        if one == 0:
            signal.pthread_kill(main, signal.SIGINT)
        assert over.wait(PATIENCE)

    with pytest.raises((ZeroDivisionError, KeyboardInterrupt)):
        list(ask_all(ask, range(4), 4))
    assert not over.is_set()
    threads = [one for one in threading.enumerate() if one.name == "asking"]
    assert all(one.daemon for one in threads)
    assert threads
    over.set()
    for one in threads:
        one.join(PATIENCE)
        assert not one.is_alive()
