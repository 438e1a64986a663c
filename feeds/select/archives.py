"""The rules of archives: who has them, which parts are sealed when, and what is still shown. Pure.

An item stands in the period in which it first qualified for the feed. It stays in the subscription
document until its part is sealed: when `max_items` items of a period wait, or the period has ended.
So each item is in the subscription document or in a sealed part at every moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from feeds.common.archives import LENGTHS, Archive, ArchivePart, end_of, period_of
from feeds.common.model import Feed, FeedContents, FeedRef, Membership
from feeds.config import Config
from feeds.config.feed_tables import FeedTable
from feeds.select.feeds import named_tables
from feeds.select.thresholds import exposed_since, exposure_s

OFF = "off"


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

    Args:
        waiting: period and id of each item that is in no part, in the order of qualification.
        last: returns the number of the last part that a period has, 0 for none.
        size: the most items of a part.
        now_period: the period that has not ended.
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


def next_end(periods: Sequence[str], settings: Iterable[ArchiveSetting], now: int) -> int | None:
    """Returns the last moment before a period ends, or parts of one may leave archives.

    Args:
        periods: those of sealed parts.
        settings: those of the feeds with archives.
        now: the time, in seconds since 1970.

    Returns:
        That moment, in seconds since 1970; None if no feed has archives.
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

    Args:
        contents: the newest items of the feed, and those that qualified recently.
        waiting: the items that no sealed part holds.
        edited: the items of sealed parts that were edited, with the time; readers need not read
            these parts again, so each stands here once more for `selection.exposure`.
        config: the configuration.
        now: the time, in seconds since 1970.
    """
    shown = {one.id for one in contents.entries}
    recent = [one for one in edited if one[0] >= exposed_since(config, now)]
    recent = recent[: max(0, config.selection.max_exposed - contents.exposed)]
    more = {one.entry.id: one.entry for one in (*waiting, *(one for _, one in recent))}
    entries = sorted(
        (one for one in more.values() if one.id not in shown),
        key=lambda one: (-one.published, one.id),
    )
    turns = [contents.until, *(at + exposure_s(config) for at, _ in recent)]
    return msgspec.structs.replace(
        contents,
        entries=(*contents.entries, *entries),
        exposed=contents.exposed + len(entries),
        until=min((turn for turn in turns if turn is not None), default=None),
    )
