"""Passes of the daemon, one after the other in a process beside it.

The process stays for the next pass if a pass succeeded: to start another takes as long as a third
of a pass that finds nothing. With a Dask cluster it has the client of that.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe

import msgspec

from feeds.common.reports import Callbacks, Options, PassReport
from feeds.common.task import Ended, Say, Task
from feeds.config import Loaded
from feeds.daemon.processes import Outcome, outcome_of
from feeds.pipeline.after_publish import PRELOAD
from feeds.pipeline.early_start import WORKER_MODULES
from feeds.pipeline.run import publish_feeds

_TICK_SECONDS = 0.1
# A process ends with a pass that took more memory, in KiB: it would keep that, as it would what
# leaks.
_MOST_KIB = 192 << 10


class PassRunner:
    """Runs one pass at a time; to be stopped in the end."""

    def __init__(self) -> None:
        self._task: Task | None = None
        self._requests: Connection | None = None
        self._loaded: Loaded | None = None

    def run(
        self,
        loaded: Loaded,
        warn: Callable[[str], None],
        *,
        timeout: float,
        leave: Callable[[], float | None],
        changed: frozenset[str] | None = None,
    ) -> Outcome[PassReport]:
        """Runs a pass over the seeds that `changed` (None for everything), and waits for it.

        It is killed if it goes on for `timeout` seconds, or for longer than the moment (by
        `time.monotonic`) that `leave` returns, which is asked all the time.
        """
        stays = False
        try:
            task = self._asked(loaded, changed) or self._started(loaded, changed, timeout)
            while True:
                word = task.poll(_TICK_SECONDS)
                if isinstance(word, Ended):
                    return outcome_of(word, PassReport, timeout)
                said = _decode_word(word) if word else None
                if isinstance(said, str):
                    warn(said)
                elif said:
                    stays = True
                    return Outcome(said)
                moment = leave()
                if moment is not None and time.monotonic() >= moment:
                    return Outcome(reason="ended before its work was done", abandoned=True)
        finally:
            if not stays:
                self.stop()

    def stop(self) -> None:
        """Ends the process, if there is one."""
        if self._task:
            self._task.stop()
        if self._requests:
            self._requests.close()
        self._task = self._requests = None

    def _asked(self, loaded: Loaded, changed: frozenset[str] | None) -> Task | None:
        """Asks the process that stayed for a pass; returns None if there is none for it."""
        if self._task and self._requests and self._loaded == loaded:
            self._task.begin_again()
            # First, since a message that it sent then would be lost here.
            if not isinstance(self._task.poll(), Ended):
                with suppress(OSError):
                    self._requests.send(changed)
                    return self._task
        self.stop()
        return None

    def _started(self, loaded: Loaded, changed: frozenset[str] | None, timeout: float) -> Task:
        # The first process of all decides what later ones find loaded.
        hubs = PRELOAD if loaded.config.site.hub else ()
        preload = (*WORKER_MODULES, "feeds.render.overviews", *hubs)
        there, self._requests = Pipe(duplex=False)
        self._loaded, work = loaded, (loaded, changed, there)
        with there:
            self._task = Task(_passes, work, name="feeds pass", timeout=timeout, preload=preload)
        return self._task


def _passes(
    say: Say, loaded: Loaded, changed: frozenset[str] | None, requests: Connection
) -> bytes:
    """Runs a pass, and then those that are asked for; what the process says is one of `_Word`."""

    def warn(text: str) -> None:
        say(msgspec.msgpack.encode(text.encode(errors="backslashreplace").decode()))

    while True:
        report = publish_feeds(loaded, Options(changed=changed), Callbacks(warn=warn))
        data = msgspec.msgpack.encode(report)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if most > _MOST_KIB and loaded.config.engine.kind == "processes":
            return data
        say(data)
        changed = requests.recv()


# A warning, or the report of a pass after which the process stays.
_Word = str | PassReport
_decode_word = msgspec.msgpack.Decoder(_Word).decode
