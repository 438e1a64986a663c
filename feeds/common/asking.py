"""Asks others for much at once, in threads that an interrupt leaves behind."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future
    from queue import SimpleQueue

A = TypeVar("A")
R = TypeVar("R")


def ask_all(ask: Callable[[A], R], about: Iterable[A], at_once: int) -> Iterator[R]:
    """Yields the answer about each member, in order, or raises what `ask` raised.

    Who is asked may not answer for a minute, and a library that waits for it may not see Ctrl-C. So
    the threads are daemons: after an interrupt, or an error, nobody waits for what is still asked.

    Args:
        ask: returns an answer, and changes nothing here; threads call it.
        about: what to ask about.
        at_once: how many questions wait for answers at the same time.
    """
    # Imported on demand, with logging: all commands would load them, and few ask for objects.
    from concurrent.futures import Future
    from queue import SimpleQueue

    questions: SimpleQueue[tuple[Future[R], A] | None] = SimpleQueue()
    owed: deque[Future[R]] = deque()

    def work() -> None:
        while question := questions.get():
            answer, one = question
            try:
                answer.set_result(ask(one))
            except BaseException as error:  # noqa: BLE001 (it is raised where the answer is)
                answer.set_exception(error)

    threads: list[threading.Thread] = []
    try:
        for one in about:
            if len(threads) < at_once:
                threads.append(threading.Thread(target=work, name="asking", daemon=True))
                threads[-1].start()
            owed.append(Future())
            questions.put((owed[-1], one))
            if len(owed) == at_once:
                yield owed.popleft().result()
        while owed:
            yield owed.popleft().result()
    finally:
        for _ in threads:
            questions.put(None)
