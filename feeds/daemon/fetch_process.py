"""The daemon's fetch of images: beside the passes, in a process of its own."""

from __future__ import annotations

import msgspec

from feeds.common.callbacks import Callbacks
from feeds.common.reports import FetchReport
from feeds.common.task import Ended, Say, Task
from feeds.config import Loaded
from feeds.pipeline.fetch import FetchOptions, fetch_images

# What is left of `schedule.timeout` when a fetch begins to come to its end: for images that are
# being asked for or looked at then, and for noting what came of them.
_MOST_SPARE_SECONDS = 60.0


class Fetched(msgspec.Struct, frozen=True):
    """How a fetch ended: with a report, or with the reason why there is none.

    `details` is a traceback where the reason is a fault of ours.
    """

    report: FetchReport | None = None
    warnings: tuple[str, ...] = ()
    reason: str = ""
    details: str = ""


class FetchJob:
    """One fetch at a time, which is started, asked for its end, and stopped at any moment.

    It is stopped by a kill: the cache and the store are safe against that.
    Shortly before `schedule.timeout` it comes to its end by itself; one that does not is killed.
    """

    def __init__(self) -> None:
        self._task: Task | None = None
        self._timeout = 0.0
        self._warnings: list[str] = []

    @property
    def running(self) -> bool:
        """Whether a fetch is under way."""
        return self._task is not None

    def start(self, loaded: Loaded) -> None:
        """Starts a fetch; does nothing while one is under way."""
        if self._task:
            return
        self._timeout = loaded.config.schedule.timeout.total_seconds()
        self._warnings = []
        seconds = self._timeout - min(self._timeout / 4, _MOST_SPARE_SECONDS)
        self._task = Task(_work, (loaded, seconds), name="feeds fetch", timeout=self._timeout)

    def ended(self) -> Fetched | None:
        """Returns how the fetch ended, once; None while it goes on, or where there is none."""
        while self._task:
            word = self._task.poll()
            if word is None:
                return None
            if isinstance(word, Ended):
                self._task = None
                return self._fetched(word)
            self._warnings.append(word.decode())
        return None

    def stop(self) -> None:
        """Ends the fetch, if there is one."""
        if self._task:
            self._task.stop()
            self._task = None

    def _fetched(self, ended: Ended) -> Fetched:
        warnings = tuple(self._warnings)
        if ended.result is not None:
            return Fetched(msgspec.msgpack.decode(ended.result, type=FetchReport), warnings)
        reason = ended.reason
        if ended.timed_out:
            reason = f"hung for {self._timeout:.0f} s (schedule.timeout) and was killed"
        return Fetched(None, warnings, reason, ended.details)


def _work(say: Say, loaded: Loaded, seconds: float) -> bytes:
    callbacks = Callbacks(warn=lambda text: say(text.encode(errors="backslashreplace")))
    # Whoever fetches already does the same work; what is left is for the next time.
    return msgspec.msgpack.encode(
        fetch_images(loaded, FetchOptions(wait=0, seconds=seconds), callbacks)
    )
