"""Runs granian with the application: listens, keeps the content up to date, stops gracefully.

One process with one event loop. Work that takes longer than a moment is done in threads, most of it
in code that releases Python's lock.

Granian's own worker wakes the event loop and makes a task for every request, which costs more than
all the rest of an answer that is ready. Ours asks the application first, in the thread that read
the request, and does what granian's own does (`_spawn_rsgi_worker` in `granian.server.embed`) only
if no answer is ready. Granian takes it as `spawn_target`; but it uses parts of granian that are not
documented, so pyproject.toml pins the minor version that it was tested with.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from typing import Any, Protocol, Self

import structlog
import uvloop
from granian._futures import _cbsched_aioschedule, _future_watcher_wrapper
from granian._granian import CallbackScheduler, RSGIWorker
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server as Granian

from feeds.common.daemon_status import WATCHED, Notifier
from feeds.common.errors import ServeError
from feeds.config import Config, Loaded
from feeds.serve.access_log import OFF, AccessLog
from feeds.serve.application import Application
from feeds.serve.content import Content
from feeds.serve.monitoring import Counts, FeedsCollector, start_metrics
from feeds.serve.reach import Reach

_TICK_S = 0.5
_LISTEN_S = 0.01
# At a stop, answers that are being sent have so long; the docs promise 10 s in all.
_GRACE_S = 5.0
# How long a request may take to arrive, and a connection may be idle.
_HEADER_MS = 30_000
# A client that reads nothing of an answer for so long is disconnected.
_UNREAD_MS = 60_000
_HEADER_BYTES = 32 * 1024
_BACKLOG = 4096
_MOST_CONNECTIONS = 65_536
_OTHER_FILES = 256

# The settings of [serve] that need a new start.
_FIXED = ("host", "port", "metrics", "access_log", "access_format", "log_addresses")


Log = structlog.typing.FilteringBoundLogger


class Reload(Protocol):
    """Loads the configuration if it has changed, or if somebody `asked` for it."""

    def __call__(self, *, asked: bool) -> Loaded | None:
        """Returns the configuration; None if the old one stays in force."""


def run_server(config: Config, reload: Reload, log: Log) -> None:
    """Serves until SIGTERM or SIGINT.

    Calls `reload` every half second, and after SIGHUP, for another configuration.

    Raises:
        ServeError: an address cannot be used, or the web server ended by itself.
    """
    host = _check_address(config.serve.host, config.serve.port)
    connections = _raise_file_limit()
    with closing(Content(config, log.warning)) as content:
        counts = Counts()
        reach = Reach(content.policy.prefix) if config.serve.access_log != OFF else None
        if config.serve.metrics:
            start_metrics(config.serve.metrics, FeedsCollector(counts, content, reach))
        application = Application(content, counts, lambda text: log.error("failed", request=text))
        settings = HTTP1Settings(header_read_timeout=_HEADER_MS, max_buffer_size=_HEADER_BYTES)
        server = Granian(
            application,
            host,
            config.serve.port,
            interface=Interfaces.RSGI,
            http=HTTPModes.http1,
            websockets=False,
            backlog=_BACKLOG,
            backpressure=connections,
            http1_settings=settings,
            log_enabled=False,
        )
        if reach is not None:
            application.log = AccessLog(config.serve, log.warning, reach.add)
        try:
            uvloop.run(_Service(application, reload, log).run(server))
        finally:
            application.close()


class _Service:
    """Serves an application, and keeps its content up to date."""

    def __init__(self, application: Application, reload: Reload, log: Log) -> None:
        self._application = application
        self._content = application.content
        self._reload = reload
        self._log = log
        self._asked = asyncio.Event()
        # A daemon that started this server tells systemd, and logs reloads, for both.
        self._notifier = Notifier({} if WATCHED in os.environ else os.environ)

    async def run(self, server: Granian) -> None:
        """Serves until a signal says stop, or the server ends, or the daemon that started us."""
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._asked.set)
        spawn: Callable[..., Any] = _spawn_worker
        serving = loop.create_task(server.serve(spawn))
        keeping = loop.create_task(self._keep_current())
        stopping = loop.create_task(stop.wait())
        config = self._content.config
        host, port = config.serve.host, config.serve.port
        if await _is_listening(host, port, serving):
            url = f"http://{_shown(host)}:{port}/"
            self._log.info("serving", url=url, out=str(config.paths.out), pid=os.getpid())
            self._notifier.tell("READY=1", f"STATUS=serving at {url}")
        ends = {serving, keeping, stopping}
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        self._notifier.tell("STOPPING=1")
        self._content.leaving = True
        server.stop()  # type: ignore[no-untyped-call]
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        _, unfinished = await asyncio.wait({serving}, timeout=_GRACE_S)
        self._log.info("stopped serving")
        if serving in done:
            raise ServeError("the web server ended by itself")
        if unfinished:  # a client does not read its answer
            if self._application.log is not None:
                self._application.log.close()
            os._exit(0)

    async def _keep_current(self) -> None:
        """Reads new publications and configurations until the daemon that started us is gone."""
        loop, content = asyncio.get_running_loop(), self._content
        keeper = ThreadPoolExecutor(1, thread_name_prefix="refresh")
        warmer = ThreadPoolExecutor(1, thread_name_prefix="warm")
        with keeper, warmer:
            warmer.submit(content.warm)
            while not _is_orphan():
                await asyncio.sleep(_TICK_S)
                before, asked = content.publication, self._asked.is_set()
                self._asked.clear()
                if asked:
                    self._notifier.reloading()
                    if self._application.log is not None:
                        self._application.log.reopen()
                await loop.run_in_executor(keeper, self._refresh, asked)
                if asked:
                    self._notifier.tell("READY=1")
                self._notifier.ping()
                if content.publication is not before:
                    self._log.debug("new publication", documents=len(content.publication.texts))
                    warmer.submit(content.warm)

    def _refresh(self, asked: bool) -> None:  # noqa: FBT001 (called by an executor)
        """Brings the content up to the configuration, out/ and the state file."""
        loaded = self._reload(asked=asked)
        if loaded is not None:
            before, after = self._content.config.serve, loaded.config.serve
            fixed = [name for name in _FIXED if getattr(before, name) != getattr(after, name)]
            if fixed:
                settings = ", ".join(f"serve.{name}" for name in fixed)
                self._log.warning("these settings take effect at the next start", settings=settings)
            self._content.configure(loaded.config)
            self._application.forget()
            if WATCHED not in os.environ:
                self._log.info("configuration reloaded")
        if self._content.refresh():
            self._application.forget()


async def _is_listening(host: str, port: int, serving: asyncio.Task[None]) -> bool:
    """Waits until the server can be reached, or has ended; tells which."""
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(_LISTEN_S)
        else:
            writer.close()
            return True
    return False


def _is_orphan() -> bool:
    """Tells whether the daemon that started this process is gone."""
    return os.environ.get(WATCHED, str(os.getppid())) != str(os.getppid())


def _check_address(host: str, port: int) -> str:
    """Returns the address in digits; granian itself would share a port with another server."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)  # without listening: a client could connect, and would be cut off
    except OSError as error:
        raise ServeError(
            f"cannot serve at {_shown(host)}:{port}: {error.strerror or error} "
            "(serve.host, serve.port, --host, --port)"
        ) from None
    return str(address[0])


