"""The access log: one line for each answer, written by a thread of its own (`serve.access_log`).

Who answers only puts a few values into a queue. Addresses are cut before anything is written.
"""

from __future__ import annotations

import ipaddress
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from granian.rsgi import Scope

from feeds.common.errors import ServeError
from feeds.common.times import from_unix, rfc3339
from feeds.config.model import Serve
from feeds.serve.clients import Proxies
from feeds.serve.messages import Request

OFF, STDOUT = "off", "stdout"
_PAUSE_S = 0.25
# A disk that hangs must not fill the memory: then the oldest lines are lost.
_MOST_WAITING = 200_000
_MODE = 0o640
# What is kept of an address, if not all of it: so many bits, by the version of IP.
_KEPT_BITS = {4: 24, 6: 48}
_UNSAFE = re.compile(r"[^ !#-\[\]-~]")


class Hit(NamedTuple):
    """One request and its answer; `target` is the path with the query, `size` in bytes."""

    unix: int
    client: str
    method: str
    target: str
    status: int
    size: int
    agent: str


class _Noted(NamedTuple):
    """What is known of a request when it is answered; `forwarded` is X-Forwarded-For."""

    unix: float
    peer: str
    forwarded: str
    request: Request
    version: str
    status: int
    size: int
    agent: str


class AccessLog:
    """Writes the log, and hands each line's values to `counted`."""

    def __init__(
        self, serve: Serve, warn: Callable[[str], None], counted: Callable[[list[Hit]], None]
    ) -> None:
        self._path = serve.access_log
        self._as_json = serve.access_format == "json"
        self._whole = serve.log_addresses
        self._proxies = Proxies(serve.trusted_proxies)
        self._behind_proxy = bool(serve.trusted_proxies)
        self._warn = warn
        self._counted = counted
        self._fault = ""
        self._queue: deque[tuple[Any, ...]] = deque(maxlen=_MOST_WAITING)
        self._client = lru_cache(maxsize=4096)(self._client_of)
        self._reopen, self._ending = threading.Event(), threading.Event()
        self._file = self._open()
        self._thread = threading.Thread(target=self._run, name="access log")
        self._thread.start()

    def note(self, scope: Scope, request: Request, status: int, size: int) -> None:
        """Notes an answer; costs about a microsecond, and may be called from any thread."""
        get = scope.headers.get
        forwarded = get("x-forwarded-for", "") if self._behind_proxy else ""
        agent = get("user-agent", "")
        # A plain tuple, since a `_Noted` takes half as long again.
        seen = (time.time(), scope.client, forwarded, request)
        self._queue.append((*seen, scope.http_version, status, size, agent))

    def reopen(self) -> None:
        """Opens the file again by its name, since it may have been renamed (SIGHUP)."""
        self._reopen.set()

    def close(self) -> None:
        """Writes what is left, and ends the thread."""
        self._ending.set()
        self._thread.join()

    def _open(self) -> int:
        """Returns the descriptor of the log.

        Raises:
            ServeError: the file cannot be written.
        """
        if self._path == STDOUT:
            return 1
        try:
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
        except OSError as error:
            reason = f"{self._path}: {error.strerror} (serve.access_log)"
            raise ServeError(f"cannot write the access log {reason}") from None

    def _run(self) -> None:
        ending = False
        while not ending:
            ending = self._ending.wait(_PAUSE_S)
            if self._reopen.is_set():
                self._reopen.clear()
                self._renew()
            noted = [_Noted._make(self._queue.popleft()) for _ in range(len(self._queue))]
            if noted:
                hits = [self._hit(one) for one in noted]
                self._client.cache_clear()  # it holds whole addresses
                lines = self._json(hits) if self._as_json else self._combined(noted, hits)
                self._write("".join(lines).encode())
                self._counted(hits)
        if self._file != 1:
            os.close(self._file)

    def _renew(self) -> None:
        try:
            file = self._open()
        except ServeError as error:
            self._warn(f"{error}; it goes on in the old file")
            return
        before, self._file = self._file, file
        if before != 1:
            os.close(before)

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            if error.strerror != self._fault:  # once, until it is another
                self._warn(f"lines of the access log are lost: {error.strerror}")
            self._fault = error.strerror or ""
        else:
            self._fault = ""

    def _hit(self, noted: _Noted) -> Hit:
        request = noted.request
        target = f"{request.path}?{request.query}" if request.query else request.path
        client = self._client(noted.peer, noted.forwarded)
        size = 0 if request.method == "HEAD" else noted.size
        return Hit(int(noted.unix), client, request.method, target, noted.status, size, noted.agent)

    def _client_of(self, peer: str, forwarded: str) -> str:
        """Returns the address that the log has; "-" for none."""
        address = self._proxies.address_of(peer, [forwarded] if forwarded else [])
        if address is None:
            return "-"
        if self._whole:
            return str(address)
        network = ipaddress.ip_network((address, _KEPT_BITS[address.version]), strict=False)
        return str(network.network_address)

    def _combined(self, noted: Iterable[_Noted], hits: Iterable[Hit]) -> Iterable[str]:
        """Returns lines as nginx and Apache write them; the referrer is always "-"."""
        for one, hit in zip(noted, hits, strict=True):
            line = f"{_escaped(hit.method)} {_escaped(hit.target)} HTTP/{_version(one.version)}"
            agent = _escaped(hit.agent) or "-"
            head = f'{hit.client} - - [{_clf_time(hit.unix)}] "{line}"'
            yield f'{head} {hit.status} {hit.size} "-" "{agent}"\n'

    def _json(self, hits: Iterable[Hit]) -> Iterable[str]:
        for hit in hits:
            values = hit._asdict() | {"time": rfc3339(from_unix(hit.unix))}
            del values["unix"]
            # Bytes that are no UTF-8 cannot come: granian leaves out such headers.
            with suppress(UnicodeEncodeError):
                yield msgspec.json.encode(values).decode() + "\n"


def _version(version: str) -> str:
    return "1.0" if version == "1" else version


@lru_cache(maxsize=16)
def _clf_time(unix: int) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(unix))


@lru_cache(maxsize=4096)
def _escaped(text: str) -> str:
    r"""Returns a text without quotes, backslashes and what cannot be printed: these as \xHH."""
    return _UNSAFE.sub(_as_bytes, text)


def _as_bytes(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02X}" for byte in match[0].encode("utf-8", "replace"))
