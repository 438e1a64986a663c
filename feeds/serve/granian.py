"""How granian hands requests over: ready answers at once, all else by way of the event loop.

Granian's own worker wakes the event loop and makes a task for every request, which costs more than
all the rest of an answer that is ready. This one asks the application first, in the thread that
read the request, and does what granian's own does (`_spawn_rsgi_worker` in `granian.server.embed`)
only where there is no ready answer. Granian takes it as `spawn_target`; but it uses parts of
granian that are not documented, so pyproject.toml holds to the minor version it was tested with.
"""

from __future__ import annotations

import asyncio
import os
import socket
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable
from functools import partial
from typing import Any, Self

from granian._futures import _cbsched_aioschedule, _future_watcher_wrapper
from granian._granian import CallbackScheduler, RSGIWorker

from feeds.serve.application import Application

# Who reads nothing of an answer for so long is taken to be gone.
_UNREAD_MILLISECONDS = 60_000

AnswerNow = Callable[[Any, Any], bool]


async def spawn_worker(
    worker: int,
    stop: Any,
    application: Application,
    address: Any,
    runtime_threads: int,
    runtime_blocking_threads: int,
    blocking_threads: int,
    idle_timeout: int,
    backpressure: int,
    _task_impl: object,
    http_mode: str,
    http1: object,
    http2: object,
    websockets: bool,  # noqa: FBT001 (granian's order)
    static: object,
    _log_format: object,
    tls: tuple[Any, ...],
    _options: object,
) -> None:
    """Accepts connections until granian says `stop`, and ends when the last answer is sent."""
    loop = asyncio.get_running_loop()
    stopped = loop.create_future()
    stop.add_cb(lambda: loop.call_soon_threadsafe(stopped.set_result, None))
    new_worker: Callable[..., Any] = RSGIWorker  # its stub lacks the pipe and the metrics
    inner = new_worker(
        worker,
        (None, _listen(address[0])),
        None,
        runtime_threads,
        runtime_blocking_threads,
        blocking_threads,
        idle_timeout,
        backpressure,
        http_mode,
        http1,
        http2,
        websockets,
        static,
        *tls,
        (None, None),
    )
    later = _future_watcher_wrapper(application.__rsgi__)  # type: ignore[no-untyped-call]
    inner.serve_async(_Scheduler(loop, later, application.answer_ready), loop, stop)
    await stopped


def _listen(address: Any) -> Any:
    """Returns a socket whose connections end when nothing is read from them for too long.

    Every connection inherits that (tcp(7), TCP_USER_TIMEOUT), which granian has no setting for.
    """
    holder = address.build()
    with socket.socket(fileno=os.dup(holder.get_fd())) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MILLISECONDS)
    return holder


class _Scheduler(CallbackScheduler):
    """What granian calls, in its one thread that reads, with every request."""

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
