"""The access log: one line for each answer, written by a thread of its own (`serve.access_log`).

Who answers only puts a few values into a queue. Addresses are cut before anything is written. Also
reads lines again: ours, those of nginx in its combined format, and those of Caddy.
"""

from __future__ import annotations

import ipaddress
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from granian.rsgi import Scope

from feeds.common.errors import ServeError
from feeds.common.times import from_unix, rfc3339
from feeds.config.model import Serve
from feeds.serve.messages import Request

OFF, STDOUT = "off", "stdout"
_PAUSE_S = 0.25
# A disk that hangs must not fill the memory: then the oldest lines are lost.
_MOST_WAITING = 200_000
_MODE = 0o640
# What is kept of an address, if not all of it: so many bits, by the version of IP.
_KEPT_BITS = {4: 24, 6: 48}
# A subscriber of IPv6 has at least a /64 (RFC 6177, section 2), and may use any address in it.
_PREFIX = 64
# Addresses of IPv4 within IPv6 begin with so many bits (RFC 4291, section 2.5.5.2).
_MAPPED_PREFIX = 96
_UNSAFE = re.compile(r"[^ !#-\[\]-~]")
_TIME = "%d/%b/%Y:%H:%M:%S"
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_COMBINED = re.compile(
    rf'(\S+) \S+ \S+ \[([^\]]+)\] "([A-Z]+) (\S+)[^"]*" (\d{{3}}) (\d+|-)(?: {_QUOTED} {_QUOTED})?'
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Hit(NamedTuple):
    """One request and its answer; `target` is the path with the query, `size` in bytes."""

    unix: int
    client: str
    method: str
    target: str
    status: int
    size: int
    agent: str
    version: str = ""


class AccessLog:
    """Writes the log, and hands each line's values to `counted`."""

    def __init__(
        self, serve: Serve, warn: Callable[[str], None], counted: Callable[[list[Hit]], None]
    ) -> None:
        self._serve = serve
        self._proxies = Proxies(serve.trusted_proxies)
        self._warn = warn
        self._counted = counted
        self._fault: str | None = None
        self._queue: deque[tuple[Any, ...]] = deque(maxlen=_MOST_WAITING)
        self._client = lru_cache(maxsize=4096)(self._client_of)
        self._reopen, self._ending = threading.Event(), threading.Event()
        self._file = self._open()
        self._thread = threading.Thread(target=self._run, name="access log")
        self._thread.start()

    def note(self, scope: Scope, request: Request, status: int, size: int) -> None:
        """Notes an answer; costs about a microsecond, and may be called from any thread."""
        get = scope.headers.get
        forwarded = get("x-forwarded-for", "") if self._serve.trusted_proxies else ""
        seen = (time.time(), scope.client, forwarded, request, status, size)
        self._queue.append((*seen, get("user-agent", ""), scope.http_version))

    def reopen(self) -> None:
        """Opens the file again by its name, since it may have been renamed (SIGHUP)."""
        self._reopen.set()

    def close(self) -> None:
        """Writes what is left, and ends the thread."""
        self._ending.set()
        self._thread.join()

    def _open(self) -> int:
        """Returns the descriptor of the log; raises ServeError if it cannot be written."""
        path = self._serve.access_log
        if path == STDOUT:
            return 1
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
        except OSError as error:
            reason = f"{path}: {error.strerror} (serve.access_log)"
            raise ServeError(f"cannot write the access log {reason}") from None

    def _run(self) -> None:
        line = _json_line if self._serve.access_format == "json" else _combined_line
        ending = False
        while not ending:
            ending = self._ending.wait(_PAUSE_S)
            if self._reopen.is_set():
                self._reopen.clear()
                self._renew()
            hits = [self._hit(self._queue.popleft()) for _ in range(len(self._queue))]
            if hits:
                self._client.cache_clear()  # it holds whole addresses
                self._write("".join(map(line, hits)).encode())
                self._counted(hits)
        if self._file != 1:
            os.close(self._file)

    def _renew(self) -> None:
        try:
            before, self._file = self._file, self._open()
        except ServeError as error:
            self._warn(f"{error}; it goes on in the old file")
            return
        if before != 1:
            os.close(before)

    def _write(self, data: bytes) -> None:
        fault = None
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            fault = error.strerror
            if fault != self._fault:  # once, until it is another
                self._warn(f"lines of the access log are lost: {fault}")
        self._fault = fault

    def _hit(self, noted: tuple[Any, ...]) -> Hit:
        unix, peer, forwarded, request, status, size, agent, version = noted
        target = f"{request.path}?{request.query}" if request.query else request.path
        client = self._client(peer, forwarded)
        return Hit(int(unix), client, request.method, target, status, size, agent, version)

    def _client_of(self, peer: str, forwarded: str) -> str:
        """Returns the address that the log has; "-" for none."""
        address = self._proxies.address_of(peer, [forwarded])
        if address is None or self._serve.log_addresses:
            return str(address or "-")
        network = ipaddress.ip_network((address, _KEPT_BITS[address.version]), strict=False)
        return str(network.network_address)


# Lines


def _combined_line(hit: Hit) -> str:
    """Returns a line as nginx and Apache write them; the referrer is always "-"."""
    version = "1.0" if hit.version == "1" else hit.version
    asked = f"{_escaped(hit.method)} {_escaped(hit.target)} HTTP/{version}"
    head = f'{hit.client} - - [{_clf_time(hit.unix)}] "{asked}"'
    return f'{head} {hit.status} {hit.size} "-" "{_escaped(hit.agent) or "-"}"\n'


def _json_line(hit: Hit) -> str:
    values = hit._asdict() | {"time": rfc3339(from_unix(hit.unix))}
    del values["unix"], values["version"]
    return msgspec.json.encode(values).decode() + "\n"


@lru_cache(maxsize=16)
def _clf_time(unix: int) -> str:
    return time.strftime(f"{_TIME} +0000", time.gmtime(unix))


@lru_cache(maxsize=64)
def _clf_unix(text: str) -> int:
    return int(datetime.strptime(text, f"{_TIME} %z").timestamp())


@lru_cache(maxsize=4096)
def _escaped(text: str) -> str:
    r"""Returns a text without quotes, backslashes and what cannot be printed: these as \xHH."""
    return _UNSAFE.sub(_as_bytes, text)


def _as_bytes(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02X}" for byte in match[0].encode("utf-8", "replace"))


def read_line(line: str) -> Hit | None:
    """Returns what a line of an access log tells; None if it is none that we know."""
    try:
        if line.startswith("{"):
            return _json_hit(msgspec.json.decode(line))
        match = _COMBINED.match(line)
        if match is None:
            return None
        client, when, method, target, status, size, _, agent = match.groups()
        sent = 0 if size == "-" else int(size)
        return Hit(_clf_unix(when), client, method, target, int(status), sent, agent or "")
    except (msgspec.DecodeError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None


def _json_hit(data: Any) -> Hit:
    if "request" in data:  # Caddy's, whose time is seconds since 1970, or a date if it is told to
        request = data["request"]
        when, target = data["ts"], request["uri"]
        client = request.get("client_ip") or request["remote_ip"]
        (agent,) = request.get("headers", {}).get("User-Agent", [""])[:1]
    else:
        request, when, target = data, data["time"], data["target"]
        client, agent = data["client"], data["agent"]
    unix = datetime.fromisoformat(when).timestamp() if isinstance(when, str) else when
    names = str(client), str(request["method"]), str(target)
    return Hit(int(unix), *names, int(data["status"]), int(data["size"]), str(agent))


# Clients


class Proxies:
    """The proxies whose X-Forwarded-For is trusted, by their addresses and networks."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [_mapped_network(ipaddress.ip_network(one)) for one in networks]

    def client_of(self, peer: str, forwarded: Sequence[str]) -> str:
        """Returns a name for the client that a request comes from: its address, or its /64 of IPv6.

        `peer` is the address and port of the connection's other end, `forwarded` are the lines of
        X-Forwarded-For.
        """
        address = self.address_of(peer, forwarded)
        if address is None:
            return peer
        if isinstance(address, ipaddress.IPv4Address):
            return str(address)
        return str(ipaddress.IPv6Network((address, _PREFIX), strict=False))

    def address_of(self, peer: str, forwarded: Sequence[str]) -> Address | None:
        """Returns the address of the client; None if the peer has none.

        The client is the peer of the connection, or, if that is a trusted proxy, the last address
        in X-Forwarded-For that is not a trusted proxy's. If a trusted proxy forwarded something
        that is no address, the proxy itself counts as the client.
        """
        address = _address(peer)
        if address is None:
            return None
        members = filter(None, map(str.strip, ",".join(forwarded).split(",")))
        for member in reversed(list(members)):
            before = _address(member)
            if before is None or not any(address in network for network in self._networks):
                break
            address = before
        return address


def _address(text: str) -> Address | None:
    """Parses ``1.2.3.4:80`` or ``[::1]:80``, with or without the port; None if it is neither."""
    host = text.strip('"')
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _mapped_network(network: Network) -> Network:
    """Returns an IPv4-mapped network of IPv6 as the network of IPv4 that it stands for."""
    first = getattr(network.network_address, "ipv4_mapped", None)
    if first is None or network.prefixlen < _MAPPED_PREFIX:
        return network
    return ipaddress.IPv4Network((first, network.prefixlen - _MAPPED_PREFIX))
