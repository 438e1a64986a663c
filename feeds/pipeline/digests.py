"""The digests of a pass: makes those of periods that ended, and revises those that are fixed.

A digest is fixed once its period has ended, but for two things: a story that is withdrawn leaves
it, or leaves a notice, and a story that is corrected is shown as it is then.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid5

import msgspec

from feeds.common.files import item_digest
from feeds.common.model import (
    Digest,
    DigestStory,
    Entry,
    Feed,
    FeedContents,
    FeedRef,
    Item,
    ItemHeader,
    decode_digest,
)
from feeds.common.store_protocols import DIGEST_ENDS
from feeds.common.times import from_unix, rfc3339, show_time
from feeds.config.feed_tables import DigestFeed
from feeds.pipeline.context import Pass
from feeds.render.context import feed_id
from feeds.select.feeds import moved, notices_s, withdrawal_reason
from feeds.select.periods import believed_end, ended_periods, last_day, next_end
from feeds.select.qualify import name_of, without_duplicates
from feeds.select.reasons import Reason
from feeds.select.thresholds import Thresholds
from feeds.store.periods import DigestRow

# More digests than any feed has.
_ALL = 1 << 40


def last_ends(run: Pass) -> dict[str, int]:
    """Returns when the last period of each feed of digests ended, by its key."""
    known, zone = run.store.get_meta(DIGEST_ENDS) or {}, run.config.site.timezone
    return {
        one.key: believed_end(one, zone, known[one.key], run.now)
        for one in run.config.digests
        if one.key in known
    }


def make_digests(run: Pass, thresholds: Thresholds, ids: set[str] | None) -> set[FeedRef]:
    """Brings digests up to the memberships; returns the feeds whose digests changed.

    `ids` are the items that were judged, None for all.
    """
    store, feeds, zone = run.store, run.config.digests, run.config.site.timezone
    if ids is not None and not feeds:
        return set()
    before, ends = store.get_meta(DIGEST_ENDS) or {}, last_ends(run)
    changed: set[str] = set()
    # What a clock that was ahead made, and what feeds left that are no more.
    for key in before.keys() | (store.digest_keys() if ids is None else set()):
        if ends.get(key) != before.get(key) or key not in ends:
            _drop(run, key, _ALL, ends.get(key, 0))
            changed.add(key)
    changed.update(row.key for row in store.digests_with(ids) if _revise(run, thresholds, row))
    for feed in feeds:
        for start, end in ended_periods(feed, zone, ends.get(feed.key), run.now):
            if _make(run, feed, start, end):
                changed.add(feed.key)
                _drop(run, feed.key, feed.max_items or 1, end)
            ends[feed.key] = end
    store.set_or_drop_meta(DIGEST_ENDS, ends or None)
    return {("digest", key) for key in changed}


def digest_contents(run: Pass, feed: Feed) -> FeedContents:
    """Returns a feed of digests with its entries."""
    config, table = run.config, _table(run, feed)
    namespace = UUID(feed_id(config.site.id or config.site.home, feed))
    entries = []
    for row in run.store.digests(feed.key, feed.max_items):
        digest = decode_digest(row.data)
        if digest.shown(notices=feed.notices_s > 0 and not feed.tombstones):
            times = (digest.end, row.updated)
            entry_id = f"urn:uuid:{uuid5(namespace, rfc3339(from_unix(digest.start)))}"
            entries.append(Entry(row.entry, entry_id, *times, item_digest(row.data)))
    until = next_end(table, config.site.timezone, run.now) - 1
    return FeedContents(feed, tuple(entries), until=until)


def with_digest(run: Pass, header: ItemHeader, feed: Feed, reason: Reason) -> Reason:
    """Returns why an item is, or is not, in a digest: in which one, or in which it may come."""
    table = _table(run, feed)
    since = header.history.qualified.get(name_of(feed.kind, feed.key)) if header.history else None
    if since is None:
        return reason
    for row in run.store.digests_with([header.id]):
        if row.key != feed.key:
            continue
        digest = decode_digest(row.data)
        is_shown = header.id in {one.item.id for one in digest.shown(notices=False)}
        words = f"in the digest of {show_time(from_unix(digest.end))}"
        return Reason(reason.address, f"{reason.words}; {words}", inside=is_shown)
    end = next_end(table, run.config.site.timezone, since)
    when, words = show_time(from_unix(end)), f"was not among the {table.limit} best"
    if end > run.now:
        words = f"comes if it is among the {table.limit} best"
    return Reason(reason.address, f"{reason.words}; {words} of the digest of {when}", inside=False)


def picture_numbers(run: Pass, contents: FeedContents) -> dict[int, list[int]]:
    """Returns the numbers by which images of stories are known, by those of the digests."""
    data = run.store.items(entry.number for entry in contents.entries)
    return {
        number: [story.number for story in decode_digest(one).stories]
        for number, one in data.items()
    }


def _table(run: Pass, feed: Feed) -> DigestFeed:
    return next(one for one in run.config.digests if one.key == feed.key)


def _make(run: Pass, feed: DigestFeed, start: int, end: int) -> bool:
    """Makes the digest of a period that ended; tells whether it has any story."""
    store = run.store
    best = store.best_of(("digest", feed.key), (start, end), feed.limit)
    if not best:
        return False
    number = store.begin_digest(feed.key, start, end)
    data = store.items(number for _, number in best)
    stories = [
        DigestStory(store.add_digest_story(number, id_), _kept(data[seed])) for id_, seed in best
    ]
    store.name_images((story.number, story.item.images) for story in stories)
    day = last_day(run.config.site.timezone, end).isoformat()
    store.keep_digest(number, end, msgspec.msgpack.encode(Digest(start, end, day, tuple(stories))))
    return True


def _revise(run: Pass, thresholds: Thresholds, row: DigestRow) -> bool:
    """Withdraws and corrects the stories of a digest; tells whether that changed it."""
    digest = decode_digest(row.data)
    notices = notices_s(run.config, run.config.own_feeds["digest", row.key]) > 0
    headers = run.store.headers_of(story.item.id for story in digest.stories)
    known = {one.id: one for one in without_duplicates(headers).items}
    revised = []
    for story in digest.stories:
        header = known.get(story.item.id)
        why = withdrawal_reason(header, thresholds)
        current = story.item
        if header is not None and (notices or not why):
            current = _kept(*run.store.items([header.number]).values())
        revised.append(_revised(story, current, why))
    stories = tuple(revised)
    if stories == digest.stories:
        return False
    _rename_images(run, digest.stories, stories)
    data = msgspec.msgpack.encode(msgspec.structs.replace(digest, stories=stories))
    run.store.keep_digest(row.number, moved(row.updated, run.now), data)
    return True


def _revised(story: DigestStory, current: Item, why: str) -> DigestStory:
    """Returns a story of a digest as it is now; a second reason to withdraw it changes nothing."""
    item = story.item if why or current.correction == story.item.correction else current
    reason = current.withdrawn_reason if why else ""
    item = msgspec.structs.replace(item, withdrawn_reason=reason)
    return DigestStory(story.number, item, why and (story.withdrawn or why))


def _rename_images(run: Pass, before: Sequence[DigestStory], after: Sequence[DigestStory]) -> None:
    for old, new in zip(before, after, strict=True):
        if old.item.images != new.item.images:
            run.store.unname_images(new.number)
            run.store.name_images([(new.number, new.item.images)])


def _kept(data: bytes) -> Item:
    """Returns an item without what digests do not show."""
    item = msgspec.msgpack.decode(data, type=Item)
    return msgspec.structs.replace(item, body="", related=(), topics=(), tags=())


def _drop(run: Pass, key: str, count: int, start: int) -> None:
    for number in run.store.drop_digests(key, count, start):
        run.store.unname_images(number)
