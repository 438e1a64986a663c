"""Explains a feed: what it asks of stories, what came and went, and what misses it by least."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import msgspec

from feeds.common.errors import UnknownSeedError
from feeds.common.model import Feed, FeedContents, FeedKind, ItemHeader
from feeds.common.reports import Callbacks
from feeds.common.store_protocols import LEFT
from feeds.common.text import did_you_mean, fold
from feeds.common.times import from_unix
from feeds.config import Loaded
from feeds.pipeline.context import Pass
from feeds.pipeline.explain_story import Explained, contents_by_ref, explanations, item_of, told
from feeds.pipeline.memberships import Selection, contents_of, memberships
from feeds.pipeline.run import Snapshot, with_snapshot
from feeds.select.reasons import FeedThreshold, nearest_misses, reasons_for, thresholds_of
from feeds.store import Store

NEAREST = 5


class StoryNote(msgspec.Struct, frozen=True):
    """A story in a list; `title` and `seed` are empty if its seed is gone."""

    id: str
    title: str
    seed: str
    why: str = ""


class FeedExplanation(msgspec.Struct):
    """A feed as a pass would publish it now, and what the pass at `last_pass` changed in it.

    `went` is None if that pass judged every story anew, so that it cannot be told what it took out.
    `missed` are the stories whose quality is too low by least.
    """

    address: str
    title: str
    url: str
    entries: int
    max_items: int
    exposed: int
    left_out: int
    thresholds: list[FeedThreshold]
    last_pass: datetime | None
    came: list[StoryNote]
    went: list[StoryNote] | None
    missed: list[StoryNote]


class _LastMoves(NamedTuple):
    """What the last pass left: when it was, and which memberships it ended, if that is known."""

    now: int | None
    left: list[tuple[FeedKind, str, str]] | None


def explained_any(
    loaded: Loaded, name: str, callbacks: Callbacks, nearest: int = NEAREST
) -> list[Explained] | list[FeedExplanation]:
    """Returns an explanation of the stories with this name, or else of the feeds with it.

    `name` is a seed's path, an address or an id; or a feed's address, topic, provider or name, of
    which the `nearest` misses are told.

    Raises:
        UnknownSeedError: there is no such story and no such feed.
        SeedsFolderError: a folder of seeds cannot be listed.
    """

    def read(snapshot: Snapshot) -> list[Explained] | list[FeedExplanation]:
        run, state = snapshot.run, snapshot.state
        now = state.last.now if state.last else None
        left = run.store.get_meta(LEFT)
        before = _LastMoves(now, left.memberships if left and left.at == now else None)
        selection = memberships(run, state, snapshot.changes)
        try:
            return list(explanations(name, snapshot, selection))
        except UnknownSeedError as error:
            found = _named(name, run, selection)
            if not found:
                reason = f"{error}, and no feed is called so{_hint(name, selection)}"
                raise UnknownSeedError(reason) from None
            return [_explanation(run, feed, selection, before, nearest) for feed in found]

    return told(loaded, name, callbacks) or with_snapshot(loaded, callbacks, read)


def _named(name: str, run: Pass, selection: Selection) -> list[Feed]:
    """Returns the feeds with this address, else those with this topic, provider, name or title."""
    address = name.removeprefix(run.config.site.base_url)
    for extension in (".atom", ".rss", ".json", ".html"):
        address = address.removesuffix(extension)
    every = [*selection.feeds, *_without_documents(run, selection)]
    found = [feed for feed in every if address in (feed.address, *feed.aliases)]
    wanted = fold(name)
    return found or [feed for feed in every if wanted in map(fold, _names(feed)) and wanted]


def _names(feed: Feed) -> list[str]:
    return [feed.name, feed.key, feed.title]


def _without_documents(run: Pass, selection: Selection) -> Iterator[Feed]:
    """Yields the feeds that stories name and that have none yet, since no story qualified."""
    size = run.config.selection.max_items
    for kind, key in sorted(selection.missing):
        yield Feed(selection.directory.add(kind, key), kind, key, key, key, "", size)


def _hint(name: str, selection: Selection) -> str:
    known = [one for feed in selection.feeds for one in (feed.address, feed.name) if one]
    return "" if "://" in name else did_you_mean(name, known, quoted=True)


def _explanation(
    run: Pass, feed: Feed, selection: Selection, before: _LastMoves, nearest: int
) -> FeedExplanation:
    store, config = run.store, run.config
    contents = contents_of(run, feed)
    beaten = {problem.path for problem in selection.duplicates}
    items = (one for page in store.header_pages() for one in page if one.path not in beaten)
    came = [] if before.now is None else store.recently_qualified(feed.kind, feed.key, before.now)
    new = [one.entry.id for one in came if one.since == before.now]
    return FeedExplanation(
        feed.address,
        feed.title,
        f"{config.site.base_url}{feed.address}.atom",
        len(contents.entries),
        feed.max_items,
        contents.exposed,
        contents.left_out,
        thresholds_of(feed, config),
        None if before.now is None else from_unix(before.now),
        [_note(store, header, "") for header in store.headers_of(new)],
        _went(run, contents, selection, before, len(new)),
        [
            _note(store, item, reason)
            for item, reason in nearest_misses(feed, items, config, run.now, nearest)
        ],
    )


def _went(
    run: Pass, contents: FeedContents, selection: Selection, before: _LastMoves, came: int
) -> list[StoryNote] | None:
    """Returns the stories that the last pass took out of a feed, and why they are not in it."""
    if before.left is None or before.now is None:
        return None
    store, feed = run.store, contents.feed
    gone = [id_ for kind, key, id_ in before.left if (kind, key) == (feed.kind, feed.key)]
    went = []
    contents_at = contents_by_ref(run, selection)
    for id_ in gone:
        headers = store.headers_of([id_])
        if not headers:
            went.append(StoryNote(id_, "", "", "its seed is gone"))
        for header in headers:
            told = reasons_for(header, selection, contents_at, run.config, run.now)
            about = next((one for one in told if one.address == feed.address), None)
            reason = "its seed does not name this feed any more"
            if about:
                reason = "it comes back with the next pass" if about.inside else about.words
            went.append(_note(store, header, reason))
    if feed.kind == "digest":
        return went
    # Newer stories move the oldest ones out.
    members = store.newest(feed.kind, feed.key, feed.max_items + came)
    older = [one.entry.id for one in members if one.since < before.now]
    shown = {entry.id for entry in contents.entries}
    moved = [id_ for id_ in older[: max(0, feed.max_items - len(gone))] if id_ not in shown]
    why = f"newer stories fill the feed (max_items {feed.max_items})"
    return went + [_note(store, header, why) for header in store.headers_of(moved)]


def _note(store: Store, header: ItemHeader, why: str) -> StoryNote:
    return StoryNote(header.id, item_of(store, header).title, header.path, why)
