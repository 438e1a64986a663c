"""Which periods archives and digests have, and which items each of them holds. Pure.

An item stands in the period of an archive in which it first qualified for the feed. It stays in the
subscription document until its part is sealed: when `max_items` items of a period wait, or the
period has ended. So each item is in the subscription document or in a sealed part at every moment.

The period of a digest ends at a time of day where the site is. Where clocks are put forward over
that time, it ends by as much later; where they are put back over it, when that time comes first.
All times are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from feeds.common.archives import LENGTHS, Archive, ArchivePart, end_of, period_of
from feeds.common.model import Feed, FeedContents, FeedRef, Membership
from feeds.common.order import place_of
from feeds.config import Config
from feeds.config.feed_tables import WEEKDAYS, DigestFeed, FeedTable
from feeds.select.feeds import named_tables
from feeds.select.thresholds import exposed_since, exposure_s, until_first

OFF = "off"
_DAY = timedelta(days=1)
_DAYS = {"day": 1, "week": 7}


# Archives


class ArchiveSetting(NamedTuple):
    """The archives of a feed: ``month``, ``year`` or ``off``; `keep_s` is None for ever."""

    archive: str
    keep_s: int | None


class Settings:
    """The settings of all feeds; a feed's own table decides before [site]."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._tables: dict[FeedRef, FeedTable] = {**named_tables(config), **config.own_feeds}
        periods = (config.setting(one, "archive") for one in (None, *self._tables.values()))
        self.any = any(one != OFF for one in periods)

    def keeps(self, ref: FeedRef, period: str) -> bool:
        """Tells whether a feed has archives of such periods."""
        return LENGTHS.get(self.of(ref).archive) == len(period)

    def of(self, ref: FeedRef) -> ArchiveSetting:
        """Returns the setting of a feed by its kind and key."""
        own, setting = self._tables.get(ref), self._config.setting
        keep = setting(own, "archive_keep")
        period = setting(own, "archive")
        return ArchiveSetting(period, None if keep is None else int(keep.total_seconds()))


def sealed(
    waiting: Sequence[tuple[str, str]], last: Callable[[str], int], size: int, now_period: str
) -> Iterator[tuple[ArchivePart, list[str]]]:
    """Yields the parts to seal of a feed, and the ids of the items in each.

    `waiting` are period and id of each item that is in no part, in the order of qualification;
    `last` returns the number of the last part that a period has, 0 for none; `size` is the most
    items of a part, `now_period` the period that has not ended.
    """
    periods: dict[str, list[str]] = {}
    for period, id_ in waiting:
        periods.setdefault(period, []).append(id_)
    for period, ids in sorted(periods.items()):
        whole = len(ids) if period < now_period else len(ids) - len(ids) % size
        starts = range(0, whole, size)
        for number, start in enumerate(starts, last(period) + 1):
            yield ArchivePart(period, number), ids[start : min(start + size, whole)]


def with_archives(
    feed: Feed, parts: Iterable[ArchivePart], setting: ArchiveSetting, now: int
) -> tuple[Feed, list[Feed]]:
    """Returns a feed with links to its archives, and its parts as feeds, the oldest first.

    Periods that ended longer ago than `archive_keep` have none any more.
    """
    keep = setting.keep_s
    kept = sorted(one for one in parts if keep is None or end_of(one.period) + keep > now)
    places = [f"{feed.address}/{part.name}" for part in kept]
    current = msgspec.structs.replace(feed, archive=Archive(older=places[-1] if places else ""))
    neighbours = ["", *places, ""]
    return current, [
        msgspec.structs.replace(
            feed,
            address=place,
            max_items=0,
            aliases=tuple(f"{alias}/{part.name}" for alias in feed.aliases),
            origin=feed.origin or feed.address,
            archive=Archive(neighbours[number], neighbours[number + 2], feed.address, part),
        )
        for number, (place, part) in enumerate(zip(places, kept, strict=True))
    ]


def next_archive_end(
    periods: Sequence[str], settings: Iterable[ArchiveSetting], now: int
) -> int | None:
    """Returns the last moment before a period ends, or parts of one may leave archives.

    None if no feed has archives. `periods` are those of sealed parts.
    """
    ends = list[int]()
    for setting in settings:
        ends.append(end_of(period_of(now, setting.archive)))
        if setting.keep_s is not None:
            ends += (end_of(period) + setting.keep_s for period in periods)
    return min((end - 1 for end in ends if end > now), default=None)


def with_unsealed(
    contents: FeedContents,
    waiting: Iterable[Membership],
    edited: Sequence[tuple[int, Membership]],
    config: Config,
    now: int,
) -> FeedContents:
    """Returns a subscription document that also holds what a walk through archives would miss.

    That is what `waiting` holds, which is in no sealed part, and what was `edited` in one, with the
    time: readers need not read these again, so each stands here once more for `selection.exposure`.
    """
    shown = {one.id for one in contents.entries}
    recent = [one for one in edited if one[0] >= exposed_since(config, now)]
    recent = recent[: max(0, config.selection.max_exposed - contents.exposed)]
    more = {one.entry.id: one.entry for one in (*waiting, *(one for _, one in recent))}
    entries = sorted((one for one in more.values() if one.id not in shown), key=place_of)
    more_entries, exposed = (*contents.entries, *entries), contents.exposed + len(entries)
    found = msgspec.structs.replace(contents, entries=more_entries, exposed=exposed)
    return until_first(found, (at + exposure_s(config) for at, _ in recent))


# Digests


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
    so that none is lost or counted twice when the times in config.toml change: `last` is the end of
    the last one that is known to have ended, None if none is.
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
