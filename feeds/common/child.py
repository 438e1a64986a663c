"""One process of ours with a pipe to it: started and ended, whatever is killed meanwhile."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import forkserver, get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext

_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# The server that processes come from may be killed at any moment; another one takes its place.
_ATTEMPTS = 4
_PAUSE_SECONDS = 0.1
# The system takes a killed process away at once, but for one that hangs in a faulty disk.
_BURIAL_SECONDS = 5.0


class Child:
    """A process that runs `work(pipe, *arguments)`, and our end of that pipe."""

    pipe: Connection | None = None

    def __init__(
        self, name: str, work: Callable[..., None], arguments: Sequence[object], preload: list[str]
    ) -> None:
        self._name = name
        self._work = work
        self._arguments = arguments
        self._preload = preload

    def start(self) -> Connection:
        """Starts the process, and returns the pipe; whatever is raised, `kill` is the end of it.

        Raises:
            EOFError, OSError: it could not be started.
        """
        for _ in range(_ATTEMPTS - 1):
            with suppress(EOFError, OSError):
                return self._start()
            time.sleep(_PAUSE_SECONDS)
        return self._start()

    def _start(self) -> Connection:
        context = fork_context(self._preload)
        pipe, there = context.Pipe()
        process = context.Process(
            target=self._work, args=(there, *self._arguments), name=self._name
        )
        # An interrupt while it is being started would leave it behind.
        with uninterrupted():
            try:
                process.start()
            except (EOFError, OSError):
                pipe.close()
                raise
            finally:
                there.close()
            self.pipe, self._process = pipe, process
        return pipe

    def signal(self) -> None:
        """Sends the process SIGKILL."""
        # Not by Process.kill: where the server it came from is gone, that takes it to have ended.
        if self.pipe and self._process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """Ends the process and closes the pipe, if there is one."""
        if self.pipe is None:
            return
        self.signal()
        if self.exit_code() is not None:
            self._process.close()
        self.pipe.close()
        self.pipe = None

    def exit_code(self) -> int | None:
        """Waits for a process that ends; returns its exit code, None if it does not end."""
        self._process.join(_BURIAL_SECONDS)
        return self._process.exitcode


def fork_context(preload: list[str]) -> ForkServerContext:
    """Returns what starts processes that have these modules loaded.

    Not "fork", since the daemon has threads; not "spawn", since each process would import all anew.
    Ctrl-C and a hang-up, and SIGTERM often, reach a whole process group; the processes leave it to
    their parent to stop them, so the server they come from is started with all of them blocked,
    which they inherit.
    """
    context = get_context("forkserver")
    # The first is what the console script loads, which each process would do for itself.
    context.set_forkserver_preload(["feeds.cli.main", *preload, "feeds.common.frozen"])
    # It tracks nothing of ours, so that another one takes its place is no news for people.
    warnings.filterwarnings("ignore", "resource_tracker: process died unexpectedly", UserWarning)
    # First, since starting it lets the signals through again.
    with uninterrupted():
        resource_tracker.ensure_running()
    with uninterrupted():
        forkserver.ensure_running()
    return context


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keeps Ctrl-C, SIGTERM and SIGHUP waiting for as long as it lasts.

    They are blocked in this thread, and in what it starts. Another thread may take a signal all the
    same, whose handler Python then calls in the main thread: so that one is put off as well.
    """
    late: list[int] = []
    with ExitStack() as stack:
        stack.callback(_raise_all, late)
        if threading.current_thread() is threading.main_thread():
            for number in _INTERRUPTIONS:
                handler = signal.getsignal(number)
                if handler not in (None, signal.SIG_IGN):
                    stack.callback(signal.signal, number, handler)
                    signal.signal(number, lambda number, _: late.append(number))
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTIONS)
        stack.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
        yield


def _raise_all(numbers: list[int]) -> None:
    for number in numbers:
        signal.raise_signal(number)


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
