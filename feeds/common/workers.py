"""Work spread over processes: the same results in the same order, whoever is killed meanwhile."""

from __future__ import annotations

import os
import pickle
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from functools import partial
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from feeds.common.child_process import Child, begin_worker
from feeds.common.errors import WorkerError
from feeds.common.interrupts import uninterrupted

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

T = TypeVar("T")
A = TypeVar("A")
R = TypeVar("R")
WORKER_KILLED = (
    "{} was killed (out of memory?), as was each that took over its work; nothing was published. "
    "Try again."
)
# Does what `spread` does, by workers that may be on other machines: what they need is sent, since
# they have no files.
Engine = Callable[[Callable[[list[Any]], bytes], Iterator[Any], int], Generator[bytes]]

# A chunk whose processes were killed this often is taken to be the cause.
_ATTEMPTS = 8
# So many chunks wait for each process, or have results that wait, while results are taken in.
_AHEAD = 4


def do_here(work: Callable[[list[T]], bytes], source: Iterable[T], chunk: int) -> Generator[bytes]:
    """Yields what `work` makes of each chunk of the source, in this process."""
    members = iter(source)
    while part := list(islice(members, chunk)):
        yield work(part)


def spread(
    work: Callable[[list[T]], bytes], source: Iterable[T], chunk: int, *, spare: int = 0
) -> Generator[bytes]:
    """Yields what `work` makes of each chunk of the source, in order.

    On more than one core it is done in a process for each, and in `spare` ones if it also waits for
    disks or locks; only a few chunks are in memory at a time, and the chunk of a process that is
    killed is given to another one.

    Raises:
        WorkerError: whatever has a certain chunk is killed, or there is no worker that can do it.
    """
    cores = os.cpu_count() or 1
    if cores == 1:
        yield from do_here(work, source, chunk)
        return
    members, workers = iter(source), cores + spare
    pool = _Pool(work, workers)
    with closing(pool), closing(Threads[bytes](workers, "worker")) as threads:
        try:
            while part := list(islice(members, chunk)):
                threads.submit(pool.do, part)
                if len(threads) > _AHEAD * workers:
                    yield threads.result()
            while len(threads):
                yield threads.result()
        finally:
            pool.stop()


class Threads(Generic[R]):
    """Threads that work beside this one, and the results that they still owe, in order.

    An interrupt may come in the midst of a call: the queues, which are written in C, have no lock
    that it could leave held. What an interrupted call was about may be lost; `close` works still.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size, self._name = size, name
        self._threads: list[threading.Thread] = []
        self._jobs: SimpleQueue[_Job[R] | None] = SimpleQueue()
        self._owed: deque[_Job[R]] = deque()

    def __len__(self) -> int:
        """Returns how many results are owed."""
        return len(self._owed)

    def submit(self, work: Callable[[A], R], argument: A) -> None:
        """Has a thread do some work."""
        job = _Job(partial(work, argument))
        self._jobs.put(job)
        self._owed.append(job)
        if len(self._threads) < self._size:
            with uninterrupted():
                thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                thread.start()
                self._threads.append(thread)

    def result(self) -> R:
        """Waits for the next result and returns it, or raises what its work raised."""
        return self._owed.popleft().result()

    def close(self) -> None:
        """Waits until all work is done."""
        with uninterrupted():
            for _ in self._threads:
                self._jobs.put(None)
            for thread in self._threads:
                thread.join()

    def _serve(self) -> None:
        while job := self._jobs.get():
            job.do()


class _Job(Generic[R]):
    """Work for a thread, and what came of it."""

    def __init__(self, work: Callable[[], R]) -> None:
        self._work = work
        self._answer: SimpleQueue[tuple[R, None] | tuple[None, BaseException]] = SimpleQueue()

    def do(self) -> None:
        """Does the work, in a thread."""
        try:
            self._answer.put((self._work(), None))
        except BaseException as error:  # noqa: BLE001 (it is raised where the result is wanted)
            self._answer.put((None, error))
        finally:
            del self._work  # and with it the argument, while the result waits

    def result(self) -> R:
        """Waits for the result and returns it, or raises what the work raised."""
        result, error = self._answer.get()
        if error:
            raise error
        return cast("R", result)


class _Pool(Generic[T]):
    """Processes that do the same work, each for one thread at a time; they start when needed."""

    def __init__(self, work: Callable[[list[T]], bytes], size: int) -> None:
        self._lock = threading.Lock()
        self._all = [Child("feeds worker", _serve, (work,)) for _ in range(size)]
        self._idle: SimpleQueue[Child] = SimpleQueue()
        for child in self._all:
            self._idle.put(child)
        self._stopped = False

    def do(self, part: list[T]) -> bytes:
        """Returns the result of a process for a chunk, or raises what it raised."""
        child = self._idle.get()
        try:
            for _ in range(_ATTEMPTS):
                if self._stopped:
                    break
                pipe = child.pipe or self._begin(child)
                try:
                    pipe.send(part)
                    result, error = pipe.recv()
                except (EOFError, OSError, pickle.UnpicklingError):
                    with self._lock:
                        child.kill()
                else:
                    if error:
                        raise error
                    return bytes(result)
        finally:
            self._idle.put(child)
        raise WorkerError(WORKER_KILLED.format("a worker process"))

    def stop(self) -> None:
        """Kills all processes, so that nobody waits for one any more."""
        with self._lock:
            self._stopped = True
            for child in self._all:
                child.signal()

    def close(self) -> None:
        """Ends all processes; to be called when no thread uses them any more."""
        for child in self._all:
            child.kill()

    def _begin(self, child: Child) -> Connection:
        try:
            pipe = child.start()
        except (EOFError, OSError) as error:
            raise WorkerError(
                f"no worker process could be started ({error}); nothing was published. Try again."
            ) from None
        if self._stopped:
            child.signal()
        return pipe


def _serve(pipe: Connection, work: Callable[[list[Any]], bytes]) -> None:
    """The work of a process: chunk after chunk, until it is killed."""
    begin_worker()
    with suppress(EOFError, OSError):  # nobody wants more of it
        while True:
            pipe.send(answer(work, pipe.recv()))


def answer(
    work: Callable[[list[Any]], bytes], part: list[Any]
) -> tuple[bytes | None, Exception | None]:
    """Returns the result of a chunk, or the exception to raise when it is asked for."""
    try:
        return work(part), None
    except Exception as error:  # noqa: BLE001 (it is raised again)
        error.add_note(traceback.format_exc())
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301 (our own)
        except Exception:  # noqa: BLE001 (what an exception keeps may be anything)
            return None, RuntimeError(f"{type(error).__name__}: {error}")
        return None, error
