"""The processes beside the daemon: fetches of images, deliveries to hubs, the web server.

Each is on its own, so that one which hangs, crashes or leaks takes nothing else with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, NamedTuple, TypeVar

import msgspec
import structlog

from feeds.common.daemon_status import WATCHED
from feeds.common.reports import Callbacks, FetchReport, PassReport, both_reports
from feeds.common.task import Ended, Say, Task
from feeds.config import Loaded
from feeds.pipeline.after_publish import DeliveryTask, HookRun
from feeds.pipeline.fetch import FetchOptions, fetch_images
from feeds.publish.delivery import Delivery

R = TypeVar("R", PassReport, FetchReport)

# So long before `schedule.timeout` a fetch begins to end: for images that are being asked for or
# decoded then, and for noting the results.
_MOST_SPARE_SECONDS = 60.0
_DELIVERY_SECONDS = 60.0
_SOON_SECONDS = 1.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
# One that ran for so long did not die of how it was started.
_STEADY_SECONDS = 60.0
# The server gives answers under way 5 seconds; people are promised ten in all.
_GRACE_SECONDS = 9.0


class Outcome(NamedTuple, Generic[R]):
    """The end of a pass or a fetch: its report, or the reason why there is none.

    `details` is a traceback if the reason is a fault of ours; `abandoned` ones were stopped on
    purpose. `warnings` are those of a fetch; a pass hands them on at once.
    """

    report: R | None = None
    reason: str = ""
    details: str = ""
    abandoned: bool = False
    warnings: tuple[str, ...] = ()


def outcome_of(ended: Ended, kind: type[R], timeout: float, *warnings: str) -> Outcome[R]:
    """Returns the outcome of a task whose result is a report of this kind, in MessagePack."""
    hung = f"hung for {timeout:.0f} s (schedule.timeout) and was killed"
    report = None if ended.result is None else msgspec.msgpack.decode(ended.result, type=kind)
    reason = hung if ended.timed_out else ended.reason
    return Outcome(report, reason, ended.details, warnings=warnings)


class FetchTask:
    """One fetch of images at a time, beside the passes.

    It is stopped by a kill, against which the cache and the store are safe. Shortly before
    `schedule.timeout` it ends by itself; a fetch that does not is killed.
    """

    def __init__(self) -> None:
        self._task: Task | None = None
        self._timeout = 0.0
        self._warnings: list[str] = []

    def start(self, loaded: Loaded) -> None:
        """Starts a fetch; does nothing while one is under way."""
        if self._task:
            return
        self._timeout = loaded.config.schedule.timeout.total_seconds()
        self._warnings = []
        seconds = self._timeout - min(self._timeout / 4, _MOST_SPARE_SECONDS)
        self._task = Task(_fetch, (loaded, seconds), name="feeds fetch", timeout=self._timeout)

    def ended(self) -> Outcome[FetchReport] | None:
        """Returns how the fetch ended, once; None while it goes on, or if none was started."""
        while self._task:
            word = self._task.poll()
            if word is None:
                return None
            if isinstance(word, Ended):
                self._task = None
                return outcome_of(word, FetchReport, self._timeout, *self._warnings)
            self._warnings.append(word.decode())
        return None

    def stop(self) -> None:
        """Ends the fetch, if there is one."""
        if self._task:
            self._task.stop()
            self._task = None


def _fetch(say: Say, loaded: Loaded, seconds: float) -> bytes:
    # If another fetch is running, it does the same work; the rest is for the next time.
    options = FetchOptions(wait=0, seconds=seconds)
    callbacks = Callbacks(warn=lambda text: say(text.encode(errors="backslashreplace")))
    return msgspec.msgpack.encode(fetch_images(loaded, options, callbacks))


class Deliveries:
    """One delivery at a time to each hub: when one is wanted, and again when the hub is due.

    Call `tend` all the time; it returns at once. `ended` is called with each result.
    """

    def __init__(self, ended: Callable[[Delivery], None]) -> None:
        self._ended = ended
        self._tasks: dict[str, DeliveryTask] = {}
        self._due: dict[str, float] = {}

    def want(self, loaded: Loaded) -> None:
        """Asks for a delivery to each hub, at once or after the one that is running."""
        self._due = dict.fromkeys(loaded.config.site.hub, 0.0)
        self.tend(loaded)

    def tend(self, loaded: Loaded) -> None:
        """Takes the results of deliveries that have ended, and starts those that are due."""
        for hub, task in list(self._tasks.items()):
            over = task.poll()
            if over is None:
                continue
            del self._tasks[hub]
            if over.next_try is not None:
                wait = max(over.next_try - time.time(), _SOON_SECONDS)
                self._due.setdefault(hub, time.monotonic() + wait)
            self._ended(over)
        hubs = loaded.config.site.hub
        self._due = {hub: due for hub, due in self._due.items() if hub in hubs}
        for hub, due in list(self._due.items()):
            if hub not in self._tasks and time.monotonic() >= due:
                del self._due[hub]
                self._tasks[hub] = DeliveryTask(loaded, hub, _DELIVERY_SECONDS)

    def stop(self) -> None:
        """Ends all deliveries; the store keeps what was not sent."""
        for task in self._tasks.values():
            task.stop()
        self._tasks.clear()


class Hooks:
    """Runs `hooks.after_publish` beside the passes, once at a time.

    Reports that come while it runs are handed on as one. Call `tend` all the time; it returns at
    once. `ended` is called with the failures of each run.
    """

    def __init__(self, ended: Callable[[list[str]], None]) -> None:
        self._ended = ended
        self._run: HookRun | None = None
        self._next: PassReport | None = None

    def want(self, report: PassReport) -> None:
        """Asks for a run with the report of a pass that changed out/."""
        self._next = both_reports(self._next, report) if self._next else report

    def tend(self, loaded: Loaded) -> None:
        """Takes the failures of a run that has ended, and starts the one that is wanted."""
        failures = self._run.poll() if self._run else None
        if failures is not None:
            self._run = None
            self._ended(failures)
        if self._run is None and self._next:
            if loaded.config.hooks.after_publish:
                self._run = HookRun(loaded, self._next)
            self._next = None

    def stop(self, seconds: float) -> None:
        """Gives the run so many seconds to end."""
        if self._run:
            self._ended(self._run.wait(seconds))
            self._run = None


class ServerProcess:
    """Keeps ``feeds serve`` running with these arguments, until it is stopped."""

    def __init__(
        self, arguments: Sequence[str], log: structlog.typing.FilteringBoundLogger
    ) -> None:
        self._command = [sys.executable, "-m", "feeds", "serve", *arguments]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._began = self._due = 0.0
        self._pause = _FIRST_PAUSE_SECONDS

    def check(self) -> None:
        """Starts the server if none is running and it is time to."""
        now = time.monotonic()
        if self._process is not None and self._process.poll() is not None:
            code, self._process = self._process.returncode, None
            if now - self._began > _STEADY_SECONDS:
                self._pause = _FIRST_PAUSE_SECONDS
            self._log.error("the server ended", code=code, next_try_in=f"{self._pause:.0f} s")
            self._due = now + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
        if self._process is None and now >= self._due:
            self._begin(now)

    def stop(self) -> None:
        """Asks the server to end; returns at once."""
        self._due = float("inf")
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Waits until the server has ended, and ends it if it does not."""
        if self._process is not None:
            try:
                self._process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _begin(self, now: float) -> None:
        self._began = now
        try:
            # In a group of its own: Ctrl-C is for the daemon, which then stops the server.
            self._process = subprocess.Popen(  # noqa: S603 (our own command)
                self._command,
                stdin=subprocess.DEVNULL,
                env={**os.environ, WATCHED: str(os.getpid())},
                process_group=0,
            )
        except OSError as error:
            self._log.error("the server could not be started", reason=str(error))
            self._due = now + self._pause
