"""Granian's worker, changed to send ready answers without the event loop.

Granian's own worker wakes the event loop and makes a task for every request, which costs more than
all the rest of an answer that is ready. This one asks the application first, in the thread that
read the request, and does what granian's own does (`_spawn_rsgi_worker` in `granian.server.embed`)
only if no answer is ready. Granian takes it as `spawn_target`; but it uses parts of granian that
are not documented, so pyproject.toml pins the minor version that it was tested with.
"""

from __future__ import annotations

import asyncio
import os
import socket
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Self

from granian._futures import _cbsched_aioschedule, _future_watcher_wrapper
from granian._granian import CallbackScheduler, RSGIWorker

from feeds.serve.application import Application

# A client that reads nothing of an answer for so long is disconnected.
_UNREAD_MS = 60_000

AnswerNow = Callable[[Any, Any], bool]


class _Settings(NamedTuple):
    """What granian hands to a worker after the application, in its order."""

    address: Any
    runtime_threads: int
    runtime_blocking_threads: int
    blocking_threads: int
    idle_timeout: int
    backpressure: int
    task_impl: object
    http_mode: str
    http1: object
    http2: object
    websockets: bool
    static: object
    log_format: object
    tls: tuple[Any, ...]
    options: object


async def spawn_worker(worker: int, stop: Any, application: Application, *settings: Any) -> None:
    """Accepts connections until granian says `stop`, and ends when the last answer is sent."""
    given = _Settings(*settings)
    loop = asyncio.get_running_loop()
    stopped = loop.create_future()
    stop.add_cb(lambda: loop.call_soon_threadsafe(stopped.set_result, None))
    new_worker: Callable[..., Any] = RSGIWorker  # its stub lacks the pipe and the metrics
    inner = new_worker(
        worker,
        (None, _listen(given.address[0])),
        None,
        given.runtime_threads,
        given.runtime_blocking_threads,
        given.blocking_threads,
        given.idle_timeout,
        given.backpressure,
        given.http_mode,
        given.http1,
        given.http2,
        given.websockets,
        given.static,
        *given.tls,
        (None, None),
    )
    later = _future_watcher_wrapper(application.__rsgi__)  # type: ignore[no-untyped-call]
    inner.serve_async(_Scheduler(loop, later, application.answer_ready), loop, stop)
    await stopped


def _listen(address: Any) -> Any:
    """Returns a socket whose connections end if the client reads nothing for too long.

    All connections inherit the option (tcp(7), TCP_USER_TIMEOUT); granian has no setting for it.
    """
    holder = address.build()
    with socket.socket(fileno=os.dup(holder.get_fd())) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MS)
    return holder


class _Scheduler(CallbackScheduler):
    """Granian calls this with every request, in its one thread that reads."""

    __slots__ = ()

    def __init__(self, loop: asyncio.AbstractEventLoop, later: object, now: AnswerNow) -> None:
        super().__init__()
        answer_later = _cbsched_aioschedule(loop, self._ctx, later)  # type: ignore[no-untyped-call]

        def schedule(watcher: Any) -> None:
            if now(watcher.scope, watcher.proto):
                watcher.done()
            else:
                answer_later(watcher)

        self._schedule_fn = schedule

    def __new__(cls, loop: asyncio.AbstractEventLoop, later: object, _: AnswerNow) -> Self:
        new: Callable[..., Self] = super().__new__
        return new(cls, loop, later, None, partial(_enter_task, loop), partial(_leave_task, loop))
