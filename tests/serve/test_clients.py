"""Whose turn a request takes, by address and behind trusted proxies, and how turns go round."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.common.errors import ConfigError
from feeds.config import load_config
from feeds.serve.clients import Proxies, Turns
from feeds.serve.content import Content
from feeds.serve.messages import BUSY, Answer, Request, text_answer
from tests.support.site import Site

MOST = 6
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


class Bench:
    """Turns whose jobs wait for a signal, and note in which order they ran."""

    def __init__(self) -> None:
        self.turns = Turns(MOST)
        self.gate = threading.Event()
        self.ran: list[str] = []
        self.tasks: dict[str, asyncio.Task[Answer]] = {}

    async def ask(self, client: str, name: str, label: str = "") -> None:
        """Lets a client ask for the work of this name."""
        label = label or name
        key, work = Request("GET", name), self._work(name)
        self.tasks[label] = asyncio.create_task(self.turns.take(client, key, work))
        await asyncio.sleep(0)

    def _work(self, name: str) -> Callable[[], Answer]:
        def work() -> Answer:
            self.gate.wait()
            self.ran.append(name)
            if name.startswith("bad"):
                raise ValueError(name)
            return text_answer(200, name)

        return work

    async def end(self) -> dict[str, Answer | BaseException]:
        """Lets all jobs run; returns what each label got."""
        self.gate.set()
        found = await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        self.turns.close()
        return dict(zip(self.tasks, found, strict=True))


def statuses(found: dict[str, Answer | BaseException]) -> dict[str, int]:
    return {name: one.status for name, one in found.items() if isinstance(one, Answer)}


def test_turns_go_round_the_clients() -> None:
    async def main() -> list[str]:
        bench = Bench()
        for name in ("a0", "a1", "a2", "a3"):
            await bench.ask("a", name)
        for name in ("b1", "b2"):
            await bench.ask("b", name)
        await bench.ask("c", "c1")
        await bench.end()
        return bench.ran

    assert asyncio.run(main()) == ["a0", "a1", "b1", "c1", "a2", "b2", "a3"]


def test_turns_without_room_take_from_who_has_most() -> None:
    async def main() -> dict[str, int]:
        bench = Bench()
        for number in range(MOST + 2):  # one runs, MOST wait, one is too much
            await bench.ask("a", f"a{number}")
        for number in range(4):  # the fourth would have more than its share
            await bench.ask("b", f"b{number}")
        await bench.ask("c", "c0")
        return statuses(await bench.end())

    found = asyncio.run(main())
    turned_away = {name for name, status in found.items() if status == BUSY.status}
    assert turned_away == {"a7", "a6", "a5", "a4", "b3", "a3"}


def test_turns_without_room_take_from_nobody_who_has_but_one_more() -> None:
    async def main() -> dict[str, int]:
        bench = Bench()
        for name in ("a0", "a1", "a2", "a3", "b1", "b2", "c1"):  # a0 runs, the others wait
            await bench.ask(name[0], name)
        await bench.ask("b", "b3")
        return statuses(await bench.end())

    found = asyncio.run(main())
    assert [name for name, status in found.items() if status == BUSY.status] == ["b3"]


def test_turns_are_shared_by_all_who_ask_the_same() -> None:
    async def main() -> tuple[list[str], dict[str, Answer | BaseException]]:
        bench = Bench()
        for number in range(4):
            await bench.ask("a", f"a{number}")
        await bench.ask("b", "a3", "b for a3")  # its own turn comes before that of a
        await bench.ask("c", "a0", "c for a0")  # which runs already
        return bench.ran, await bench.end()

    ran, found = asyncio.run(main())
    assert ran == ["a0", "a1", "a3", "a2"]
    assert found["b for a3"] is found["a3"]
    assert found["c for a0"] is found["a0"]


def test_turns_of_a_shared_job_stay_when_one_client_has_to_give_way() -> None:
    async def main() -> dict[str, int]:
        bench = Bench()
        for number in range(MOST):
            await bench.ask("a", f"a{number}")
        await bench.ask("b", f"a{MOST - 1}", "b for the last")  # now there is no more room
        await bench.ask("c", "c0")
        return statuses(await bench.end())

    assert set(asyncio.run(main()).values()) == {200}


def test_turns_go_on_after_a_job_that_fails() -> None:
    async def main() -> dict[str, Answer | BaseException]:
        bench = Bench()
        for name in ("bad", "good"):
            await bench.ask("a", name)
        return await bench.end()

    found = asyncio.run(main())
    assert isinstance(found["bad"], ValueError)
    assert statuses(found) == {"good": 200}


def test_turns_without_room_let_a_client_wait_for_what_another_waits_for() -> None:
    async def main() -> dict[str, int]:
        bench = Bench()
        for name in ("a0", "a1", "a2", "a3", "b1", "b2", "c1"):  # a0 runs, the others wait
            await bench.ask(name[0], name)
        await bench.ask("b", "c1", "b for c1")
        return statuses(await bench.end())

    assert asyncio.run(main())["b for c1"] == 200
