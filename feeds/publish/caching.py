"""Cache-Control (RFC 9111): how long what is published stays fresh, served or in a bucket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from feeds.common.media import is_immutable
from feeds.common.schedule import trigger_of
from feeds.config import Config

# With `watch` a pass may come at any moment.
_WATCHED_S = 60
_LONGEST_S = 3600
_YEAR_S = 31_536_000
_FIRES = 200
# A Monday: what a cron line means does not depend on today.
_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def cache_control(path: str, max_age_s: int) -> str:
    """Returns the Cache-Control of a file below out/; names that tell the content never change."""
    if is_immutable(path):
        return f"public, max-age={_YEAR_S}, immutable"
    return f"public, max-age={max_age_s}"


def max_age_s(config: Config) -> int:
    """Returns the seconds from one pass to the next: at most 3600, with `schedule.watch` 60."""
    schedule = config.schedule
    seconds = _cron_gap_s(config) if schedule.cron else int(schedule.every.total_seconds())
    return min(seconds, _WATCHED_S if schedule.watch else _LONGEST_S)


def _cron_gap_s(config: Config) -> int:
    """Returns the shortest time between two of the next passes."""
    times = config.schedule
    trigger = trigger_of(times.cron, times.every, timedelta(0), config.site.timezone)
    shortest, before = timedelta(seconds=_LONGEST_S), None
    for _ in range(_FIRES):
        now = before + timedelta(seconds=1) if before else _MONDAY
        fire = trigger.get_next_fire_time(before, now)
        if fire is None:
            break
        if before is not None:
            shortest = min(shortest, fire - before)
        before = fire
    return max(1, int(shortest.total_seconds()))
