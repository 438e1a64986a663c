"""Who a request comes from: the client whose turn it takes, also behind proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What one subscriber has of IPv6 (RFC 6177, section 2): within it, addresses are for the taking.
_PREFIX = 64


class Proxies:
    """The proxies whose X-Forwarded-For is believed, by their addresses and networks."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [_mapped_network(ipaddress.ip_network(one)) for one in networks]

    def client_of(self, peer: str, forwarded: Sequence[str]) -> str:
        """Returns who asks; two requests of one client give the same.

        That is the peer of the connection. Where it is a trusted proxy, it is the last address in
        the lines of X-Forwarded-For that is none. An address that cannot be read was written by the
        trusted proxy after it, which then stands for the client.
        """
        address = _address(peer)
        if address is None:
            return peer
        for member in _from_the_right(forwarded):
            if not self._trust(address):
                break
            before = _address(member)
            if before is None:
                break
            address = before
        return _neighbourhood(address)

    def _trust(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _from_the_right(lines: Sequence[str]) -> Iterator[str]:
    for line in reversed(lines):
        for member in reversed(line.split(",")):
            if text := member.strip():
                yield text


def _address(text: str) -> Address | None:
    """Returns the address in ``1.2.3.4:80``, ``[::1]:80``, or either without a port."""
    host = text.strip('"')
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _mapped_network(network: Network) -> Network:
    """Returns a network of IPv4 addresses as such, also where it is written as one of IPv6."""
    if isinstance(network, ipaddress.IPv4Network):
        return network
    first = network.network_address.ipv4_mapped
    length = network.prefixlen - 96
    return network if first is None or length < 0 else ipaddress.IPv4Network((first, length))


def _neighbourhood(address: Address) -> str:
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.IPv6Network((address, _PREFIX), strict=False))
