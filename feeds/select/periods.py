"""When the periods of digests end. Pure.

A period ends at a time of day where the site is. Where clocks are put forward over that time, it
ends by as much later; where they are put back over it, it ends when that time comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from feeds.config.feed_tables import WEEKDAYS, DigestFeed

_DAY = timedelta(days=1)
_DAYS = {"day": 1, "week": 7}


def next_end(feed: DigestFeed, timezone: str, after: int) -> int:
    """Returns when the first period ends that ends after a time, in seconds since 1970."""
    zone, clock = ZoneInfo(timezone), time.fromisoformat(feed.at)
    day = datetime.fromtimestamp(after, zone).date() - _DAY
    while True:
        if feed.weekday in ("*", WEEKDAYS[day.weekday()]):
            end = int(datetime.combine(day, clock, zone).timestamp())
            if end > after:
                return end
        day += _DAY


def ended_periods(
    feed: DigestFeed, timezone: str, last: int | None, now: int
) -> Iterator[tuple[int, int]]:
    """Yields start and end of the periods that ended since then, the oldest first.

    There are no more than the feed shows, or one more. Each starts where the one before it ended,
    so that none is lost or counted twice when the times in config.toml change.

    Args:
        feed: the table of config.toml.
        timezone: the name of the site's time zone.
        last: the end of the last period that is known to have ended, None if none is.
        now: the time, in seconds since 1970.
    """
    most = (feed.max_items or 1) * _DAYS[feed.every]
    start = next_end(feed, timezone, now - int((most * _DAY + 2 * _DAY).total_seconds()))
    start = max(start, start if last is None else last)
    while (end := next_end(feed, timezone, start)) <= now:
        yield start, end
        start = end


def believed_end(feed: DigestFeed, timezone: str, last: int, now: int) -> int:
    """Returns when the last period ended by the clock of now.

    That is `last`, unless a clock was ahead by a whole period: else nothing would come until then.
    """
    if last <= next_end(feed, timezone, now):
        return last
    end = next_end(feed, timezone, now - 9 * int(_DAY.total_seconds()))
    while (following := next_end(feed, timezone, end)) <= now:
        end = following
    return end


def last_day(timezone: str, end: int) -> date:
    """Returns the day, in a time zone, of the last moment before the end of a period."""
    return datetime.fromtimestamp(end - 1, ZoneInfo(timezone)).date()
