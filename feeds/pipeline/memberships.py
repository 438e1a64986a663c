"""Brings the slots in the store, which item stands in which feed, up to what changed."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple, cast

from feeds.common.model import Feed, FeedContents, FeedKind, ItemHeader, Problem
from feeds.common.slugs import Addresses
from feeds.config import Config
from feeds.select.addresses import Directory
from feeds.select.feeds import Names, catalog
from feeds.select.membership import Past, build_feed, qualify, without_duplicates
from feeds.select.thresholds import Thresholds, is_due
from feeds.store import Store

# Raise it whenever the same items would be selected otherwise.
SELECTION_VERSION = 2


class Selection(NamedTuple):
    """All feeds; of which of them items came, went or changed (None: maybe of all); duplicates.

    `missing` are the topics and providers that items name and that have no feed; `directory` tells
    where feeds stand, and where those would that there are not.
    """

    feeds: list[Feed]
    touched: set[tuple[FeedKind, str]] | None
    duplicates: tuple[Problem, ...]
    missing: frozenset[tuple[FeedKind, str]]
    directory: Directory

    @property
    def addresses(self) -> Addresses:
        """Where those feeds stand of which the name alone does not tell."""
        return self.directory.exceptions()


class _Filled:
    """The feeds that have items: few are ever asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __contains__(self, place: object) -> bool:
        """Tells whether the feed of this kind and key has items."""
        kind, key = cast("tuple[FeedKind, str]", place)
        return self._store.is_filled(kind, key)


def select(store: Store, config: Config, past: Past, since: int | None, now: int) -> Selection:
    """Judges the items that changed, or whose time came, since the time `since`.

    None judges all anew: for a new store, another configuration, or a clock that was set back.
    """
    thresholds = Thresholds(config)

    def judge(cards: list[ItemHeader]) -> set[tuple[FeedKind, str]]:
        entered = [(card, qualify(card, config, thresholds, past, now)) for card in cards]
        store.remember(
            {
                card.id: memory
                for card, (memory, _) in entered
                if memory is not None and memory is not card.memory
            }
        )
        slots = [slot for _, (_, slots) in entered for slot in slots]
        store.add_memberships(slots)
        return {(slot.kind, slot.key) for slot in slots}

    gone = store.touched - {card.id for card in store.headers_of(store.touched)}
    store.reset_memberships(gone)
    repeated = store.repeated_ids()
    touched: set[tuple[FeedKind, str]] | None = None
    if since is None:
        store.clear_memberships()
        for page in store.header_pages():
            judge([card for card in page if card.id not in repeated])
        judge(without_duplicates(store.headers_of(repeated)).cards)
    else:
        due = store.touched | _whose_time_came(store, config, since, now)
        touched = store.remove_memberships(due)
        touched |= judge(without_duplicates(store.headers_of(due)).cards)
    unique = without_duplicates(store.headers_of(repeated))
    names = _names(store, config, unique.beaten, now)
    found = catalog(config, names, _Filled(store), past.known)
    feeds = list(found.feeds.values())
    return Selection(feeds, touched, unique.problems, found.missing, found.directory)


def selected(store: Store, feed: Feed, config: Config, now: int) -> FeedContents:
    """Returns a feed with its entries."""
    exposed_since = now - int(config.selection.exposure.total_seconds())
    newest = store.newest(feed.kind, feed.key, feed.max_items)
    late = store.recently_qualified(feed.kind, feed.key, exposed_since)
    return build_feed(feed, newest, late, config, now)


def next_turn(store: Store, config: Config, now: int) -> int | None:
    """Returns the last moment before time alone moves an item into or out of the feeds."""
    turns = []
    due = store.next_dated(now)
    if due is not None:
        turns.append(due - 1)
    if config.selection.max_age is not None:
        age = int(config.selection.max_age.total_seconds())
        oldest = store.next_dated(now - age - 1)
        if oldest is not None:
            turns.append(oldest + age)
    return min(turns, default=None)


def _names(store: Store, config: Config, beaten: list[ItemHeader], now: int) -> Names:
    """Counts the names that published items use; those of beaten duplicates do not count."""
    topics, providers = Counter(store.topic_names(now)), Counter(store.provider_names(now))
    for card in beaten:
        if card.is_published and is_due(card, now):
            topics.subtract(card.topics)
            providers.subtract([(card.provider.domain, card.provider.name)])
    known = Counter[tuple[str, str]]()
    for (domain, name), count in (+providers).items():
        known[config.provider(domain), name] += count
    return Names(+topics, known)


def _whose_time_came(store: Store, config: Config, since: int, now: int) -> set[str]:
    came = store.ids_dated(since, now)
    if config.selection.max_age is not None:
        age = int(config.selection.max_age.total_seconds())
        came |= store.ids_dated(since - age - 1, now - age - 1)
    return came
