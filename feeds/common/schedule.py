"""When passes are due, by APScheduler."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from feeds.common.cron import named_weekdays
from feeds.config import Config

_JOB = "pass"


def trigger_of(config: Config) -> BaseTrigger:
    """Returns the trigger that [schedule] describes, in `site.timezone`."""
    schedule, zone = config.schedule, ZoneInfo(config.site.timezone)
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
        self._due = due
        self._scheduler = BackgroundScheduler(timezone=UTC)  # the trigger brings its own

    def start(self, config: Config) -> None:
        """Starts, or starts anew with another configuration."""
        if not self._scheduler.running:
            self._scheduler.start()
        self._scheduler.add_job(
            self._due,
            trigger_of(config),
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
        """When the next pass is due, None where no pass ever is."""
        job = self._scheduler.get_job(_JOB)
        return job.next_run_time if job else None
