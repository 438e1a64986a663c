"""One child process with a pipe to it: started and ended, whatever is killed meanwhile.

multiprocessing is imported on demand: it takes 5 ms, and most passes start no process.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

from feeds.common.interrupts import uninterrupted

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext

# The server that processes come from may be killed at any moment; another one takes its place.
_STARTS = 4
_PAUSE_SECONDS = 0.1
# A server that starts no process within this time hangs. That it is stopped shows sooner.
_SERVER_SECONDS = 60.0
_LOOK_SECONDS = 0.5
# The system takes a killed process away at once, but for one that hangs in a faulty disk.
_BURIAL_SECONDS = 5.0

_preloaded: list[str] = []


def preload(*modules: str) -> None:
    """Has the server from which processes are forked load these modules, if it starts later."""
    _preloaded.extend(name for name in modules if name not in _preloaded)


class Child:
    """A process that runs `work(pipe, *arguments)`, and our end of that pipe."""

    pipe: Connection | None = None

    def __init__(
        self,
        name: str,
        work: Callable[..., None],
        arguments: Sequence[object],
        modules: Sequence[str] = (),
    ) -> None:
        self._name = name
        self._work = work
        self._arguments = arguments
        self._modules = modules

    def start(self) -> Connection:
        """Starts the process, and returns the pipe; call `kill` in the end, whatever is raised.

        Raises:
            EOFError, OSError: it could not be started.
        """
        for _ in range(_STARTS - 1):
            with suppress(EOFError, OSError):
                return self._start()
            time.sleep(_PAUSE_SECONDS)
        return self._start()

    def _start(self) -> Connection:
        context = fork_context(self._modules)
        pipe, there = context.Pipe()
        process = context.Process(
            target=self._work, args=(there, *self._arguments), name=self._name
        )
        # An interrupt while it is being started would leave it behind.
        with uninterrupted():
            try:
                with _server_watched():
                    process.start()
            except (EOFError, OSError):
                pipe.close()
                raise
            finally:
                there.close()
            self._process, self.pipe = process, pipe
        return pipe

    def signal(self) -> None:
        """Sends the process SIGKILL."""
        # Not by Process.kill: if the server it came from is gone, that takes it to have ended.
        if self.pipe and self._process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """Ends the process and closes the pipe, if there is one; it can be started again."""
        if self.pipe is None:
            return
        self.signal()
        if self.exit_code() is not None:
            self._process.close()
        self.pipe.close()
        self.pipe = None

    def exit_code(self) -> int | None:
        """Waits for a process that ends; returns its exit code, None if it does not end."""
        deadline = time.monotonic() + _BURIAL_SECONDS
        while self._process.exitcode is None and time.monotonic() < deadline:
            _kill_stopped_server()  # it would not report the end
            self._process.join(_LOOK_SECONDS)
        return self._process.exitcode


def fork_context(modules: Sequence[str]) -> ForkServerContext:
    """Returns a context whose processes start with these modules and those of `preload` loaded.

    Not "fork", since the daemon has threads; not "spawn", since each process would import all of
    it again. Ctrl-C and a hang-up, and SIGTERM often, reach a whole process group; the processes
    leave it to their parent to stop them, so the server they come from is started with all of them
    blocked, which they inherit.
    """
    from multiprocessing import forkserver, get_context, resource_tracker

    context = get_context("forkserver")
    context.set_forkserver_preload([*_preloaded, *modules, *_modules_of_script()])
    # It tracks nothing of ours, so that another one takes its place is no news for people.
    warnings.filterwarnings("ignore", "resource_tracker: process died unexpectedly", UserWarning)
    # First, since starting it lets the signals through again.
    with uninterrupted():
        resource_tracker.ensure_running()
    with uninterrupted():
        forkserver.ensure_running()
    return context


def _modules_of_script() -> set[str]:
    """Returns our modules that the script imports which started us: each process runs it again."""
    values = list(vars(sys.modules["__main__"]).values())
    names = (str(getattr(one, "__module__", "")) for one in values)
    return {name for name in names if name.startswith(f"{__name__.partition('.')[0]}.")}


@contextmanager
def _server_watched() -> Iterator[None]:
    """Kills the server if it is stopped, or hangs, so that no start of a process waits for ever."""
    over = threading.Event()

    def watch() -> None:
        deadline = time.monotonic() + _SERVER_SECONDS
        while not over.wait(_LOOK_SECONDS):
            _kill_stopped_server(hangs=time.monotonic() > deadline)

    watcher = threading.Thread(target=watch, name="watch server", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _kill_stopped_server(*, hangs: bool = False) -> None:
    from multiprocessing import forkserver

    pid = cast("Any", forkserver)._forkserver._forkserver_pid  # noqa: SLF001 (no other way)
    with suppress(ChildProcessError, ProcessLookupError):
        if pid and (hangs or os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)):
            os.kill(pid, signal.SIGKILL)


def begin_worker() -> None:
    """Begins a process of `fork_context`, and makes it end as soon as its parent has.

    A worker whose parent was killed, however that ended, would wait for work for ever.
    """
    from multiprocessing import parent_process

    # Else the first collection would go through all that was loaded, and so copy its pages.
    gc.freeze()
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_exit, args=(parent.sentinel,), daemon=True).start()


def _wait_and_exit(sentinel: int) -> None:
    from multiprocessing.connection import wait

    wait([sentinel])
    os._exit(1)
