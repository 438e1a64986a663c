"""Which addresses are asked, and that no name has two faces."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import httpcore
import pytest

from feeds.images.http import ForbiddenAddressError, Guard, is_public, resolve

PUBLIC = ["93.184.216.34", "1.1.1.1", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::101:101"]
PRIVATE = {
    "loopback": ["127.0.0.1", "127.255.0.9", "::1"],
    "private": ["10.0.0.1", "172.16.5.4", "172.31.255.255", "192.168.1.1", "fd00::1", "fc00::1"],
    "link-local": ["169.254.169.254", "fe80::1", "fe80::1%eth0", "fec0::1"],
    "carrier NAT": ["100.64.0.1", "100.127.255.255"],
    "multicast": ["224.0.0.1", "239.1.1.1", "ff02::1", "ff0e::1"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],  # noqa: S104 (nobody binds to it)
    "documentation": ["192.0.2.1", "198.51.100.7", "203.0.113.9", "2001:db8::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.0.8", "5f00::1"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:1.1.1.1"],
    "6to4": ["2002:7f00:1::", "2002:a00:1::1"],
    "teredo": ["2001:0:7f00:1::1"],
    "nat64": ["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"],
}


class Network(httpcore.AsyncNetworkBackend):
    """Stands for the network outside: notes where connections would go."""

    def __init__(self, unreachable: Iterable[str] = ()) -> None:
        self.connected: list[tuple[str, int]] = []
        self.unreachable = set(unreachable)

    async def connect_tcp(self, host: str, port: int, *_: Any) -> httpcore.AsyncNetworkStream:
        self.connected.append((host, port))
        if host in self.unreachable:
            raise httpcore.ConnectError("unreachable")
        return httpcore.AsyncMockStream([])


class Resolver:
    """Answers the first look-up with the first list of addresses, and so on."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, _: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0)


def connect(
    host: str, *answers: list[str], port: int = 443, allow: Iterable[str] = (), **network: Any
) -> tuple[Network, Resolver]:
    """Connects once; returns what the network and the resolver saw."""
    outside, resolver = Network(**network), Resolver(*answers)
    guard = Guard(allow, resolver, outside)
    asyncio.run(guard.connect_tcp(host, port))
    return outside, resolver


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", [one for some in PRIVATE.values() for one in some])
def test_special_address_is_not_public(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(ForbiddenAddressError, match="is not a public address"):
        connect("images.example", [address])


@pytest.mark.parametrize("address", PRIVATE["loopback"] + PRIVATE["mapped"][:2])
def test_guard_refuses_a_name_of_which_any_address_is_not_public(address: str) -> None:
    with pytest.raises(ForbiddenAddressError, match="is not a public address"):
        connect("images.example", [*PUBLIC, address])


@pytest.mark.parametrize("port", [22, 25, 8080, 6379, 65535])
def test_guard_refuses_other_ports(port: int) -> None:
    with pytest.raises(ForbiddenAddressError, match="only ports 80 and 443"):
        connect("images.example", PUBLIC, port=port)


def test_guard_connects_to_the_address_that_was_judged_by_one_look_up() -> None:
    outside, resolver = connect("images.example", [PUBLIC[0]], ["127.0.0.1"])
    assert outside.connected == [(PUBLIC[0], 443)]
    assert resolver.asked == ["images.example"]


def test_guard_judges_a_name_anew_for_each_connection() -> None:
    outside, resolver = Network(), Resolver([PUBLIC[0]], ["127.0.0.1"])
    guard = Guard((), resolver, outside)
    asyncio.run(guard.connect_tcp("images.example", 443))
    with pytest.raises(ForbiddenAddressError):
        asyncio.run(guard.connect_tcp("images.example", 443))
    assert outside.connected == [(PUBLIC[0], 443)]


def test_guard_tries_the_next_address_where_one_does_not_answer() -> None:
    outside, _ = connect("images.example", PUBLIC[:3], unreachable=PUBLIC[:2])
    assert [address for address, _ in outside.connected] == PUBLIC[:3]


def test_guard_gives_up_where_no_address_answers() -> None:
    with pytest.raises(httpcore.ConnectError):
        connect("images.example", PUBLIC, unreachable=PUBLIC)
    with pytest.raises(httpcore.ConnectError, match="has no address"):
        connect("images.example", [])


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("intranet.example", "intranet.example"),
        ("INTRANET.example.", "intranet.example"),
        ("10.0.0.1", "10.0.0.1"),
        ("::1", "[::1]"),
    ],
)
def test_guard_lets_requests_to_allowed_hosts_go_anywhere(host: str, allowed: str) -> None:
    outside, _ = connect(host, ["10.0.0.1"], port=8080, allow=[allowed])
    assert outside.connected == [("10.0.0.1", 8080)]


@pytest.mark.parametrize("host", ["evil.intranet.example", "intranet.example.evil", "10.0.0.2"])
def test_guard_allows_no_host_but_those_named(host: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        connect(host, ["10.0.0.1"], allow=["intranet.example", "10.0.0.1"])


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost"])
def test_resolve_sees_through_other_ways_to_write_loopback(host: str) -> None:
    addresses = asyncio.run(resolve(host, 80))
    assert addresses
    assert not any(map(is_public, addresses))


def test_guard_tells_that_a_name_does_not_exist() -> None:
    async def nowhere(host: str, _: int) -> list[str]:
        raise OSError(-2, f"{host} is not known")

    guard = Guard((), nowhere, Network())
    with pytest.raises(httpcore.ConnectError, match=r"images\.example cannot be looked up"):
        asyncio.run(guard.connect_tcp("images.example", 443))
