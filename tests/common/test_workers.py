"""Work spread over processes: the same results in the same order, whatever happens to a worker."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event, Timer
from types import FrameType
from typing import Any

import pytest

from feeds.common.errors import FeedsError
from feeds.common.workers import Threads, spread
from tests.support import dying
from tests.support.processes import PATIENCE, wait_until

_ROOT = Path(__file__).parent.parent.parent
_CORES = os.cpu_count() or 1


def _square(numbers: list[int]) -> bytes:
    return f"{os.getpid()} {[number * number for number in numbers]}".encode()


def _slow_first(numbers: list[int]) -> bytes:
    time.sleep(0.2 if 0 in numbers else 0)
    return str(numbers).encode()


def _die(numbers: list[int]) -> bytes:
    if 5 in numbers:
        os.kill(os.getpid(), signal.SIGKILL)
    return b""


def _die_twice(folder: Path, numbers: list[int]) -> bytes:
    for number in (4, 10):
        mark = folder / str(number)
        if number in numbers and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return str(numbers).encode()


class UnsendableError(Exception):
    """Cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("odd")
        self.keeps = lambda: None


def _fail_unsendably(_: list[int]) -> bytes:
    raise UnsendableError


def _fail(numbers: list[int]) -> bytes:
    raise KeyError(numbers[0])


def _note_and_sleep(folders: list[str]) -> bytes:
    (Path(folders[0]) / str(os.getpid())).touch()
    time.sleep(1)
    return b""


def _wait_for_others(folder: Path, others: int, _: list[int]) -> bytes:
    (folder / str(os.getpid())).touch()
    wait_until(lambda: len(list(folder.iterdir())) > others)
    return b""


def _results(parts: Iterator[bytes]) -> tuple[set[str], list[str]]:
    """Returns the processes that worked, and what came of it, in order."""
    split = [part.decode().split(" ", 1) for part in parts]
    return {process for process, _ in split}, [result for _, result in split]


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has work spread over two processes, on whatever machine."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


@pytest.fixture(params=[1, 2], ids=["one core", "two cores"])
def cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Gives this machine one core, where work is done in this process, or two."""
    monkeypatch.setattr(os, "cpu_count", lambda: request.param)
    return int(request.param)


def test_spread_gives_the_same_on_whatever_machine(cores: int) -> None:
    processes, results = _results(spread(_square, iter(range(7)), 3))
    assert results == ["[0, 1, 4]", "[9, 16, 25]", "[36]"]
    assert (processes == {str(os.getpid())}) == (cores == 1)
    assert (str(os.getpid()) in processes) == (cores == 1)


def test_spread_of_nothing_gives_nothing(cores: int) -> None:
    assert list(spread(_square, [], 3)) == []


@pytest.mark.parametrize("spare", [0, 1, 2])
def test_spread_has_a_process_for_each_core_and_the_spare_ones(
    two_cores: None, tmp_path: Path, spare: int
) -> None:
    work = partial(_wait_for_others, tmp_path, 1 + spare)
    assert list(spread(work, range(20), 1, spare=spare)) == [b""] * 20
    assert len(list(tmp_path.iterdir())) == 2 + spare


def test_spread_keeps_the_order_of_slow_work() -> None:
    parts = list(spread(_slow_first, range(6), 1))
    assert parts == [f"[{number}]".encode() for number in range(6)]


def test_spread_takes_only_a_few_chunks_at_a_time() -> None:
    taken = count()
    parts = spread(_square, (next(taken) for _ in range(1000)), 2)
    for _ in range(3):
        next(parts)
    assert next(taken) <= 2 * (3 + 4 * _CORES + 1)
    assert len(list(parts)) == 497


def test_spread_says_that_whoever_does_a_chunk_is_killed(two_cores: None) -> None:
    with pytest.raises(FeedsError, match="worker process was killed"):
        list(spread(_die, range(20), 1))
    assert multiprocessing.active_children() == []


def test_spread_gives_the_chunk_of_a_killed_process_to_another(
    two_cores: None, tmp_path: Path
) -> None:
    work = partial(_die_twice, tmp_path)
    assert list(spread(work, range(20), 2)) == [
        f"[{number}, {number + 1}]".encode() for number in range(0, 20, 2)
    ]


def test_spread_outlives_the_death_of_idle_processes_and_of_the_server(two_cores: None) -> None:
    parts = spread(_square, range(400), 2)
    results = [next(parts)]
    for number, part in enumerate(parts):
        results.append(part)
        if number in {10, 90}:
            os.kill(dying.fork_server(), signal.SIGKILL)
        if number in {20, 60, 100}:
            for worker in multiprocessing.active_children():
                assert worker.pid is not None
                os.kill(worker.pid, signal.SIGKILL)
    assert _results(iter(results))[1] == [
        str([number**2, (number + 1) ** 2]) for number in range(0, 400, 2)
    ]
    assert multiprocessing.active_children() == []


def test_spread_passes_on_an_error_that_cannot_be_sent(two_cores: None) -> None:
    with pytest.raises(RuntimeError, match="UnsendableError: odd"):
        list(spread(_fail_unsendably, range(4), 1))


def test_spread_passes_on_what_the_work_raises(cores: int) -> None:
    with pytest.raises(KeyError):
        list(spread(_fail, range(20), 1))
    assert _results(spread(_square, [3], 1))[1] == ["[9]"]


_SLEEPER = """
import sys
from feeds.common.workers import spread
from tests.common.test_workers import _CORES, _note_and_sleep
try:
    list(spread(_note_and_sleep, sys.argv[1:] * 5 * _CORES, 1))
