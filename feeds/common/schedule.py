"""When passes are due, by APScheduler, and the state that a running daemon shows to others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
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


class PassTimes(Protocol):
    """When passes are due: by `cron`, or else `every` so often; at most `jitter` later."""

    @property
    def every(self) -> timedelta:
        """The time between two passes."""

    @property
    def jitter(self) -> timedelta:
        """The most by which a pass is late."""

    @property
    def cron(self) -> str:
        """Five cron fields, "" for none."""


class PeriodEnds(Protocol):
    """When periods of a digest end: at a time of day, those of a week on a weekday."""

    @property
    def at(self) -> str:
        """The time of day, as ``07:00``."""

    @property
    def weekday(self) -> str:
        """The first letters of the weekday, ``*`` for each day."""


def trigger_of(schedule: PassTimes, timezone: str, ends: Iterable[PeriodEnds] = ()) -> BaseTrigger:
    """Returns the trigger that a schedule describes.

    Args:
        schedule: [schedule] of the configuration.
        timezone: the name of the zone that a cron expression is read in.
        ends: the digests for which a pass is due as well whenever a period ends.
    """
    passes = _passes_of(schedule, timezone)
    at_ends = [_end_of(one, timezone) for one in ends]
    if not at_ends:
        return passes
    from apscheduler.triggers.combining import OrTrigger

    return OrTrigger([passes, *at_ends])


def _end_of(digest: PeriodEnds, timezone: str) -> BaseTrigger:
    from apscheduler.triggers.cron import CronTrigger

    hour, minute = digest.at.split(":")
    return CronTrigger(
        day_of_week=digest.weekday, hour=hour, minute=minute, timezone=ZoneInfo(timezone)
    )


def _passes_of(schedule: PassTimes, timezone: str) -> BaseTrigger:
    from apscheduler.triggers.cron import CronTrigger
    from apscheduler.triggers.interval import IntervalTrigger

    zone = ZoneInfo(timezone)
    jitter = int(schedule.jitter.total_seconds()) or None
    if schedule.cron:
        trigger = CronTrigger.from_crontab(named_weekdays(schedule.cron), timezone=zone)
        trigger.jitter = jitter
        return trigger
    return IntervalTrigger(
        seconds=int(schedule.every.total_seconds()), timezone=zone, jitter=jitter
    )


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
