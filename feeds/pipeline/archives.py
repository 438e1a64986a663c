"""The archives of a pass: puts items into periods, seals parts, and tells which parts there are."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from feeds.common.archives import LENGTHS, ArchivePart, period_of
from feeds.common.model import Feed, FeedRef, FeedSummary
from feeds.pipeline.context import Pass
from feeds.pipeline.state import PassState
from feeds.select.archives import OFF, ArchiveSetting, Settings, next_end, sealed, with_archives
from feeds.store import Store


class LinkedFeeds(NamedTuple):
    """The feeds with links to their archives, and the parts of these, which are feeds as well.

    `changed` are the parts of which an item changed or left; None if that may be any. Up to the
    time `until` no clock seals or drops a part.
    """

    feeds: list[Feed]
    parts: list[Feed]
    changed: frozenset[tuple[FeedRef, ArchivePart]] | None
    until: int | None = None


NO_ARCHIVES = LinkedFeeds([], [], None)


def archive(run: Pass, state: PassState, feeds: list[Feed], ids: set[str] | None) -> LinkedFeeds:
    """Brings archives up to the memberships.

    Args:
        run: this pass.
        state: what the last pass left.
        feeds: all feeds.
        ids: the items that were judged, None for all.
    """
    store, now, settings = run.store, run.now, Settings(run.config)
    if ids is None:
        store.drop_archives(settings.keeps)
    if not settings.any:
        return LinkedFeeds(feeds, [], None)
    changed = None
    if ids is not None:
        changed = frozenset(store.parts_with(ids | store.ids_with_image_news()))
    store.leave_archives(ids)
    store.note_edited(ids, now)
    known = {(feed.kind, feed.key): feed for feed in feeds}
    for ref in sorted(store.feeds_holding(ids) & known.keys()):
        _enter(store, ref, ids, settings.of(ref), now)
    turned = ids is None or state.last is None or _has_turned(state.last.now, now)
    waiting = store.feeds_waiting() if turned else store.feeds_holding(ids)
    for ref in sorted(waiting & known.keys()):
        _seal(store, known[ref], settings.of(ref), now)
    return _linked(run, state, LinkedFeeds(feeds, [], changed), settings)


def _enter(
    store: Store, ref: FeedRef, ids: set[str] | None, setting: ArchiveSetting, now: int
) -> None:
    """Puts new items into the period of now, and all of a feed without archives into theirs.

    Nothing enters a period that has ended, whatever a clock says that was set back.
    """
    if setting.archive == OFF:
        return
    newest = store.newest_period(ref)
    earliest = max(newest, period_of(now, setting.archive)) if newest else ""
    store.enter_archives(ref, ids, LENGTHS[setting.archive], earliest)


def _seal(store: Store, feed: Feed, setting: ArchiveSetting, now: int) -> None:
    if setting.archive == OFF:
        return
    ref: FeedRef = (feed.kind, feed.key)

    def last(period: str) -> int:
        return store.last_part(ref, period)

    waiting = store.waiting(ref)
    for part, ids in sealed(waiting, last, feed.max_items, period_of(now, setting.archive)):
        store.seal(ref, part, ids)


def _has_turned(last: int, now: int) -> bool:
    """Tells whether a month ended between two passes."""
    return period_of(last, "month") != period_of(now, "month")


def _linked(run: Pass, state: PassState, archives: LinkedFeeds, settings: Settings) -> LinkedFeeds:
    parts, published = run.store.sealed_parts(), state.feeds()
    feeds: list[Feed] = []
    made: list[Feed] = []
    untils: list[int] = []
    for feed in archives.feeds:
        ref: FeedRef = (feed.kind, feed.key)
        setting = settings.of(ref)
        if setting.archive == OFF:
            feeds.append(feed)
            continue
        some = parts.get(ref, [])
        linked, own = with_archives(feed, some, setting, run.now)
        feeds.append(linked)
        untils.append(next_end(some, setting, run.now))
        made += (_as_sealed(part, published) for part in own)
    return LinkedFeeds(feeds, made, archives.changed, min(untils, default=None))


def _as_sealed(part: Feed, published: dict[str, tuple[bytes, FeedSummary]]) -> Feed:
    """Returns a part with the names that its feed had when the part was published first."""
    if part.address not in published:
        return part
    then = published[part.address][1].feed
    return msgspec.structs.replace(
        part, name=then.name, title=then.title, description=then.description
    )
