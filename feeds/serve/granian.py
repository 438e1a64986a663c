"""Granian: its requests and answers (RSGI), and its worker, changed to send ready answers at once.

Granian's own worker wakes the event loop and makes a task for every request, which costs more than
all the rest of an answer that is ready. This one asks the application first, in the thread that
read the request, and does what granian's own does (`_spawn_rsgi_worker` in `granian.server.embed`)
only if no answer is ready. Granian takes it as `spawn_target`; but it uses parts of granian that
are not documented, so pyproject.toml pins the minor version that it was tested with.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, Protocol, Self

from granian._futures import _cbsched_aioschedule, _future_watcher_wrapper
from granian._granian import CallbackScheduler, RSGIHTTPProtocol, RSGIWorker
from granian.rsgi import Scope

from feeds.serve.messages import Answer, Request, Stream
from feeds.serve.negotiation import is_browser

# A client that reads nothing of an answer for so long is disconnected.
_UNREAD_MS = 60_000

# The headers that an answer depends on, in the order of the fields of `Request`.
_HEADERS = (
    *("accept-encoding", "if-match", "if-none-match", "if-modified-since"),
    *("if-unmodified-since", "range", "if-range", "a-im"),
)
_LONGEST_HOST = 255
# A name, or an address in brackets, and perhaps a port. RFC 3986, section 3.2.2, allows more
# characters in names, but no real host has them, and a comma would join two lines.
_HOST = re.compile(
    r"(?:(?:[a-z0-9._~-]|%[0-9a-f]{2})+|\[(?P<address>[^\[\]]+)\])(?::\d{0,5})?",
    re.ASCII | re.IGNORECASE,
)
_FUTURE = re.compile(r"v[0-9a-f]+\.[a-z0-9._~!$&'()*+,;=:-]+", re.ASCII | re.IGNORECASE)


# Requests


def request_of(scope: Scope) -> Request:
    """Returns a request as the value that its answer depends on."""
    known = scope.headers
    fields = [", ".join(header_lines(scope, name)) if name in known else None for name in _HEADERS]
    browser = is_browser(", ".join(header_lines(scope, "accept")))
    host = is_valid_host(header_lines(scope, "host"), scope.http_version)
    return Request._make((scope.method, scope.path, scope.query_string, *fields, browser, host))


def header_lines(scope: Scope, name: str) -> list[str]:
    """Returns all lines of a header; granian leaves out those that are not ASCII."""
    lines: list[str] = scope.headers.get_all(name)  # type: ignore[attr-defined]  # not in its stub
    return lines


def is_valid_host(hosts: Sequence[str], version: str) -> bool:
    """Tells whether these lines of Host are valid (RFC 9112, section 3.2; RFC 9110, section 7.2).

    HTTP/1.1 must have exactly one; older versions, of which 1.0 is called "1", may have none.
    """
    if not hosts:
        return version != "1.1"
    return len(hosts) == 1 and _is_host(hosts[0])


@lru_cache(maxsize=256)
def _is_host(host: str) -> bool:
    match = _HOST.fullmatch(host) if len(host) <= _LONGEST_HOST else None
    if match is None:
        return False
    address = match["address"]
    if address is None or _FUTURE.fullmatch(address):
        return True
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True


# Answers


def send(answer: Answer | Stream, request: Request, protocol: RSGIHTTPProtocol) -> None:
    """Sends an answer from memory or from the disk."""
    status, headers = answer.status, answer.headers
    if isinstance(answer, Answer):
        if answer.size:
            protocol.response_bytes(status, headers, answer.body)
        else:
            protocol.response_empty(status, headers)
    elif request.method == "HEAD":
        protocol.response_empty(status, headers)
    elif answer.part is None:
        protocol.response_file(status, headers, answer.file)
    else:
        part = answer.part
        protocol.response_file_range(status, headers, answer.file, part.start, part.stop)


# The worker


AnswerNow = Callable[[Scope, RSGIHTTPProtocol], bool]


class Answering(Protocol):
    """The application as its worker calls it."""

    def answer_ready(self, scope: Scope, protocol: RSGIHTTPProtocol) -> bool:
        """Sends the answer if it is ready; tells whether it was."""

    async def __rsgi__(self, scope: Scope, protocol: RSGIHTTPProtocol) -> None: ...


async def spawn_worker(
    worker: int, stop: Any, application: Answering, sockets: Any, *settings: Any
) -> None:
    """Accepts connections until granian says `stop`, and ends when the last answer is sent."""
    *threads, _task, mode, http1, http2, websockets, static, _log, tls, _options = settings
    loop = asyncio.get_running_loop()
    stopped = loop.create_future()
    stop.add_cb(lambda: loop.call_soon_threadsafe(stopped.set_result, None))
    new_worker: Callable[..., Any] = RSGIWorker  # its stub lacks the pipe and the metrics
    inner = new_worker(
        worker,
        (None, _listen(sockets[0])),
        None,
        *threads,
        *(mode, http1, http2, websockets, static, *tls),
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
