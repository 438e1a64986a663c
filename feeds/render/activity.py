"""Stories by day: how pages group them, how many of them a feed got, and how feeds are ranked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import groupby

from feeds.common.model import FeedSummary
from feeds.common.times import DAY_S, from_unix
from feeds.render.context import Site
from feeds.render.page_context import Activity, Day, PageEntry
from feeds.render.words import day_text, heading_text

DAYS = 30


def page_days(site: Site, entries: Iterable[PageEntry]) -> list[Day]:
    """Returns entries by the day on which they were published, the newest first."""
    found = sorted(entries, key=lambda one: one.published.iso, reverse=True)
    return [
        Day(heading_text(date.fromisoformat(day), site.language), day, list(some))
        for day, some in groupby(found, key=lambda one: one.published.iso[:10])
    ]


def activity_of(site: Site, one: FeedSummary, last: int | None = None) -> Activity | None:
    """Returns the activity of a feed in 30 days; None for none.

    Args:
        site: The site.
        one: The feed.
        last: The last of these days, in seconds since 1970; None for that of the feed's newest
            entry, so that stories elsewhere change nothing on the feed's page.
    """
    away, counts = _recent(one, last)
    if one.newest is None or not counts:
        return None
    highest, first = max(counts), one.newest // DAY_S - len(counts) + 1
    left = DAYS - away - len(counts)
    path = "".join(
        f"M{4 * (left + number)} 24v-{height}h3v{height}z"
        for number, count in enumerate(counts)
        if (height := -(-24 * count // highest))
    )
    entries = sum(counts)
    return Activity(
        entries,
        entries == one.entries >= one.feed.max_items,
        day_text(from_unix((first + counts.index(highest)) * DAY_S), site.language),
        path,
    )


def stories_a_day(one: FeedSummary, last: int) -> float:
    """Returns how many entries a feed got a day in the 30 days up to `last`.

    A full feed that holds fewer days than these is judged by the days that it holds.
    """
    away, recent = _recent(one, last)
    is_full = sum(recent) == one.entries >= one.feed.max_items
    return sum(recent) / (max(1, away + len(recent)) if is_full else DAYS)


def _recent(one: FeedSummary, last: int | None) -> tuple[int, tuple[int, ...]]:
    """Returns by how many days the newest entry is older than `last`, and the entries by day."""
    if one.newest is None:
        return 0, ()
    away = max(0, last // DAY_S - one.newest // DAY_S) if last is not None else 0
    return away, one.days[max(0, away + len(one.days) - DAYS) :] if away < DAYS else ()
