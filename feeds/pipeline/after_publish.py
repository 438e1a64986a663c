"""What follows a pass: the commands of `hooks.after_publish`, and pings to hubs.

Each runs in a process of its own, so one that hangs holds nothing else up: a command, for 60 s at
most, which reads the report of the pass; a delivery to a hub, which sends the pings in the store.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections import deque
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from feeds.common.reports import HubReport, PassReport
from feeds.common.task import Ended, Say, Task, cause_of_death
from feeds.common.urls import hide_secrets
from feeds.config import Loaded
from feeds.publish.delivery import Delivery, deliver
from feeds.store import DamagedStateError, open_state

# The modules that a delivery needs; who starts the first process of all should preload them.
PRELOAD = ("feeds.publish.delivery", "httpx")

# A command does not keep people waiting for somebody else's server.
_ONCE_SECONDS = 2.5
# A delivery begins no request after its time, and none takes longer; then it is taken to hang. The
# time counts from the first word of its process, which a busy machine may take long to start.
_HANGS_AFTER = 2.2
_TRY_AGAIN_SECONDS = 30
_HOOK_SECONDS = 60.0
_TICK_SECONDS = 0.05
# Of what a failed command wrote, its last line is told, and so much of that.
_MOST_BYTES = 500


class HookRun:
    """The commands, one after the other; poll it until all have ended, or stop it.

    Each starts in the folder of config.toml, in a process group of its own. It reads the report, as
    `feeds export --json` writes it, from a file: one that reads nothing keeps nobody waiting.
    """

    def __init__(self, loaded: Loaded, report: PassReport) -> None:
        self._folder = loaded.base
        self._left = deque(enumerate(loaded.config.hooks.after_publish))
        self._report = msgspec.json.encode(report)
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._failures: list[str] = []

    def poll(self) -> list[str] | None:
        """Returns a message for each command that failed; None while one runs. It never waits."""
        while self._process is None or self._has_ended(self._process):
            self._process = None
            if not self._left:
                return self._failures
            self._start(*self._left.popleft())
        return None

    def wait(self, seconds: float = float("inf")) -> list[str]:
        """Returns what `poll` returns in the end; what still runs after `seconds` is killed."""
        end = time.monotonic() + seconds
        try:
            while (failures := self.poll()) is None and time.monotonic() < end:
                time.sleep(_TICK_SECONDS)
            if failures is None:
                self._fail("was killed, since feeds stops")
            return self._failures
        finally:
            self._kill()
            self._close_output()

    def _start(self, number: int, command: tuple[str, ...]) -> None:
        # The first word alone: the others may hold credentials.
        self._name = f"hooks.after_publish, command {number + 1} ({command[0]})"
        self._deadline = time.monotonic() + _HOOK_SECONDS
        try:
            with tempfile.TemporaryFile() as report:
                self._output = tempfile.TemporaryFile()  # noqa: SIM115 (read when the command ends)
                report.write(self._report)
                report.seek(0)
                self._process = subprocess.Popen(  # noqa: S603 (the operator's own command)
                    command,
                    stdin=report,
                    stdout=self._output,
                    stderr=subprocess.STDOUT,
                    cwd=self._folder,
                    process_group=0,
                )
        except (OSError, ValueError) as error:
            self._close_output()
            self._fail(f"could not be started: {getattr(error, 'strerror', None) or error}")

    def _has_ended(self, process: subprocess.Popen[bytes]) -> bool:
        code = process.poll()
        if code is None and time.monotonic() < self._deadline:
            return False
        if code is None:
            self._kill()
            self._fail(f"was killed, since it took more than {_HOOK_SECONDS:.0f} s")
        elif code:
            self._fail(f"{cause_of_death(code)}{self._last_line()}")
        self._close_output()
        return True

    def _close_output(self) -> None:
        if self._output is not None:
            self._output.close()
            self._output = None

    def _last_line(self) -> str:
        if self._output is None:
            return ""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _MOST_BYTES))
        lines = self._output.read().decode(errors="replace").split("\n")
        said = [" ".join(line.split()) for line in lines if line.strip()]
        return f": {said[-1]}" if said else ""

    def _fail(self, reason: str) -> None:
        self._failures.append(f"{self._name} {reason}")

    def _kill(self) -> None:
        """Ends the running command, if there is one, with all that it started in its group."""
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Delivered(NamedTuple):
    """The results of `deliver_once`: its deliveries, and what is still pending for each hub."""

    deliveries: list[Delivery]
    left: list[HubReport]


class DeliveryTask:
    """A delivery to one hub; see `deliver`. Poll it until it is over, or stop it."""

    def __init__(self, loaded: Loaded, hub: str, seconds: float) -> None:
        site, state = loaded.config.site, loaded.config.paths.state
        self._hub = hub
        self._task = Task(
            _work,
            (state, hub, site.home, seconds),
            name="feeds hub",
            timeout=seconds * _HANGS_AFTER,
            preload=PRELOAD,
        )

    def poll(self, seconds: float = 0) -> Delivery | None:
        """Returns the result, None while it goes on; waits for up to `seconds`."""
        ended = self._task.poll(seconds)
        if not isinstance(ended, Ended):
            return None
        if ended.result is not None:
            return msgspec.msgpack.decode(ended.result, type=Delivery)
        # What an exception says may name the hub.
        reason, details = (hide_secrets(text, self._hub) for text in (ended.reason, ended.details))
        return _failed(self._hub, reason, details)

    def stop(self) -> None:
        """Ends the delivery, if it is not over; pings whose answer is not noted are sent again."""
        self._task.stop()

    def wait(self) -> Delivery:
        """Waits for the delivery to end, and returns its result."""
        while (over := self.poll(1)) is None:
            pass
        return over


def deliver_once(loaded: Loaded) -> Delivered:
    """Sends the pings that are due to all hubs, in a few seconds at most."""
    hubs, now = loaded.config.site.hub, time.time()
    with ExitStack() as stack:
        tasks = []
        for one in _left(loaded):
            if one.hub in hubs and one.next_try.timestamp() <= now:
                tasks.append(DeliveryTask(loaded, one.hub, _ONCE_SECONDS))
                stack.callback(tasks[-1].stop)
        deliveries = [task.wait() for task in tasks]
    return Delivered(deliveries, _left(loaded))


def _left(loaded: Loaded) -> list[HubReport]:
    with open_state(loaded.config.paths.state, "serve") as store:
        return store.hub_reports() if store else []


def _failed(hub: str, error: str, details: str = "") -> Delivery:
    next_try = int(time.time()) + _TRY_AGAIN_SECONDS
    return Delivery(hub, next_try=next_try, error=error, details=details)


def _work(_: Say, state: Path, hub: str, home: str, seconds: float) -> bytes:
    try:
        with open_state(state, "note") as store:
            delivery = deliver(store, hub, home, seconds)
    except DamagedStateError:  # the next pass reports that, and repairs it
        delivery = Delivery(hub)
    return msgspec.msgpack.encode(delivery)