def _raise_file_limit() -> int:
    """Raises the limit of open files; returns how many connections it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, _MOST_CONNECTIONS + _OTHER_FILES)
    if soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(_OTHER_FILES, min(soft - _OTHER_FILES, _MOST_CONNECTIONS))


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def _spawn_worker(
    worker: int, stop: Any, application: Application, sockets: Any, *settings: Any
) -> None:
    """Accepts connections until granian says `stop`, and ends when the last answer is sent."""
    *threads, _task, mode, http1, http2, websockets, static, _log, tls, _options = settings
    loop = asyncio.get_running_loop()
    stopped = loop.create_future()
    stop.add_cb(lambda: loop.call_soon_threadsafe(stopped.set_result, None))
    new_worker: Callable[..., Any] = RSGIWorker  # its stub lacks the pipe and the metrics
    listening = None, _listen(sockets[0])
    more = (*threads, mode, http1, http2, websockets, static, *tls)
    inner = new_worker(worker, listening, None, *more, (None, None))
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

    def __init__(
        self, loop: asyncio.AbstractEventLoop, later: object, now: Callable[..., bool]
    ) -> None:
        super().__init__()
        answer_later = _cbsched_aioschedule(loop, self._ctx, later)  # type: ignore[no-untyped-call]

        def schedule(watcher: Any) -> None:
            if now(watcher.scope, watcher.proto):
                watcher.done()
            else:
                answer_later(watcher)

        self._schedule_fn = schedule

    def __new__(cls, loop: asyncio.AbstractEventLoop, later: object, _: object) -> Self:
        new: Callable[..., Self] = super().__new__
        return new(cls, loop, later, None, partial(_enter_task, loop), partial(_leave_task, loop))
