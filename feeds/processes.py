"""Work spread over processes. Contains no business logic."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain, islice
from multiprocessing import forkserver, get_context, parent_process, resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext
from typing import TypeVar

from feeds.errors import WorkerError

T = TypeVar("T")

# What the workers will need, loaded once and shared by all of them.
_PRELOAD = ["feeds.seeds.pool", "feeds.render.documents", "ftfy"]


def spread(
    work: Callable[[list[T]], bytes], source: Iterable[T], *, chunk: int, worth: int
) -> Iterator[bytes]:
    """Yields what `work` makes of each chunk of the source, in order.

    From `worth` members on (and on more than one core) the work is done in processes; only a few
    chunks are in memory at a time.

    Raises:
        WorkerError: a process was killed from outside.
    """
    rest = iter(source)
    first = list(islice(rest, worth)) if worth else []
    workers = os.cpu_count() or 1
    members = chain(first, rest)
    if len(first) < worth or workers == 1:
        while part := list(islice(members, chunk)):
            yield work(part)
        return
    context = fork_context(_PRELOAD)
    with ProcessPoolExecutor(workers, mp_context=context, initializer=begin_worker) as pool:
        pending: deque[Future[bytes]] = deque()
        try:
            while part := list(islice(members, chunk)):
                # An interrupt while a worker is being started would leave it behind.
                with _uninterrupted():
                    pending.append(pool.submit(work, part))
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BrokenProcessPool:
            raise WorkerError(
                "a worker process was killed (out of memory?); nothing was published. Try again."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def fork_context(preload: list[str]) -> ForkServerContext:
    """Returns what starts processes that have these modules loaded.

    Not "fork", since the daemon has threads; not "spawn", since each process would import all anew.
    Ctrl-C and a hang-up, and SIGTERM often, reach a whole process group; the processes leave it to
    their parent to stop them, so the server they come from is started with all of them blocked,
    which they inherit.
    """
    context = get_context("forkserver")
    # The first is what the console script loads, which each process would do for itself.
    context.set_forkserver_preload(["feeds.cli", *preload, "feeds.frozen"])
    # First, since starting it lets the signals through again.
    with _uninterrupted():
        resource_tracker.ensure_running()
    with _uninterrupted():
        forkserver.ensure_running()
    return context


@contextmanager
def _uninterrupted() -> Iterator[None]:
    numbers = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin_worker() -> None:
    """Begins a process of `fork_context`, and makes it end as soon as its parent has.

    A worker whose parent was killed, however that ended, would wait for work for ever.
    """
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_exit, args=(parent.sentinel,), daemon=True).start()


def _wait_and_exit(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
