"""Selection in the plain way, all at once and without a store: what the real one is held to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from feeds.common.model import FeedContents, FeedRef, ItemHeader, ItemHistory, Membership, Problem
from feeds.config import Config
from feeds.select.addresses import Directory
from feeds.select.feeds import Names, catalog
from feeds.select.qualify import Past, build_feed, qualify, without_duplicates
from feeds.select.thresholds import Thresholds, is_due


class Choice(NamedTuple):
    """What selection decided.

    `histories` holds, by item id, what is to be remembered anew. `until` is the last moment, in
    seconds since 1970, for which the same headers give the same feeds; None where no clock changes
    them. `directory` also tells where feeds would stand that there are not.
    """

    feeds: tuple[FeedContents, ...]
    histories: dict[str, ItemHistory]
    until: int | None
    duplicates: tuple[Problem, ...]
    directory: Directory


def choose(headers: Iterable[ItemHeader], config: Config, past: Past, now: int) -> Choice:
    """Decides which items each feed holds at the time `now` (seconds since 1970)."""
    unique, _, duplicates = without_duplicates(headers)
    thresholds = Thresholds(config)
    topics: defaultdict[str, int] = defaultdict(int)
    providers: defaultdict[tuple[str, str], int] = defaultdict(int)
    held: defaultdict[FeedRef, list[Membership]] = defaultdict(list)
    histories: dict[str, ItemHistory] = {}
    turns: list[int] = []
    for header in unique:
        turn = next_turn(header, config, now)
        if turn is not None:
            turns.append(turn)
        if header.is_published and is_due(header, now):
            for topic in header.topics:
                topics[topic] += 1
            providers[config.provider(header.provider.domain), header.provider.name] += 1
        history, memberships = qualify(header, config, thresholds, past, now)
        if history is not None and history is not header.history:
            histories[header.id] = history
        for one in memberships:
            held[one.kind, one.key].append(one)
    feeds = []
    found = catalog(config, Names(topics, providers), held.keys(), past.known)
    for ref, feed in found.feeds.items():
        held[ref].sort(key=lambda one: (-one.entry.published, one.entry.id))
        feeds.append(build_feed(feed, held[ref], held[ref], config, now))
    turns += [feed.until for feed in feeds if feed.until is not None]
    return Choice(tuple(feeds), histories, min(turns, default=None), duplicates, found.directory)


def next_turn(header: ItemHeader, config: Config, now: int) -> int | None:
    """Returns the last moment before time alone moves an item into or out of the feeds."""
    if not header.is_published:
        return None
    if not is_due(header, now):
        return header.dated - 1
    max_age = config.selection.max_age
    expires = header.dated + int(max_age.total_seconds()) if max_age is not None else None
    return expires if expires is not None and expires >= now else None
