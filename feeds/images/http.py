"""The HTTP client that images are fetched with: httpcore, and a guard that makes its connections.

httpx, which is built on httpcore, would cost half as much CPU again, and what it adds is not wanted
here: cookies, credentials, proxies, redirects.

Others write the seeds, so the guard keeps requests away from addresses that are not public. A name
is looked up once for each connection, every address that it has is judged, and the connection goes
to one of those very addresses, so a name that changes in between (DNS rebinding) gains nothing. The
name stays what the server is sent (Host) and what its certificate is checked against (SNI).
"""

from __future__ import annotations

import asyncio
import ipaddress
import select
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpcore
import httpx

from feeds import __version__
from feeds.common.urls import normal_domain

_PORTS = {80, 443}
_MAX_PORT = 65_535
_MAX_LABEL = 63  # of a host name (RFC 1035, section 2.3.4)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052, section 2.1
_ALSO_SPECIAL = [
    ipaddress.ip_network(network)
    for network in (
        *("192.0.0.0/24", "192.88.99.0/24"),
        *("64:ff9b:1::/48", "100::/64", "2001::/23", "3fff::/20", "5f00::/16"),
    )
]

Resolve = Callable[[str, int], Awaitable[list[str]]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ForbiddenAddressError(Exception):
    """A request would have gone to a forbidden address; the text names it."""


def is_public(address: str) -> bool:
    """Tells whether an address is one of the public internet.

    By the registries of special addresses (RFC 6890 and its updates) as `ipaddress` has them, and
    what its older releases lack. An IPv6 address that carries an IPv4 address for a gateway (6to4,
    NAT64) is what that one is; a mapped one has no place on the wire.
    """
    one = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(one, ipaddress.IPv6Address):
        if one in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(one) & 0xFFFF_FFFF)))
        if one.ipv4_mapped or one.is_site_local or (one.sixtofour and _is_special(one.sixtofour)):
            return False
    return not _is_special(one)


def _is_special(one: Address) -> bool:
    if any(one in network for network in _ALSO_SPECIAL):
        return True
    return not one.is_global or one.is_multicast or one.is_reserved or one.is_unspecified


async def resolve(host: str, port: int) -> list[str]:
    """Returns all addresses of a name, by the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that can be asked at little cost whether its server has closed it.

    httpcore's pool asks this of every idle connection, twice for each request.
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._poll = select.poll()
        self._poll.register(stream.get_extra_info("socket"), select.POLLIN)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(self, *how: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._stream.start_tls(*how, **options))

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return bool(self._poll.poll(0))
        return self._stream.get_extra_info(info)


class _Network(httpcore.AnyIOBackend):
    """Makes connections, as streams that cost little."""

    async def connect_tcp(self, *where: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return _Stream(await super().connect_tcp(*where, **options))


class Guard(httpcore.AnyIOBackend):
    """Makes the connections of all requests; those to `allow_hosts` may go anywhere.

    Raises ForbiddenAddressError instead of making a forbidden connection.
    """

    def __init__(
        self,
        allow_hosts: Iterable[str] = (),
        look_up: Resolve = resolve,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._allowed = {_plain(host) for host in allow_hosts}
        self._look_up = look_up
        self._network = network or _Network()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the interface is httpcore's)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connects to the first address of a name that answers, after all were judged."""
        try:
            addresses = await self._look_up(host, port)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise httpcore.ConnectError(f"{host} cannot be looked up: {reason}") from None
        self._judge(host, port, addresses)
        fault: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                fault = error
        raise fault

    def _judge(self, host: str, port: int, addresses: list[str]) -> None:
        if _plain(host) in self._allowed:
            return
        if port not in _PORTS:
            raise ForbiddenAddressError(f"port {port} of {host}: only ports 80 and 443 are allowed")
        for address in addresses:
            if not is_public(address):
                where = host if address == host else f"{host} is {address}, which"
                raise ForbiddenAddressError(f"{where} is not a public address")


def _plain(host: str) -> str:
    host = host.strip("[]").rstrip(".").lower()
    return host if ":" in host else normal_domain(host) or host


def user_agent(site: str) -> str:
    """Returns what requests for images call themselves: our name, and the address of the site."""
    return f"feeds/{__version__} (+{site})"


class Client:
    """Asks with HTTP/1.1 and HTTP/2, over connections that `guard` makes; to be closed.

    It keeps no cookies, sends no credentials, follows no redirects, has no time limits, and knows
    nothing of proxies and .netrc, whatever the environment says. Certificates are checked against
    certifi's roots or those that SSL_CERT_FILE or SSL_CERT_DIR name.
    """

    def __init__(self, guard: Guard, agent: str, connections: int) -> None:
        self._headers = (
            (b"User-Agent", agent.encode()),
            (b"Accept", b"image/*"),
            (b"Accept-Encoding", b"identity"),
        )
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(verify=True, trust_env=True),
            max_connections=4 * connections,
            max_keepalive_connections=2 * connections,
            keepalive_expiry=5.0,
            http2=True,
            network_backend=guard,
        )

    def get(
        self, url: httpx.URL, conditions: Mapping[str, str]
    ) -> AbstractAsyncContextManager[httpcore.Response]:
        """Returns a context that sends a request and ends it; `conditions` are more headers."""
        where = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        headers = [(b"Host", url.netloc), *self._headers]
        headers += ((name.encode(), value.encode()) for name, value in conditions.items())
        return self._pool.stream(b"GET", where, headers=headers)

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._pool.aclose()


def redirect_target(at: httpx.URL, location: str) -> httpx.URL | None:
    """Returns where a redirect leads, None if that is no URL that may be asked."""
    try:
        target = at.join(location)
        host, name = target.host, target.raw_host  # decoded, which not every name can be
    except (httpx.InvalidURL, ValueError):  # UnicodeError, of IDNA, is one of these
        return None
    is_name = all(0 < len(label) <= _MAX_LABEL for label in name.removesuffix(b".").split(b"."))
    is_port = target.port is None or 0 < target.port <= _MAX_PORT
    is_http = target.scheme in {"http", "https"} and not target.userinfo
    return target if host and is_name and b"%" not in name and is_port and is_http else None
