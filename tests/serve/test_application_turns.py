"""How the turns of queries go round the clients."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from feeds.serve.application import Turns
from feeds.serve.messages import BUSY, Answer, Request, text_answer

MOST = 6


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


def test_turns_of_work_that_gave_way_are_taken_by_the_client_that_asks_for_it_now() -> None:
    async def main() -> dict[str, int]:
        bench = Bench()
        for number in range(MOST + 1):  # one runs, the others wait
            await bench.ask("a", f"a{number}")
        await bench.ask("b", f"a{MOST}", "b for the last")
        return statuses(await bench.end())

    found = asyncio.run(main())
    assert found.pop(f"a{MOST}") == BUSY.status
    assert len(found) == MOST + 1
    assert set(found.values()) == {200}
