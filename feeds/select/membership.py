"""The items of every feed.

`qualify` judges one item, `build_feed` one feed; `feeds.pipeline.memberships` calls them for what
changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from feeds.common.model import (
    Entry,
    Feed,
    FeedContents,
    ItemHeader,
    ItemHistory,
    Membership,
    Problem,
)
from feeds.config import Config
from feeds.select.addresses import NOTHING_KNOWN, Known
from feeds.select.memory import recall
from feeds.select.places import places
from feeds.select.thresholds import Thresholds, exclusion_reasons


class Past(NamedTuple):
    """What selection must know of the passes before.

    `first_pass`: the store is new, so every item counts as having qualified when it was published.
    `feeds`: the keys of the custom feeds that were published before; the same goes for one that is
    new. `known`: who stood where.
    """

    first_pass: bool = True
    feeds: frozenset[str] = frozenset()
    known: Known = NOTHING_KNOWN


class Entered(NamedTuple):
    """Where one item stands: what is to be remembered of it (None: it never was in a feed)."""

    memory: ItemHistory | None
    slots: list[Membership]


class Unique(NamedTuple):
    """One card per id; those beaten by them; and what is to be said of these."""

    cards: list[ItemHeader]
    beaten: list[ItemHeader]
    problems: tuple[Problem, ...]


def without_duplicates(cards: Iterable[ItemHeader]) -> Unique:
    """Keeps one card per id: the later dated, then the better, then the first in path order."""
    best: dict[str, ItemHeader] = {}
    beaten: list[ItemHeader] = []
    for card in cards:
        other = best.setdefault(card.id, card)
        if other is not card:
            if (card.stamp, card.quality) > (other.stamp, other.quality):
                best[card.id] = card
                beaten.append(other)
            else:
                beaten.append(card)
    problems = [
        Problem(
            card.path,
            0,
            0,
            "originalUrl",
            f"a duplicate of {best[card.id].path}; of two with one URL the later dated is used, "
            "then the one of higher quality, then the first by path",
        )
        for card in beaten
    ]
    return Unique(list(best.values()), beaten, tuple(sorted(problems)))


def qualify(
    card: ItemHeader, config: Config, thresholds: Thresholds, past: Past, now: int
) -> Entered:
    """Puts an item into the feeds that it qualifies for."""
    if any(exclusion_reasons(card, config, now)):
        return Entered(_left(card.memory), [])
    found = [
        place
        for place in places(card, thresholds, config.feeds)
        if not place.threshold.shortfall(card.quality)
    ]
    if not found:
        return Entered(_left(card.memory), [])
    memory = recall(card, now)
    entry = Entry(card.number, card.id, memory.published, memory.updated, card.digest)
    marks: dict[str, int] = {}
    slots = []
    for place in found:
        mark = place.mark
        since = min(
            (memory.qualified[one] for one in place.marks if one in memory.qualified), default=None
        )
        if since is None:
            counts_as_old = past.first_pass or (
                place.kind == "custom" and place.key not in past.feeds
            )
            since = memory.published if counts_as_old else now
        since = min(since, now)  # the clock may have been ahead then
        marks[mark] = since
        slots.append(Membership(place.kind, place.key, entry, since))
    if marks != memory.qualified:
        memory = msgspec.structs.replace(memory, qualified=marks)
    return Entered(memory, slots)


def _left(memory: ItemHistory | None) -> ItemHistory | None:
    """Returns the memory of an item that is in no feed: when it comes again, it comes anew.

    Readers who missed it must not miss it for good; those who saw it know its id.
    """
    if memory is None or not memory.qualified:
        return memory
    return msgspec.structs.replace(memory, qualified={})


def build_feed(
    feed: Feed, newest: Sequence[Membership], late: Sequence[Membership], config: Config, now: int
) -> FeedContents:
    """Returns a feed with its newest items and, beyond them, those that qualified lately.

    Both sequences are in the order of feeds. `newest` begins with the newest items; `late` holds at
    least all that qualified within `selection.exposure`.
    """
    exposure = int(config.selection.exposure.total_seconds())
    newest = newest[: feed.max_items]
    shown = {slot.entry.id for slot in newest}
    late = [one for one in late if one.since >= now - exposure and one.entry.id not in shown]
    kept = late[: config.selection.max_exposed]
    entries = tuple(slot.entry for slot in (*newest, *kept))
    until = min((slot.since + exposure for slot in late), default=None)
    return FeedContents(feed, entries, len(kept), len(late) - len(kept), until)
