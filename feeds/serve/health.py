"""/healthz: tells monitors whether passes come as scheduled and succeed."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from feeds.common.protocols import REPORT
from feeds.common.schedule import running_daemon, trigger_of
from feeds.common.times import show_time
from feeds.config import Config
from feeds.serve.messages import NOSNIFF, Answer
from feeds.store import open_state

# A pass may be so late, because it or the machine is slow.
_GRACE = timedelta(minutes=1)


class Health(msgspec.Struct, frozen=True):
    """`reason` says what is wrong, ``""`` if nothing is."""

    ok: bool
    reason: str
    last_pass: datetime | None


def health_of(config: Config, now: datetime) -> Health:
    """Tells whether there was a pass, at most one was missed since, and none fails now."""
    with open_state(config.paths.state, "serve") as store:
        report = store.get_meta(REPORT) if store else None
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
    """Returns when two passes will have been missed since the one that began at `last`."""
    late = config.schedule.jitter + _GRACE
    if not config.schedule.cron:
        return last + 2 * config.schedule.every + late
    trigger = trigger_of(config.schedule, config.site.timezone)
    fire = last
    for _ in range(2):
        fire = trigger.get_next_fire_time(fire, fire + timedelta(seconds=1)) or fire
    return fire + late


def health_answer(config: Config, now: datetime, *, is_published: bool) -> Answer:
    """Returns the answer to a monitor, as JSON: 200, or 503 if something is wrong."""
    health = health_of(config, now)
    if health.ok and not is_published:
        health = msgspec.structs.replace(health, ok=False, reason="nothing is published")
    headers = [("content-type", "application/json"), NOSNIFF, ("cache-control", "no-store")]
    body, status = msgspec.json.encode(health), 200 if health.ok else 503
    return Answer(status, headers, body, lasting=False)
