"""What a pass has to publish: which feeds there are, and which of them are to be rendered."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import msgspec

from feeds.common.files import Fingerprint
from feeds.common.model import Feed, FeedContents, FeedKind, FeedSummary, Picture
from feeds.common.text import fold
from feeds.config import Config
from feeds.images.resolve import ImageResolver, names_of
from feeds.pipeline.memberships import Selection, selected
from feeds.pipeline.state import Pass
from feeds.render.context import Site
from feeds.store import Store


class StaleFeed(NamedTuple):
    """A feed that is to be rendered: what it shows, of which site, and the key of all that."""

    contents: FeedContents
    pictures: dict[int, list[Picture]]
    site: Site
    key: bytes


class Plan(NamedTuple):
    """What is to be published: all feeds, those to be rendered, and the names of all documents.

    `images` are the copies that the documents of each feed name. `stamps` are the fingerprints of
    the published files, `known` those files that still have them.
    """

    feeds: list[FeedSummary]
    stale: list[StaleFeed]
    keep: list[str]
    images: dict[str, tuple[str, ...]]
    stamps: dict[str, Fingerprint]
    known: set[str]


class Linking:
    """Knows to which topics and providers that entries name their pages cannot link."""

    def __init__(
        self, store: Store, config: Config, site: Site, missing: frozenset[tuple[FeedKind, str]]
    ) -> None:
        self._store = store
        self._config = config
        self._site = site
        self._missing = missing
        self._missing_of = lru_cache(maxsize=100_000)(self._look_up)

    def site_for(self, one: FeedContents) -> Site:
        """Returns the site as the documents of a feed show it.

        It says no more than what the feed's own entries need, so that a topic which comes or goes
        leaves all others alone.
        """
        pages = self._site.pages
        if not self._missing or pages is None:
            return self._site
        found = sorted({place for entry in one.entries for place in self._missing_of(entry.number)})
        pages = msgspec.structs.replace(pages, missing=tuple(found))
        return msgspec.structs.replace(self._site, pages=pages)

    def _look_up(self, number: int) -> tuple[tuple[FeedKind, str], ...]:
        topics, domain = self._store.names_of(number)
        found: list[tuple[FeedKind, str]] = [("topic", fold(topic)) for topic in topics]
        found = [place for place in found if place in self._missing]
        if ("provider", self._config.provider(domain)) in self._missing:
            found.append(("provider", domain))
        return tuple(found)


def plan_of(run: Pass, selection: Selection, site: Site, gallery: ImageResolver) -> Plan:
    """Returns what is to be published."""
    from feeds.render.documents import document_paths, feed_key, overview_paths, redirect_paths

    store, out = run.store, run.out
    # Even if the manifest was lost, these are ours.
    stamps = store.stamps()
    known = {path for path, stamp in stamps.items() if Fingerprint.of(f"{out}/{path}") == stamp}
    site_for = Linking(store, run.config, site, selection.missing).site_for
    before, images = store.feeds(), gallery.before
    plan = Plan([], [], overview_paths(site), {}, stamps, known)
    for feed in selection.feeds:
        paths = document_paths(site, feed)
        plan.keep.extend(paths)
        key, summary = before.get(feed.address, (b"", None))
        intact = known.issuperset(paths)
        names = images.get(feed.address, ())
        if (
            summary
            and intact
            and _is_current(feed, summary, selection, run.now)
            and gallery.can_show(names)
        ):
            plan.feeds.append(summary)
            plan.images[feed.address] = names
            continue
        one = selected(store, feed, run.config, run.now)
        pictures = gallery.of(one.entries)
        own_site = site_for(one)
        new_key = feed_key(own_site, one, pictures)
        plan.feeds.append(one.summary())
        plan.images[feed.address] = names_of(pictures)
        if new_key != key or not intact:
            plan.stale.append(StaleFeed(one, pictures, own_site, new_key))
        else:
            store.keep_feed(key, one.summary())
    plan.keep.extend(redirect_paths(plan.feeds))
    return plan


def _is_current(feed: Feed, summary: FeedSummary, selection: Selection, now: int) -> bool:
    """Tells without looking at its entries whether a feed is as it was published."""
    return (
        selection.touched is not None
        and (feed.kind, feed.key) not in selection.touched
        and feed == summary.feed
        and (summary.until is None or now <= summary.until)
    )
