"""Task: a function in a process of its own, and every way in which that can end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.common import child_process, task
from feeds.common.errors import PublishError
from feeds.common.task import Ended, Say, Task
from tests.support import dying
from tests.support.dying import half_a_message, is_alive
from tests.support.processes import PATIENCE, wait_until


def echo(say: Say, *words: bytes) -> bytes:
    """Says some words, and returns all of them."""
    for word in words:
        say(word)
    return b" ".join(words)


def leave(_: Say, code: int) -> bytes:
    os._exit(code)


def fail(_: Say, error: Exception) -> bytes:
    raise error


def chatter(say: Say) -> bytes:
    while True:
        say(b"and so on")


def sleep(say: Say, seconds: float) -> bytes:
    say(str(os.getpid()).encode())
    time.sleep(seconds)
    return b"awake"


def run(job: Task) -> tuple[list[bytes], Ended]:
    """Returns what a task says and how it ends."""
    said: list[bytes] = []
    began = time.monotonic()
    while time.monotonic() - began < 2 * PATIENCE:
        word = job.poll(0.1)
        if isinstance(word, Ended):
            assert job.poll() == word
            assert multiprocessing.active_children() == []
            return said, word
        if word is not None:
            said.append(word)
    raise AssertionError("the task does not end")


def start(work: object, *arguments: object, timeout: float = 60.0) -> Task:
    return Task(work, arguments, name="test", timeout=timeout)  # type: ignore[arg-type]


def first_word(job: Task) -> bytes:
    words: list[bytes] = []
    wait_until(lambda: (word := job.poll(0.1)) and not words.append(bytes(word)))  # type: ignore[arg-type, func-returns-value]
    return words[0]


@pytest.mark.parametrize(
    "words", [(), (b"one",), (b"a", b"", b"b" * 3_000_000, b"c")], ids=["none", "one", "large"]
)
def test_task_says_words_in_order_and_gives_its_result(words: tuple[bytes, ...]) -> None:
    assert run(start(echo, *words)) == (list(words), Ended(b" ".join(words)))


def test_task_gives_the_reason_of_an_error_that_is_for_people() -> None:
    _, ended = run(start(fail, PublishError("out/ is full: \udcff")))
    assert ended == Ended(reason="out/ is full: \\udcff")


def test_task_gives_the_traceback_of_a_fault_of_ours() -> None:
    _, ended = run(start(fail, ValueError("odd")))
    assert (ended.result, ended.reason) == (None, "ValueError: odd")
    assert "Traceback (most recent call last)" in ended.details


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGKILL, "was killed by SIGKILL"),
        (signal.SIGSEGV, "was killed by SIGSEGV"),
    ],
)
def test_task_that_is_killed_in_the_midst_of_a_message_is_an_end(number: int, reason: str) -> None:
    assert run(start(half_a_message, number)) == ([], Ended(reason=reason))


def test_task_whose_process_leaves_without_a_word_says_with_what_exit_code() -> None:
    assert run(start(leave, 3)) == ([], Ended(reason="died with exit code 3"))


def test_task_that_is_stopped_in_the_midst_of_a_message_holds_nobody_up() -> None:
    job = start(half_a_message, signal.SIGSTOP, timeout=2)
    longest, ended = 0.0, None
    while ended is None:
        began = time.monotonic()
        ended = job.poll()
        longest = max(longest, time.monotonic() - began)
    assert ended == Ended(reason="took too long and was stopped", timed_out=True)
    assert longest < PATIENCE  # it was for ever


def test_task_whose_process_starts_slowly_has_all_its_time_after_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_start.py").write_text("import time\ntime.sleep(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(task, "_START_SECONDS", 60.0)
    job = Task(echo, (b"here",), name="test", timeout=2, preload=("slow_start",))
    assert run(job) == ([b"here"], Ended(b"here"))


def test_task_whose_process_never_starts_its_work_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no_start.py").write_text("import time\ntime.sleep(1000)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(task, "_START_SECONDS", 1.0)
    job = Task(echo, (b"here",), name="test", timeout=1, preload=("no_start",))
    assert run(job)[1].timed_out


def test_task_that_talks_for_ever_has_no_more_time_than_others() -> None:
    said, ended = run(start(chatter, timeout=1))
    assert ended.timed_out
    assert set(said) == {b"and so on"}


def test_task_that_is_stopped_leaves_no_process() -> None:
    job = start(sleep, 1000)
    pid = int(first_word(job))
    job.stop()
    job.stop()
    assert not is_alive(pid)
    assert run(job) == ([], Ended(reason="was stopped"))


def test_task_starts_after_the_server_that_processes_come_from_was_killed() -> None:
    run(start(echo))
    for _ in range(3):
        os.kill(dying.fork_server(), signal.SIGKILL)  # it may be dying still when the next starts
        assert run(start(echo, b"here")) == ([b"here"], Ended(b"here"))


def test_task_starts_although_the_server_that_processes_come_from_is_stopped() -> None:
    run(start(echo))
    server = dying.fork_server()
    os.kill(server, signal.SIGSTOP)
    assert run(start(echo, b"here")) == ([b"here"], Ended(b"here"))
    assert not is_alive(server)


def test_task_starts_although_the_server_that_processes_come_from_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run(start(echo))
    server, kill = dying.fork_server(), os.kill

    def kill_one(pid: int, number: int) -> None:
        monkeypatch.undo()  # the next server may be slow
        kill(pid, number)

    monkeypatch.setattr(os, "kill", kill_one)
    monkeypatch.setattr(child_process, "_SERVER_SECONDS", 1.0)
    monkeypatch.setattr(os, "waitid", lambda *_: None)  # nothing shows that it is stopped
    kill(server, signal.SIGSTOP)
    assert run(start(echo, b"here")) == ([b"here"], Ended(b"here"))
    assert not is_alive(server)


def test_task_whose_server_is_stopped_can_be_stopped_at_once() -> None:
    job = start(sleep, 1000)
    pid = int(first_word(job))
    os.kill(dying.fork_server(), signal.SIGSTOP)
    job.stop()
    wait_until(lambda: not is_alive(pid))
    assert multiprocessing.active_children() == []


def test_task_starts_after_the_resource_tracker_was_killed() -> None:
    run(start(echo))
    os.kill(dying.resource_tracker(), signal.SIGKILL)
    assert run(start(echo, b"here")) == ([b"here"], Ended(b"here"))


def test_task_goes_on_when_the_server_it_came_from_is_killed() -> None:
    job = start(sleep, 1)
    first_word(job)
    os.kill(dying.fork_server(), signal.SIGKILL)
    assert run(job) == ([], Ended(b"awake"))


def test_task_whose_server_was_killed_can_be_stopped() -> None:
    job = start(sleep, 1000)
    pid = int(first_word(job))
    server = dying.fork_server()
    os.kill(server, signal.SIGKILL)
    wait_until(lambda: not is_alive(server))
    job.stop()
    wait_until(lambda: not is_alive(pid))


@given(st.lists(st.binary(max_size=30), max_size=5), st.lists(st.integers(1, 20), min_size=1))
def test_inbox_makes_whole_messages_of_any_pieces(words: list[bytes], sizes: list[int]) -> None:
    here, there = multiprocessing.Pipe(duplex=False)
    with here, there:
        spool, end = multiprocessing.Pipe(duplex=False)
        with spool, end:
            for word in words:
                task._say(end, word)
            end.close()
            data = b"".join(iter(lambda: os.read(spool.fileno(), 4096), b""))
        inbox, got, size = task._Inbox(here), [], cycle(sizes)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(task, "_REST_SECONDS", 0.0)
            while data:
                part, data = data[: (cut := next(size))], data[cut:]
                os.write(there.fileno(), part)
                while (message := inbox.message(0)) is not None:
                    got.append(message.said)
        assert got == words
        there.close()
        with pytest.raises(EOFError):
            inbox.message(0)
