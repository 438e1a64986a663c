"""Queries are fair: a crowd of one address delays itself, not another, and no document."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.crowd import ask, flooding
from tests.support.ports import HOST
from tests.support.serving import Server
from tests.support.site import Site


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    site = Site(tmp_path_factory.mktemp("turns") / "site")
    for number in range(1, 81):
        site.seed(f"{number}.txt", number=number, body="What there is to say of it. " * 20)
    site.publish()
    with Server(site) as server:
        yield server
        assert "failed" not in server.log()


def test_turns_of_an_honest_client_come_beside_a_crowd(server: Server) -> None:
    with flooding(server.port, "127.0.0.2") as crowd:
        found = [ask(server.port, f"/query.json?limit={n}", "127.0.0.3") for n in range(1, 16)]
        forms = [ask(server.port, f"/query?{n}", "127.0.0.4") for n in range(5)]
        documents = [ask(server.port, f"/all.rss?{n}", HOST) for n in range(10)]
    assert {*found, *forms, *documents} == {200}
    assert crowd.statuses[200] > 0
    assert crowd.statuses[503] > 0


def test_turns_are_of_addresses_not_of_what_a_client_says_it_is(server: Server) -> None:
    """The crowd names a different X-Forwarded-For in each connection."""
    with flooding(server.port, "127.0.0.2") as crowd:
        asked = [ask(server.port, f"/query.rss?limit={n}", "127.0.0.5") for n in range(1, 11)]
    assert set(asked) == {200}
    assert crowd.statuses[503] > 0
