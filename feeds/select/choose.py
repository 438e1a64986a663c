"""The items of every feed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from feeds.config import Config
from feeds.model import Card, Entry, Feed, FeedKind, Memory, Problem, Selected
from feeds.select.catalog import Names, catalog
from feeds.select.memory import recall
from feeds.select.places import Place, places
from feeds.select.thresholds import Thresholds, held_back


class Past(NamedTuple):
    """What selection must know of the passes before.

    `first_pass`: the store is new, so every item counts as having qualified when it was published.
    `feeds`: the addresses that were published before; the same goes for a custom feed that is new.
    """

    first_pass: bool = True
    feeds: frozenset[str] = frozenset()


class Choice(NamedTuple):
    """What selection decided.

    `memories` holds, by item id, what is to be remembered anew. `until` is the last moment, in
    seconds since 1970, for which the same cards give the same feeds; None where no clock changes
    them.
    """

    feeds: tuple[Selected, ...]
    memories: dict[str, Memory]
    until: int | None
    duplicates: tuple[Problem, ...]


class _Held(NamedTuple):
    """An item that qualifies for a feed, and since when."""

    entry: Entry
    since: int


def choose(cards: Iterable[Card], config: Config, past: Past, now: int) -> Choice:
    """Decides which items each feed holds at the time `now` (seconds since 1970)."""
    unique, duplicates = without_duplicates(cards)
    thresholds = Thresholds(config)
    names = Names()
    held: defaultdict[tuple[FeedKind, str], list[_Held]] = defaultdict(list)
    memories: dict[str, Memory] = {}
    turns: list[int] = []
    max_age = config.selection.max_age
    for card in unique:
        if card.is_published and card.dated > now:
            turns.append(card.dated - 1)
        elif card.is_published:
            names.add(card)
        if any(held_back(card, config, now)):
            continue
        if max_age is not None:
            turns.append(card.dated + int(max_age.total_seconds()))
        memory = _enter(card, places(card, thresholds, config.feeds), past, now, held)
        if memory is not None and memory is not card.memory:
            memories[card.id] = memory
    exposure = int(config.selection.exposure.total_seconds())
    feeds = []
    for place, feed in catalog(config, names, held).items():
        selected, ends = _fill(feed, held.get(place, []), now - exposure, config)
        feeds.append(selected)
        turns += [since + exposure for since in ends]
    return Choice(tuple(feeds), memories, min(turns, default=None), tuple(duplicates))


def without_duplicates(cards: Iterable[Card]) -> tuple[list[Card], list[Problem]]:
    """Keeps one card per id: the later dated, then the better, then the first in path order."""
    cards = list(cards)
    best = {card.id: card for card in cards}
    if len(best) == len(cards):
        return cards, []
    best.clear()
    beaten: list[Card] = []
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
            f"a duplicate of {best[card.id].path}, which has the same URL and is used instead "
            "(the later dated is, then the one of higher quality, then the first by path)",
        )
        for card in beaten
    ]
    return list(best.values()), problems


def _enter(
    card: Card,
    found: list[Place],
    past: Past,
    now: int,
    held: dict[tuple[FeedKind, str], list[_Held]],
) -> Memory | None:
    """Puts an item into the feeds it qualifies for; returns its memory, None without any."""
    found = [place for place in found if not place.threshold.shortfall(card.quality)]
    if not found:
        return None
    memory = recall(card, now)
    entry = Entry(card.number, card.id, memory.published, memory.updated, card.digest)
    fresh: dict[str, int] = {}
    for place in found:
        since = memory.qualified.get(place.mark)
        if since is None:
            counts_as_old = past.first_pass or (
                place.kind == "custom" and place.mark not in past.feeds
            )
            since = fresh[place.mark] = memory.published if counts_as_old else now
        held[place.kind, place.key].append(_Held(entry, since))
    if fresh:
        return msgspec.structs.replace(memory, qualified=memory.qualified | fresh)
    return memory


def _fill(feed: Feed, held: list[_Held], since: int, config: Config) -> tuple[Selected, list[int]]:
    """Returns the newest items and those that qualified lately, and since when these did."""
    held.sort(key=lambda one: (-one.entry.published, one.entry.id))
    newest, rest = held[: feed.max_items], held[feed.max_items :]
    late = [one for one in rest if one.since >= since]
    kept = late[: config.selection.max_exposed]
    entries = tuple(one.entry for one in newest + kept)
    selected = Selected(feed, entries, len(kept), len(late) - len(kept))
    return selected, [one.since for one in kept]
