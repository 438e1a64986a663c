"""Queries are fair: a crowd of one address delays itself, not another, and no document."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from feeds.serve.clients import Turns
from feeds.serve.messages import BUSY, Answer, Request, text_answer
from tests.support.crowd import ask, flooding
from tests.support.serving import HOST, Server
from tests.support.site import Site

MOST = 6


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
