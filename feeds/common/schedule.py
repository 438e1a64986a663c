"""When passes are due, by APScheduler, and the state that a daemon or server shows to others."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from feeds.common.lock import DAEMON_LOCK, lock_owner
from feeds.common.times import named_weekdays

# APScheduler is imported on demand: who only reads the state of a daemon needs none of it.
if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger

# Set by ``feeds run --serve`` to its process id: the server ends when that process is gone.
WATCHED = "FEEDS_WATCHED_BY_DAEMON"

_JOB = "pass"


def trigger_of(
    cron: str,
    every: timedelta,
    jitter: timedelta,
    timezone: str,
    ends: Iterable[tuple[str, str]] = (),
) -> BaseTrigger:
    """Returns the trigger of passes: by five `cron` fields, or else `every` so often.

    `jitter` is the most by which a pass is late. A pass is also due when periods of digests end, by
    time of day (``07:00``) and weekday (``*`` for each).
    """
    from apscheduler.triggers.combining import OrTrigger
    from apscheduler.triggers.cron import CronTrigger
    from apscheduler.triggers.interval import IntervalTrigger

    zone, late = ZoneInfo(timezone), int(jitter.total_seconds()) or None
    passes = IntervalTrigger(seconds=int(every.total_seconds()), timezone=zone, jitter=late)
    if cron:
        passes = CronTrigger.from_crontab(named_weekdays(cron), timezone=zone)
        passes.jitter = late
    clocks = ((*at.split(":"), day) for at, day in ends)
    due = [
        CronTrigger(day_of_week=day, hour=hour, minute=minute, timezone=zone)
        for hour, minute, day in clocks
    ]
    return OrTrigger([passes, *due]) if due else passes


class Timer:
    """Calls `due` whenever a pass is due; `due` only takes note and returns at once."""

    def __init__(self, due: Callable[[], None]) -> None:
        from apscheduler.schedulers.background import BackgroundScheduler

        self._due = due
        self._scheduler = BackgroundScheduler(timezone=UTC)  # the trigger brings its own

    def start(self, trigger: BaseTrigger) -> None:
        """Starts, or goes on by another trigger."""
        if not self._scheduler.running:
            self._scheduler.start()
        self._scheduler.add_job(
            self._due,
            trigger,
            id=_JOB,
            replace_existing=True,
            # However late the machine wakes up, one pass is due then, and only one: without these
            # APScheduler drops a run that is more than a second late.
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )

    def stop(self) -> None:
        """Stops; nothing is due any more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    @property
    def next_due(self) -> datetime | None:
        """When the next pass is due, None if no pass ever is."""
        job = self._scheduler.get_job(_JOB)
        return job.next_run_time if job else None


class DaemonState(msgspec.Struct, frozen=True):
    """A running daemon; `failing` is why its last pass failed, ``""`` if it did not."""

    pid: int
    since: datetime
    next_pass: datetime | None = None
    running: bool = False
    failing: str = ""


def running_daemon(out: Path) -> DaemonState | None:
    """Returns the daemon that looks after an out/, None if there is none."""
    return parse_state(lock_owner(out, DAEMON_LOCK))


def parse_state(text: str) -> DaemonState | None:
    """Returns the state in the text of a lock file, None if it holds none."""
    try:
        return msgspec.json.decode(text, type=DaemonState)
    except msgspec.DecodeError:
        return None


class Notifier:
    """sd_notify(3): sends states to the socket that NOTIFY_SOCKET names, if it is set."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # An address that begins with "@" is in the abstract name space (unix(7)).
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_seconds = _watchdog_seconds(environment)
        self._last_ping = 0.0

    def tell(self, *states: str) -> None:
        """Sends states such as ``READY=1`` or ``STATUS=...``; a deaf systemd stops nothing."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(0)  # the process has better to do than to wait for a listener
                sender.connect(self._address)
                lines = (" ".join(state.splitlines()) for state in states)
                sender.send("\n".join(lines).encode())
        except OSError:
            return

    def ping(self) -> None:
        """Tells systemd that this process is alive, as often as systemd wants to know."""
        if self.watchdog_seconds and time.monotonic() - self._last_ping >= self.watchdog_seconds:
            self._last_ping = time.monotonic()
            self.tell("WATCHDOG=1")

    def reloading(self) -> None:
        """Tells systemd that the configuration is being reloaded; ``READY=1`` ends that."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def _watchdog_seconds(environment: Mapping[str, str]) -> float:
    """Returns the pause between two ``WATCHDOG=1``, half of what systemd allows; 0 for never."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    try:
        return int(environment.get("WATCHDOG_USEC", "0")) / 2_000_000
    except ValueError:
        return 0