except KeyboardInterrupt:
    print("interrupted")
"""


@contextmanager
def _sleeper(folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Runs a process that spreads work, in a group of its own; gives it and its workers."""
    command = [sys.executable, "-c", _SLEEPER, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=_ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        wait_until(lambda: len(list(folder.iterdir())) == _CORES)
        yield process, [int(path.name) for path in folder.iterdir()]


@pytest.mark.skipif(_CORES == 1, reason="on one core there are no workers")
def test_workers_end_with_their_killed_parent(tmp_path: Path) -> None:
    with _sleeper(tmp_path) as (process, workers):
        process.kill()
        wait_until(lambda: not any(map(dying.is_alive, workers)))


@pytest.mark.skipif(_CORES == 1, reason="on one core there are no workers")
def test_workers_leave_an_interrupt_to_their_parent(tmp_path: Path) -> None:
    with _sleeper(tmp_path) as (process, workers):
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate(timeout=PATIENCE) == ("interrupted\n", "")
        wait_until(lambda: not any(map(dying.is_alive, workers)))


def test_threads_owe_their_results_in_order_and_raise_what_their_work_raised() -> None:
    with closing(Threads[int](2, "test")) as threads:
        for number in (1, 0, 2):
            threads.submit(lambda one: 6 // one, number)
        assert (len(threads), threads.result()) == (3, 6)
        with pytest.raises(ZeroDivisionError):
            threads.result()
        assert (threads.result(), len(threads)) == (3, 0)


@contextmanager
def _interrupted_at(place: int) -> Iterator[None]:
    """Interrupts what is done in it before this line of Python, counted from 0."""
    lines = count()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if (
            "weakref" in frame.f_code.co_filename
        ):  # called back by Python, which drops what they raise
            return None
        if event == "line" and next(lines) == place:
            signal.raise_signal(signal.SIGINT)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def test_threads_can_be_closed_wherever_an_interrupt_came() -> None:
    for place in count():
        with closing(Threads[int](1, "test")) as threads, suppress(KeyboardInterrupt):
            with _interrupted_at(place):
                for _ in range(3):
                    threads.submit(abs, -1)
                while threads:
                    threads.result()
            break
    assert place > 20


def test_threads_let_an_interrupt_through_while_a_result_is_awaited() -> None:
    ends = Event()

    def wait_and_be_interrupted() -> None:
        Timer(0.01, os.kill, [os.getpid(), signal.SIGINT]).start()
        threads.result()

    with closing(Threads[bool](1, "test")) as threads:
        threads.submit(Event.wait, ends)
        with pytest.raises(KeyboardInterrupt):
            wait_and_be_interrupted()
        ends.set()
