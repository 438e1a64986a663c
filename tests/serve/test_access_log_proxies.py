"""Which client a request comes from, by address and behind trusted proxies."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.common.errors import ConfigError
from feeds.config import load_config
from feeds.serve.access_log import Proxies
from feeds.serve.content import Content
from tests.support.site import Site

PROXIES = ["10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48", "::1"]


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        ("198.51.100.1:999", "198.51.100.1"),
        ("[::ffff:198.51.100.1]:999", "198.51.100.1"),
        ("[2001:db8:2:3:4:5:6:7]:999", "2001:db8:2:3::/64"),
        ("[2001:db8:2:3::]:999", "2001:db8:2:3::/64"),
        ("[fe80::1%eth0]:999", "fe80::/64"),
        ("[::1]:999", "::/64"),
        ("unix:", "unix:"),
    ],
)
def test_client_without_trusted_proxies_is_the_peer(peer: str, client: str) -> None:
    assert Proxies([]).client_of(peer, ["203.0.113.9, 203.0.113.8"]) == client


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ([], "10.1.1.1"),
        (["203.0.113.9"], "203.0.113.9"),
        (["203.0.113.8, 203.0.113.9"], "203.0.113.9"),
        (["203.0.113.8", "203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 10.2.2.2, 192.0.2.7"], "203.0.113.9"),
        (["203.0.113.9", "2001:db8:1::5", "10.2.2.2"], "203.0.113.9"),
        (["203.0.113.9, 192.0.2.8, 10.2.2.2"], "192.0.2.8"),
        (["203.0.113.9,,", ", ,"], "203.0.113.9"),
        (["203.0.113.9:4711"], "203.0.113.9"),
        (["2001:db8:2:3:4::"], "2001:db8:2:3::/64"),
        (["[2001:db8:2:3:4::]:4711"], "2001:db8:2:3::/64"),
        (['"[2001:db8:2:3:4::]"'], "2001:db8:2:3::/64"),
        (["::ffff:203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, unknown"], "10.1.1.1"),
        (["203.0.113.9, unknown, 10.3.3.3"], "10.3.3.3"),
        (["10.4.4.4, 10.3.3.3"], "10.4.4.4"),
    ],
)
def test_client_behind_trusted_proxies_is_the_last_that_is_none(
    forwarded: list[str], client: str
) -> None:
    assert Proxies(PROXIES).client_of("10.1.1.1:80", forwarded) == client
    assert Proxies(PROXIES).client_of("[::ffff:10.1.1.1]:80", forwarded) == client


@pytest.mark.parametrize(
    ("network", "peer", "client"),
    [
        ("::ffff:10.0.0.0/104", "10.1.1.1", "203.0.113.9"),
        ("::ffff:10.0.0.0/104", "11.1.1.1", "11.1.1.1"),
        ("::ffff:0.0.0.0/96", "198.51.100.1", "203.0.113.9"),
        ("::/0", "198.51.100.1", "198.51.100.1"),
    ],
)
def test_client_of_a_mapped_network_is_one_of_ipv4(network: str, peer: str, client: str) -> None:
    assert Proxies([network]).client_of(f"{peer}:80", ["203.0.113.9"]) == client


def test_client_is_not_what_somebody_else_than_a_proxy_says() -> None:
    assert Proxies(PROXIES).client_of("203.0.113.1:80", ["203.0.113.9"]) == "203.0.113.1"


@given(st.text(max_size=40), st.lists(st.text(max_size=60), max_size=4))
def test_client_of_whatever_raises_nothing(peer: str, forwarded: list[str]) -> None:
    proxies = Proxies(["0.0.0.0/0", "::/0"])
    assert isinstance(proxies.client_of(peer, forwarded), str)
    assert isinstance(proxies.client_of("10.0.0.1:1", forwarded), str)


@pytest.mark.parametrize(
    ("value", "networks"),
    [
        ("[]", ()),
        ('["127.0.0.1", "::1"]', ("127.0.0.1/32", "::1/128")),
        ('["10.0.0.0/8", "2001:db8::/32"]', ("10.0.0.0/8", "2001:db8::/32")),
    ],
)
def test_trusted_proxies_are_addresses_and_networks(
    tmp_path: Path, value: str, networks: tuple[str, ...]
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[serve]\ntrusted_proxies = {value}\n", encoding="utf-8")
    assert load_config(path).config.serve.trusted_proxies == networks


def test_trusted_proxies_are_taken_over_with_the_configuration(site: Site) -> None:
    content = Content(site.load().config, pytest.fail)
    site.configure('[serve]\ntrusted_proxies = ["192.0.2.7"]\n')
    for client in ("192.0.2.7", "203.0.113.9"):
        assert content.policy.proxies.client_of("192.0.2.7:80", ["203.0.113.9"]) == client
        content.configure(site.load().config)
    content.close()


@pytest.mark.parametrize("value", ['["proxy.example.org"]', '["10.0.0.1/8"]', '["10.0.0.0/99"]'])
def test_trusted_proxies_that_are_none_are_refused(tmp_path: Path, value: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[serve]\ntrusted_proxies = {value}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"trusted_proxies.*wanted an address or a network"):
        load_config(path)
