"""Ctrl-C, SIGTERM and SIGHUP: what they must not cut short, how they end coroutines and threads."""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future
    from queue import SimpleQueue

A = TypeVar("A")
T = TypeVar("T")
Handler = Callable[[int, FrameType | None], object]

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Of signals that are ignored, and of those that something other than Python handles.
_NONE = (signal.SIG_IGN, None)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keeps Ctrl-C, SIGTERM and SIGHUP waiting for as long as it lasts.

    They are blocked in this thread, and in what it starts. Another thread may take a signal all the
    same, whose handler Python then calls in the main thread: so that one is put off as well.
    """
    late: list[int] = []
    with ExitStack() as stack:
        stack.callback(lambda: list(map(signal.raise_signal, late)))
        # Also where one would end the process at once, and leave half of what is being done.
        stack.enter_context(_handled(lambda _before, number, _frame: late.append(number), *_NONE))
        before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTIONS)
        stack.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
        yield


@contextmanager
def _handled(
    take: Callable[[Any, int, FrameType | None], object], *but: signal.Handlers | None
) -> Iterator[None]:
    """Has signals taken, with what handled them before, unless that is one of `but`."""
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            for number in INTERRUPTIONS:
                handler = signal.getsignal(number)
                if handler not in but:
                    stack.callback(signal.signal, number, handler)
                    signal.signal(number, partial(take, handler))
        yield


def run_coroutine(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs a coroutine in an event loop of its own; returns what it returns.

    What the handler of a signal raises cancels the coroutine, and is raised when that has ended. If
    it were raised wherever the loop happens to be, it would leave behind what was just being begun,
    such as a request that nobody awaits. `asyncio.run` does this for Python's own handler alone.
    """
    import asyncio

    raised: list[BaseException] = []
    tasks: list[asyncio.Task[T]] = []

    def take(handler: Handler, number: int, frame: FrameType | None) -> None:
        try:
            handler(number, frame)
        except BaseException as error:  # noqa: BLE001 (it is raised below)
            raised.append(error)
            for task in tasks:
                task.cancel()
                task.get_loop().call_soon_threadsafe(lambda: None)  # the loop may be asleep

    async def run() -> T:
        tasks.append(asyncio.ensure_future(main()))
        if raised:
            tasks[0].cancel()
        return await tasks[0]

    with _handled(take, *_NONE, signal.SIG_DFL):
        try:
            return asyncio.run(run())
        except asyncio.CancelledError:
            if raised:
                raise raised[0] from None
            raise


def ask_all(ask: Callable[[A], T], about: Iterable[A], at_once: int) -> Iterator[T]:
    """Yields what `ask` returns for each member, in order, or raises what it raised in a thread.

    At most `at_once` calls run at a time. A call may take a minute, and the library that waits in
    it may not see Ctrl-C. So the threads are daemons: after an interrupt, or an error, no call is
    waited for, and `ask` must change nothing in this process.
    """
    # Imported on demand, with logging: all commands would load them, and few ask for objects.
    from concurrent.futures import Future
    from queue import SimpleQueue

    questions: SimpleQueue[tuple[Future[T], A] | None] = SimpleQueue()
    owed: deque[Future[T]] = deque()

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
