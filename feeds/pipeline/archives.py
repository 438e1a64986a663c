"""The archives of a pass: puts items into periods, seals parts, and tells which parts there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from feeds.common.archives import LENGTHS, ArchivePart, period_of
from feeds.common.model import Feed, FeedRef, FeedSummary
from feeds.common.store_protocols import ARCHIVES
from feeds.pipeline.context import Pass
from feeds.pipeline.state import PassState, archive_folders, can_rest, part_files
from feeds.select.periods import (
    OFF,
    ArchiveSetting,
    Settings,
    next_archive_end,
    sealed,
    with_archives,
)
from feeds.store import Store

# Parts of archives, by kind and key of their feeds.
_Parts = dict[FeedRef, set[ArchivePart]]


class LinkedFeeds(NamedTuple):
    """The feeds with links to their archives, and the parts of these, which are feeds as well.

    `changed` are the parts of which an item changed or left; None if that may be any. Up to the
    time `until` no clock seals or drops a part. If other parts `rest`, `parts` are only those
    to look at.
    """

    feeds: list[Feed]
    parts: list[Feed]
    changed: frozenset[tuple[FeedRef, ArchivePart]] | None
    until: int | None = None
    rest: bool = False


NO_ARCHIVES = LinkedFeeds([], [], None)


def archive(
    run: Pass,
    state: PassState,
    feeds: list[Feed],
    ids: set[str] | None,
    noticed: set[tuple[FeedRef, ArchivePart]],
) -> LinkedFeeds:
    """Brings archives up to the memberships.

    `ids` are the items that were judged, None for all; `noticed` the parts in which notices of
    withdrawn stories came, went or changed.
    """
    store, now, settings = run.store, run.now, Settings(run.config)
    if ids is None:
        store.drop_archives(settings.keeps)
    if not settings.any:
        return LinkedFeeds(feeds, [], None)
    changed = None
    if ids is not None:
        changed = frozenset(store.parts_with(ids | store.ids_with_image_news()) | noticed)
    store.leave_archives(ids)
    store.note_edited(ids, now)
    known = {(feed.kind, feed.key): feed for feed in feeds}
    for ref in sorted(store.feeds_holding(ids) & known.keys()):
        _enter(store, ref, ids, settings.of(ref), now)
    settled = {one for one in map(settings.of, known) if one.archive != OFF}
    last = state.last.now if state.last else now
    end = next_archive_end(store.sealed_periods(), settled, last)
    turned = ids is None or (end is not None and end < now)
    waiting = store.feeds_waiting() if turned else store.feeds_holding(ids)
    new = {ref: _seal(store, known[ref], settings.of(ref), now) for ref in waiting & known.keys()}
    new = {ref: parts for ref, parts in new.items() if parts}
    until = next_archive_end(store.sealed_periods(), settled, now)
    archives = LinkedFeeds(feeds, [], changed, until)
    relinked = None
    if not turned and can_rest(run, state):
        relinked = _relinked(run, state, archives, settings, new)
    return relinked or _linked(run, state, archives, settings)


def _enter(
    store: Store, ref: FeedRef, ids: set[str] | None, setting: ArchiveSetting, now: int
) -> None:
    """Puts new items into the period of now (or a later one), all of a new feed into theirs."""
    if setting.archive == OFF:
        return
    newest = store.newest_period(ref)
    earliest = max(newest, period_of(now, setting.archive)) if newest else ""
    store.enter_archives(ref, ids, LENGTHS[setting.archive], earliest)


def _seal(store: Store, feed: Feed, setting: ArchiveSetting, now: int) -> set[ArchivePart]:
    """Seals what is to be sealed of a feed; returns the new parts."""
    if setting.archive == OFF:
        return set()
    ref: FeedRef = (feed.kind, feed.key)

    def last(period: str) -> int:
        return store.last_part(ref, period)

    period = period_of(now, setting.archive)
    found = list(sealed(store.waiting(ref), last, feed.max_items, period))
    for part, ids in found:
        store.seal(ref, part, ids)
    return {part for part, _ in found}


def _linked(run: Pass, state: PassState, archives: LinkedFeeds, settings: Settings) -> LinkedFeeds:
    """Returns all feeds with their links, and all parts."""
    parts = run.store.sealed_parts()
    published = run.store.feeds() if state.sealed() else state.feeds()
    feeds: list[Feed] = []
    made: list[Feed] = []
    for feed in archives.feeds:
        ref: FeedRef = (feed.kind, feed.key)
        setting = settings.of(ref)
        if setting.archive == OFF:
            feeds.append(feed)
            continue
        linked, own = with_archives(feed, parts.get(ref, []), setting, run.now)
        feeds.append(linked)
        made += (_as_sealed(part, published) for part in own)
    return archives._replace(feeds=feeds, parts=made)


def _relinked(
    run: Pass, state: PassState, archives: LinkedFeeds, settings: Settings, new: _Parts
) -> LinkedFeeds | None:
    """Returns of `_linked` what changed or is new, and what is beside; None if a feed went."""
    rows = state.feeds().values()
    before = {one.feed.address: one.feed for _, one in rows if one.feed.archive}
    changed: _Parts = defaultdict(set)
    for ref, part in archives.changed or ():
        changed[ref].add(part)
    feeds: list[Feed] = []
    made: list[Feed] = []
    same: list[str] = []
    for feed in archives.feeds:
        ref = (feed.kind, feed.key)
        setting, was = settings.of(ref), before.pop(feed.address, None)
        if setting.archive == OFF:
            feeds.append(feed)
        elif was is None or ref in new:
            some = set(run.store.parts_of(ref))
            linked, own = with_archives(feed, some, setting, run.now)
            feeds.append(linked)
            made += _beside(own, new.get(ref, some), changed[ref])
        elif msgspec.structs.replace(was, archive=None) == feed:
            feeds.append(was)
            same += (f"{feed.address}/{part.name}" for part in changed[ref])
        else:
            return None
    if before:
        return None
    published = run.store.feeds([*same, *(one.address for one in made)])
    made = [_as_sealed(one, published) for one in made]
    made += (published[address][1].feed for address in same if address in published)
    return archives._replace(feeds=feeds, parts=made, rest=True)


def _beside(parts: list[Feed], new: set[ArchivePart], changed: set[ArchivePart]) -> Iterator[Feed]:
    """Yields of the parts of a feed those that are new, stand beside a new one, or changed."""
    numbers = {number for number, one in enumerate(parts) if one.part in new}
    near = {number + step for number in numbers for step in (-1, 0, 1)}
    for number, one in enumerate(parts):
        if number in near or one.part in changed:
            yield one


def _as_sealed(part: Feed, published: dict[str, tuple[bytes, FeedSummary]]) -> Feed:
    """Returns a part with the names that its feed had when the part was published first."""
    if part.address not in published:
        return part
    then = published[part.address][1].feed
    return msgspec.structs.replace(
        part, name=then.name, title=then.title, description=then.description
    )


def keep_archives(run: Pass, state: PassState, archives: LinkedFeeds) -> tuple[dict[str, int], int]:
    """Marks what is of sealed parts, and keeps how archives are linked, for the server.

    Returns:
        The mtimes of the folders of archives in out/, and when all files there were looked at.
    """
    store, last, files = run.store, state.last, part_files(run, archives.parts)
    store.mark_sealed([one.address for one in archives.parts], files)
    links = {one.address: one.archive for one in (*archives.feeds, *archives.parts) if one.archive}
    rows = state.feeds().items()
    before = {address: one.feed.archive for address, (_, one) in rows if one.feed.archive}
    if links != before or (links and not store.has_meta(ARCHIVES)):
        feeds = store.published_feeds()
        store.set_meta(ARCHIVES, {one.address: one.archive for one in feeds if one.archive})
    folders, looked = {name.rpartition("/")[0] for name in files}, run.now
    if archives.rest and last:
        folders, looked = folders | last.archives.keys(), last.looked
    return archive_folders(run.out, sorted(folders)), looked
