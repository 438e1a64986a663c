"""Is everything as it should be? Asked by monitors and load balancers at /healthz."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from feeds.common.daemon_status import running_daemon
from feeds.common.reports import PassReport
from feeds.common.schedule import trigger_of
from feeds.common.times import show_time
from feeds.config import Config
from feeds.store import open_for_reading

# What a pass may be late, by its own length and the machine's.
_GRACE = timedelta(minutes=1)


class Health(msgspec.Struct, frozen=True):
    """`reason` says what is wrong, ``""`` where nothing is."""

    ok: bool
    reason: str
    last_pass: datetime | None


def health_of(config: Config, now: datetime) -> Health:
    """Returns how things stand: there was a pass, it is recent by the schedule, none fails since.

    Recent means that not two passes have been missed.
    """
    report = last_report(config)
    daemon = running_daemon(config.paths.out)
    last = report.started if report else None
    if daemon is not None and daemon.failing:
        return Health(ok=False, reason=f"passes fail: {daemon.failing}", last_pass=last)
    if last is None:
        return Health(ok=False, reason="there was no pass yet", last_pass=None)
    if now > too_old_after(config, last):
        reason = f"the last pass was at {show_time(last)}, and two should have followed"
        return Health(ok=False, reason=reason, last_pass=last)
    return Health(ok=True, reason="", last_pass=last)


def too_old_after(config: Config, last: datetime) -> datetime:
    """Returns when a pass that began at `last` is no recent one any more."""
    late = config.schedule.jitter + _GRACE
    if not config.schedule.cron:
        return last + 2 * config.schedule.every + late
    trigger = trigger_of(config.schedule, config.site.timezone)
    fire = last
    for _ in range(2):
        fire = trigger.get_next_fire_time(fire, fire + timedelta(seconds=1)) or fire
    return fire + late


def last_report(config: Config) -> PassReport | None:
    """Returns what the last pass reported, None where there was none."""
    with open_for_reading(config.paths.state) as store:
        return store.get_meta("report", PassReport) if store else None
