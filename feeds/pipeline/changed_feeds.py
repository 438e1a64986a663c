"""Finds the feeds that changed items reach, so that a pass lets all others of very many rest.

If nothing but some items changed, no feed is another than these items reach, and of the documents
about feeds only those that tell how many entries these have. All else stays as it is, looked at by
the mtimes of folders, and file by file once a day (`feeds.pipeline.state`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from heapq import merge, nsmallest
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from feeds.common.errors import DamagedManifestError, PublishError
from feeds.common.model import Feed, FeedKind, FeedRef, FeedSummary
from feeds.common.times import DAY_S
from feeds.config import Config
from feeds.images.cache import folder_times
from feeds.pipeline.context import Pass
from feeds.pipeline.state import Catalogue, PassState, archive_folders, intact_files, part_files
from feeds.publish import Manifest
from feeds.publish.compression import copies_of, copy_recipe
from feeds.publish.manifest import read_head
from feeds.render.context import site_of
from feeds.render.index_parts import Part
from feeds.select.feeds import Names, called_names, named_tables
from feeds.store import Store

if TYPE_CHECKING:
    from feeds.render.context import Site
    from feeds.render.front import Front
    from feeds.render.overviews import Overview

_PAGE = 200


class Few(NamedTuple):
    """All feeds, which rest but for those that items change, and those that have `news` of images.

    `manifest` is without the names of files.
    """

    catalogue: Catalogue
    manifest: Manifest
    news: frozenset[FeedRef] = frozenset()


def at_rest(run: Pass, state: PassState) -> Few | None:
    """Returns what lets feeds rest; None if they are few, or anything is not as it was."""
    one, last = state.catalogue, state.last
    if one is None or last is None or not state.holds(run.key, run.now):
        return None
    if (last.until is not None and last.until < run.now) or run.now - one.looked >= DAY_S:
        return None
    near = run.store.fingerprints(one.near)
    if (
        state.compression != copy_recipe()
        or folder_times(run.out) != last.media
        or archive_folders(run.out, one.folders) != one.folders
        or intact_files(state._replace(files=lambda: near), run.out) != near.keys()
    ):
        return None
    with suppress(DamagedManifestError, PublishError):  # whoever reads all of it says so
        head = read_head(run.out)
        if head.parts and not head.unfinished:
            return Few(one, head)
    return None


def changed_feeds(
    run: Pass, few: Few, changed: frozenset[FeedRef] | None, names: Names
) -> list[Feed] | None:
    """Returns the feed of everything and those to look at; None if any other may be another.

    All items are in their feeds. `changed` are the feeds that items joined or left, or in which one
    changed, None for any; `names` is what items call topics and providers.
    """
    if changed is None or names_key(run.config, names) != few.catalogue.names:
        return None
    store, tables = run.store, named_tables(run.config)
    refs = {("all", ""), *changed, *few.news}
    rows = store.listed(refs)
    for ref in refs:
        # Feeds that run empty or fill are listed no more, or anew; excluded ones come and go.
        is_listed = ref in rows and rows[ref].entries > 0 and store.is_non_empty(ref)
        if not is_listed or ref[0] == "digest" or (ref in tables and tables[ref].exclude):
            return None
    found = store.feeds([row.address for row in rows.values()])
    if len(found) != len(refs):
        return None
    feeds = (summary.feed for _, summary in found.values())
    return sorted(feeds, key=lambda one: (one.kind != "all", one.address))


def names_key(config: Config, names: Names) -> bytes:
    """Returns a digest of what topics and providers are called."""
    called = list(called_names(config, names).items())
    return hashlib.sha256(msgspec.msgpack.encode(called)).digest()


def few_state(run: Pass, state: PassState, feeds: list[Feed]) -> PassState:
    """Returns what the last pass left of these feeds, and of the documents that tell of them."""
    from feeds.render.overviews import paths_of_some

    store, addresses = run.store, [one.address for one in feeds]
    about = paths_of_some(site_of(run.config), pages_of(store, feeds))
    names = part_files(run, feeds).union(about, *map(copies_of, about))
    return state._replace(
        feeds=cache(lambda: store.feeds(addresses)),
        files=cache(lambda: store.fingerprints(names)),
        feed_images=cache(lambda: store.feed_images(addresses)),
        sealed=list,
    )


def pages_of(store: Store, feeds: Iterable[Feed]) -> set[str]:
    """Returns the pages that list these feeds, as paths of parts."""
    rows = store.listed((one.kind, one.key) for one in feeds).values()
    return {row.page for row in rows if row.page}


class Ranking:
    """The feeds that documents about feeds show, once `some` have other entries than before."""

    def __init__(self, run: Pass, catalogue: Catalogue, some: list[FeedSummary]) -> None:
        self._store, self._catalogue = run.store, catalogue
        self._some = {one.feed.address: one for one in some}
        tables = (*named_tables(run.config).values(), *run.config.own_feeds.values())
        most = (one.max_items for one in tables if one.max_items)
        self._least = min([run.config.selection.max_items, *most])
        self._last = some[0].newest or 0
        self._own = list(run.config.own_feeds)

    def parts(self) -> list[list[Part]]:
        """Returns all parts; those that list one of `some` with their feeds."""
        pages = pages_of(self._store, (one.feed for one in self._some.values()))
        return [
            [
                one._replace(feeds=list(self._load(self._store.listed_on(one.path))))
                if one.path in pages
                else one
                for one in group
            ]
            for group in self._catalogue.parts
        ]

    def totals(self) -> dict[FeedKind, int]:
        """Returns how many feeds of each kind are listed."""
        kinds: tuple[FeedKind, ...] = ("all", "topic", "provider", "custom", "digest")
        return {kind: self._store.listed_count(kind) for kind in kinds}

    def feeds(self, most: int, shown: int, active: int) -> list[FeedSummary]:
        """Returns, in the order of lists, all feeds that can be among these, and a few others.

        So many of the largest topics and providers (`most`), one more, and all of the site's own;
        of each of the two so many of the largest (`shown`), and of the most `active`.
        """
        store, more = self._store, len(self._some) + 1
        kinds: tuple[FeedKind, FeedKind] = ("topic", "provider")
        ranked = merge(*(((-n, one) for n, one in store.largest(kind)) for kind in kinds))
        found = {address for _, address in islice(ranked, most + more)}
        for kind in kinds:
            found.update(one for _, one in islice(store.largest(kind), shown + more))
            found.update(self._most_active(kind, active))
        own = store.listed(self._own).values()
        found.update(row.address for row in own if row.entries)
        order = {"all": 0, "topic": 1, "provider": 2}
        places = {ref: place for place, ref in enumerate(self._own)}

        def place(one: FeedSummary) -> tuple[int, int, str]:
            ref = (one.feed.kind, one.feed.key)
            return order.get(one.feed.kind, 3), places.get(ref, 0), one.feed.key

        return sorted(self._load(found | self._some.keys()), key=place)

    def _load(self, addresses: Iterable[str]) -> Iterator[FeedSummary]:
        rest = []
        for address in addresses:
            if address in self._some:
                yield self._some[address]
            else:
                rest.append(address)
        for _, summary in self._store.feeds(rest).values():
            yield summary

    def _most_active(self, kind: FeedKind, count: int) -> set[str]:
        """Returns the addresses of the feeds with the most entries a day.

        A feed that is not full gets no more than its entries in 30 days, so most are not looked at.
        """
        from feeds.render.html import DAYS, stories_a_day

        def rank(one: FeedSummary) -> tuple[float, str]:
            return -stories_a_day(one, self._last), one.feed.address

        best = sorted(rank(one) for one in self._some.values() if one.feed.kind == kind)[:count]
        rows = self._store.largest(kind)
        while page := list(islice(rows, _PAGE)):
            entries, address = page[0]
            bound = entries / DAYS if entries < self._least else entries
            if len(best) == count and best[-1] < (-bound, address):
                break
            some = (one for one in self._load(one for _, one in page) if one.newest is not None)
            best = nsmallest(count, {*best, *map(rank, some)})
        return {address for _, address in best}


def images_that_stay(run: Pass, state: PassState, copies: dict[str, tuple[str, ...]]) -> set[str]:
    """Returns the copies that few feeds name no more, but others do."""
    left = set().union(*state.feed_images().values()).difference(*copies.values())
    return left & run.store.images_elsewhere(copies) if left else set()


def overviews_of_few(
    run: Pass, state: PassState, site: Site, feeds: list[FeedSummary], front: Front
) -> list[Overview]:
    """Returns the documents about feeds that change with the entries of these `feeds`."""
    from feeds.render.front import SOURCES, TOPICS
    from feeds.render.html import LARGEST
    from feeds.render.overviews import MOST_TOGETHER, Some, overviews_of_some

    assert state.catalogue is not None  # noqa: S101 (or all feeds were looked at)
    ranking = Ranking(run, state.catalogue, feeds)
    listed = ranking.feeds(MOST_TOGETHER, LARGEST, max(TOPICS, SOURCES))
    return overviews_of_some(site, Some(listed, ranking.parts(), ranking.totals()), front)
