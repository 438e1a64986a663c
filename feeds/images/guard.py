"""Keeps requests for images away from addresses that are not public: others write the seeds.

A name is looked up once for each connection, every address that it has is judged, and the
connection goes to one of those very addresses, so a name that changes in between (DNS rebinding)
gains nothing. The name stays what the server is sent (Host) and what its certificate is checked
against (SNI).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable

import httpcore

from feeds.common.urls import normal_domain

_PORTS = {80, 443}
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


class Guard(httpcore.AsyncNetworkBackend):
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
        self._network = network or httpcore.AnyIOBackend()

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

    async def sleep(self, seconds: float) -> None:
        """Sleeps; httpcore asks for it."""
        await asyncio.sleep(seconds)

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
