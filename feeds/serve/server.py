"""Granian around the application: listening, looking for news, and stopping without a cut.

One process with one event loop. Work that takes longer than a moment is done in threads, most of it
in code that lets go of Python's lock.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

import structlog
import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server as Granian

from feeds.common.daemon_status import WATCHED
from feeds.common.errors import ServeError
from feeds.config import Config, Loaded
from feeds.serve.application import Application
from feeds.serve.content import Library
from feeds.serve.granian import spawn_worker
from feeds.serve.metrics import Counts, start_metrics

_TICK_SECONDS = 0.5
_LISTEN_SECONDS = 0.01
# What is still being sent when we are told to stop has so long; people are promised ten seconds.
_GRACE_SECONDS = 5.0
# For a request to arrive whole, and for an idle connection to send one.
_HEADER_MILLISECONDS = 30_000
_HEADER_BYTES = 32 * 1024
_BACKLOG = 4096
_MOST_CONNECTIONS = 65_536
_OTHER_FILES = 256

# What holds from the start on, of [serve].
_FIXED = ("host", "port", "metrics")


class Reload(Protocol):
    """Gives the configuration when it has changed, or when somebody `asked` for it."""

    def __call__(self, *, asked: bool) -> Loaded | None:
        """Returns the configuration; None where the old one stays in force."""


def run_server(config: Config, reload: Reload, log: structlog.typing.FilteringBoundLogger) -> None:
    """Serves until SIGTERM or SIGINT; takes over what `reload` gives, also at SIGHUP.

    Raises:
        ServeError: the address cannot be used.
    """
    host = _check_address(config.serve.host, config.serve.port)
    connections = _raise_file_limit()
    library = Library(config, log.warning)
    counts = Counts()
    if config.serve.metrics:
        _start_metrics(config.serve.metrics, counts, library)
    application = Application(library, counts, lambda text: log.error("failed", request=text))
    with ThreadPoolExecutor(1, thread_name_prefix="refresh") as keeper:
        keeper.submit(library.refresh).result()
        server = Granian(
            application,
            host,
            config.serve.port,
            interface=Interfaces.RSGI,
            http=HTTPModes.http1,
            websockets=False,
            backlog=_BACKLOG,
            backpressure=connections,
            http1_settings=HTTP1Settings(
                header_read_timeout=_HEADER_MILLISECONDS, max_buffer_size=_HEADER_BYTES
            ),
            log_enabled=False,
        )
        uvloop.run(_serve(server, application, reload, log, keeper))
    application.close()
    library.close()


async def _serve(
    server: Granian,
    application: Application,
    reload: Reload,
    log: structlog.typing.FilteringBoundLogger,
    keeper: ThreadPoolExecutor,
) -> None:
    loop, stop, asked = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, asked.set)
    spawn: Callable[..., Any] = spawn_worker
    serving = loop.create_task(server.serve(spawn))
    keeping = loop.create_task(_keep_current(application, reload, asked, log, keeper))
    stopping = loop.create_task(stop.wait())
    config = application.library.config
    host, port = config.serve.host, config.serve.port
    if await _is_listening(host, port, serving):
        url = f"http://{_shown(host)}:{port}/"
        log.info("serving", url=url, out=str(config.paths.out), pid=os.getpid())
    done, _ = await asyncio.wait({serving, keeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
    fault = serving in done
    application.library.leave()
    server.stop()  # type: ignore[no-untyped-call]
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    _, unfinished = await asyncio.wait({serving}, timeout=_GRACE_SECONDS)
    log.info("stopped serving")
    if fault:
        raise ServeError("the web server ended by itself")
    if unfinished:  # somebody who does not read what he asked for
        os._exit(0)


async def _is_listening(host: str, port: int, serving: asyncio.Task[None]) -> bool:
    """Waits until we can be reached; tells whether we can."""
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(_LISTEN_SECONDS)
        else:
            writer.close()
            return True
    return False


async def _keep_current(
    application: Application,
    reload: Reload,
    asked: asyncio.Event,
    log: structlog.typing.FilteringBoundLogger,
    keeper: ThreadPoolExecutor,
) -> None:
    """Looks for a new publication, and gets it ready, for as long as we serve."""
    loop, library = asyncio.get_running_loop(), application.library
    with ThreadPoolExecutor(1, thread_name_prefix="warm") as warmer:
        warmer.submit(library.warm)
        while not _is_orphan():
            await asyncio.sleep(_TICK_SECONDS)
            load = partial(reload, asked=asked.is_set())
            asked.clear()
            loaded = await loop.run_in_executor(keeper, load)
            if loaded is not None:
                _tell_fixed(library.config, loaded.config, log)
                await loop.run_in_executor(keeper, library.configure, loaded.config)
                application.forget()
                log.info("configuration reloaded")
            before = library.publication
            if await loop.run_in_executor(keeper, library.refresh):
                application.forget()
            if library.publication is not before:
                log.debug("new publication", documents=len(library.publication.texts))
                warmer.submit(library.warm)


def _tell_fixed(before: Config, after: Config, log: structlog.typing.FilteringBoundLogger) -> None:
    names = [name for name in _FIXED if getattr(before.serve, name) != getattr(after.serve, name)]
    if names:
        settings = ", ".join(f"serve.{name}" for name in names)
        log.warning("to be taken over at the next start", settings=settings)


def _is_orphan() -> bool:
    """Tells whether the daemon that started us is gone; without one, we go on for ever."""
    return os.environ.get(WATCHED, str(os.getppid())) != str(os.getppid())


def _check_address(host: str, port: int) -> str:
    """Returns the address as numbers; granian itself would share a port with another server."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        raise ServeError(
            f"cannot serve at {_shown(host)}:{port}: {error.strerror or error} "
            "(serve.host, serve.port, --host, --port)"
        ) from None
    return str(address[0])


def _start_metrics(address: str, counts: Counts, library: Library) -> None:
    host, _, port = address.rpartition(":")
    try:
        start_metrics(host.strip("[]"), int(port), counts, library.gauges)
    except OSError as error:
        reason = error.strerror or error
        raise ServeError(f"cannot serve metrics at {address}: {reason} (serve.metrics)") from None


def _raise_file_limit() -> int:
    """Allows as many open files as the system lets us; returns how many connections that makes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, _MOST_CONNECTIONS + _OTHER_FILES)
    if soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(_OTHER_FILES, min(soft - _OTHER_FILES, _MOST_CONNECTIONS))


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
