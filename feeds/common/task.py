"""Runs a function in a process of its own, which is polled and may be stopped, never waited for."""

from __future__ import annotations

import os
import signal
import struct
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from multiprocessing.connection import Connection
from typing import NamedTuple

import msgspec

from feeds.common.child_process import Child, begin_worker
from feeds.common.errors import FeedsError

# A busy machine may take long to start a process; the time that its work may take counts from then.
_START_SECONDS = 120.0
# How long a process that is stopped in the middle of a message may delay each look at it.
_REST_SECONDS = 0.05
_LENGTH = struct.Struct("!Q")
_READ_BYTES = 1 << 20

# Sends a message to whoever looks after the task.
Say = Callable[[bytes], None]


class Ended(NamedTuple):
    """The end of a task: the result of its function, or the reason why there is none.

    `details` is a traceback if the reason is a fault of ours; `timed_out` says that it took too
    long and was killed.
    """

    result: bytes | None = None
    reason: str = ""
    details: str = ""
    timed_out: bool = False


class _Message(msgspec.Struct):
    """A message of the process: its first word, a word on the way, or how it ended."""

    said: bytes | None = None
    ended: Ended | None = None


class Task:
    """Runs `work(say, *arguments)` once; to be polled until it has ended, or to be stopped.

    `work` stands in a module and returns bytes; a FeedsError that it raises is a reason for people.
    `timeout` is in seconds, from the first word of the process on. Any way in which the process can
    die, be stopped or fail to start is an end like others: no method raises or waits for it.
    """

    def __init__(
        self,
        work: Callable[..., bytes],
        arguments: Sequence[object],
        *,
        name: str,
        timeout: float,
        preload: Sequence[str] = (),
    ) -> None:
        self._timeout = timeout
        self._deadline = time.monotonic() + max(timeout, _START_SECONDS)
        self._ended: Ended | None = None
        modules = [work.__module__, *preload]
        self._child = Child(name, _work, (work, list(arguments), modules), modules)
        try:
            self._inbox = _Inbox(self._child.start())
        except (EOFError, OSError) as error:
            self._end(Ended(reason=f"could not be started: {error!r}"))
        except BaseException:
            self._child.kill()
            raise

    def poll(self, seconds: float = 0) -> bytes | Ended | None:
        """Returns the next message of the task, or its end; None if neither comes within `seconds`.

        Once the task has ended, every call returns that end.
        """
        if self._ended:
            return self._ended
        rest = max(self._deadline - time.monotonic(), 0)
        try:
            message = self._inbox.message(min(seconds, rest))
        except (EOFError, OSError, msgspec.DecodeError):
            return self._end(Ended(reason=cause_of_death(self._child.exit_code())))
        if message and message.ended:
            return self._end(message.ended)
        if not rest:  # however much it still has to say
            return self._end(Ended(reason="took too long and was stopped", timed_out=True))
        if message is None:
            return None
        if message.said is None:  # the first word
            self._deadline = time.monotonic() + self._timeout
        return message.said

    def begin_again(self) -> None:
        """Gives a process that was asked for more work as much time as it had at first."""
        self._deadline = time.monotonic() + self._timeout

    def stop(self) -> None:
        """Kills the process, if the task has not ended."""
        if not self._ended:
            self._end(Ended(reason="was stopped"))

    def _end(self, ended: Ended) -> Ended:
        self._ended = ended
        self._child.kill()
        return ended


class _Inbox:
    """Whole messages out of a pipe: half a one never keeps whoever reads waiting for the rest."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._data = bytearray()
        os.set_blocking(pipe.fileno(), False)

    def message(self, seconds: float) -> _Message | None:
        """Returns the next message, None if it is late; raises EOFError, OSError for none."""
        while (message := self._taken()) is None:
            if not self._pipe.poll(seconds):
                return None
            with suppress(BlockingIOError):
                part = os.read(self._pipe.fileno(), _READ_BYTES)
                if not part:
                    raise EOFError
                self._data += part
            seconds = _REST_SECONDS
        return message

    def _taken(self) -> _Message | None:
        if len(self._data) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._data)
        end = _LENGTH.size + length
        if len(self._data) < end:
            return None
        message = msgspec.msgpack.decode(memoryview(self._data)[_LENGTH.size : end], type=_Message)
        del self._data[:end]
        return message


def cause_of_death(code: int | None) -> str:
    """Returns how a process ended, by its exit code: by that, or by a signal."""
    if code is not None and code < 0:
        known = {one.value: one.name for one in signal.Signals}
        return f"was killed by {known.get(-code, f'signal {-code}')}"
    return f"died with exit code {code}"


def _work(
    pipe: Connection, work: Callable[..., bytes], arguments: list[object], modules: list[str]
) -> None:
    """What the process does."""
    begin_worker()
    with suppress(BrokenPipeError, ConnectionResetError):  # nobody listens any more
        for module in modules:  # where the server that processes come from has not loaded them
            with suppress(ImportError):
                import_module(module)
        _send(pipe, _Message())
        _send(pipe, _Message(ended=_ended(work, partial(_say, pipe), arguments)))


def _ended(work: Callable[..., bytes], say: Say, arguments: list[object]) -> Ended:
    try:
        return Ended(work(say, *arguments))
    except FeedsError as error:
        return Ended(reason=_text(str(error)))
    except Exception as error:  # noqa: BLE001 (a fault of ours is reported and stops this task only)
        reason = f"{type(error).__name__}: {error}"
        return Ended(reason=_text(reason), details=_text(traceback.format_exc()))


def _text(text: str) -> str:
    """Returns a text that can be sent: file names may be no Unicode."""
    return text.encode(errors="backslashreplace").decode()


def _say(pipe: Connection, said: bytes) -> None:
    _send(pipe, _Message(said=said))


def _send(pipe: Connection, message: _Message) -> None:
    data = msgspec.msgpack.encode(message)
    rest = memoryview(_LENGTH.pack(len(data)) + data)
    while rest:
        rest = rest[os.write(pipe.fileno(), rest) :]
