"""When passes are due, by APScheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from feeds.common.times import named_weekdays

# APScheduler is imported on demand: much that imports this module needs none of it.
if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger

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
