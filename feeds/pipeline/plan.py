"""Plans a pass: which feeds to render, and which files out/ is to hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from feeds.common.archives import ArchivePart
from feeds.common.errors import PublishError
from feeds.common.media import Picture
from feeds.common.model import Feed, FeedContents, FeedRef, FeedSummary
from feeds.common.times import from_unix, show_time
from feeds.images.cache import ImageResolver, folder_times, names_of
from feeds.images.reconcile import ImageChanges
from feeds.pipeline.changed_feeds import images_that_stay, overviews_of_few
from feeds.pipeline.context import Pass
from feeds.pipeline.digests import picture_numbers
from feeds.pipeline.guards import too_many_feeds
from feeds.pipeline.links import Links
from feeds.pipeline.memberships import Selection, contents_of
from feeds.pipeline.state import PassState, intact_files, site_key
from feeds.render.context import FeedView, Site, site_of
from feeds.render.entries import Reuse, reuse_of
from feeds.store import Store

if TYPE_CHECKING:
    from feeds.render.documents import RenderJob
    from feeds.render.front import Front
    from feeds.render.index_parts import Part
    from feeds.render.overviews import Overview


# What a feed shows, and what is known of the images of its entries, by their numbers.
_Shown = tuple[FeedContents, dict[int, list[Picture]]]


class StaleFeed(NamedTuple):
    """A feed to render: its site, the key of all that it shows, and what is published of it.

    `shown` returns the contents and their pictures. Those of archives, which may be of all stories
    together, are read once more for it; those of other feeds are kept. `copies` are the copies of
    images that it names.
    """

    summary: FeedSummary
    shown: Callable[[], _Shown]
    copies: tuple[str, ...]
    site: Site
    key: bytes
    reuse: Reuse | None = None

    def job(self, store: Store, *, is_kept: bool = False) -> RenderJob:
        """Returns the feed with its items, or without those that are kept for all to read."""
        from feeds.render.documents import RenderJob

        contents, pictures = self.shown()
        numbers = (entry.number for entry in (*contents.entries, *contents.tombstones))
        items = store.items(one for one in numbers if one < 0 or not is_kept)
        return RenderJob(self.site, contents, items, pictures, self.reuse)


class Plan(NamedTuple):
    """What to publish.

    Attributes:
        site: the site as the index shows it, and its key.
        feeds: all feeds; `parts` are those of their archives. `stale` are those to render of both,
            `refreshed` those whose summary alone is another, with their keys.
        overviews: the documents about feeds that are to be rendered.
        overview_keys: the keys of all documents about feeds, by their first paths.
        keep: the names of all documents.
        images: the copies that the documents of each feed name, by address.
        media: the names of the copies that out/ is to hold; `links` are those to put there.
        folders: the mtimes of the folders of copies in out/, as they are now.
        known: the documents that are as the last pass left them; `present` such copies of images.
        groups: very many feeds in parts, by group. If `is_few`, the others of these rest.
        is_kept: all items were in the store before this transaction.
    """

    site: Site
    site_key: bytes
    feeds: list[FeedSummary]
    stale: list[StaleFeed]
    refreshed: list[tuple[bytes, FeedSummary]]
    overviews: list[Overview]
    overview_keys: dict[str, bytes]
    keep: list[str]
    images: dict[str, tuple[str, ...]]
    parts: list[FeedSummary]
    media: set[str]
    links: set[str]
    folders: dict[str, int]
    known: set[str]
    present: set[str]
    groups: Sequence[list[Part]]
    is_few: bool
    is_kept: bool = False


class _FeedPlan(NamedTuple):
    """One feed: its documents, the copies of images they name, and whether to render them."""

    summary: FeedSummary
    names: list[str]
    images: tuple[str, ...]
    stale: StaleFeed | None = None
    refreshed: bytes | None = None


class _Planner(NamedTuple):
    """Plans one feed after the other; `changed` are the feeds to look at, None for all.

    `changed_parts` are the parts of archives to look at, None for all.
    """

    run: Pass
    state: PassState
    site: Site
    links: Links
    changed: frozenset[FeedRef] | None
    resolver: ImageResolver
    known: set[str]
    changed_parts: frozenset[tuple[FeedRef, ArchivePart]] | None

    def plan(self, feed: Feed) -> _FeedPlan:
        """Returns what to do about a feed."""
        from feeds.render.documents import document_paths

        names = document_paths(self.site, feed)
        key, summary = self.state.feeds().get(feed.address, (b"", None))
        images = self.state.feed_images().get(feed.address, ())
        intact = self.known.issuperset(names)
        if intact and summary and self._is_current(feed, summary, images):
            return _FeedPlan(summary, names, images)
        stale = _to_render(self.run, feed, self.resolver, self.links)
        plan = _FeedPlan(stale.summary, names, stale.copies, refreshed=key)
        if stale.key == key and intact:
            return plan
        if intact:
            stale = stale._replace(reuse=reuse_of(key, stale.key))
        return plan._replace(stale=stale, refreshed=None)

    def _is_current(self, feed: Feed, summary: FeedSummary, images: tuple[str, ...]) -> bool:
        """Tells without a look at its entries whether a feed is as it was published."""
        ref: FeedRef = (feed.kind, feed.key)
        if feed.archive and feed.archive.part:
            part = (ref, feed.archive.part)
            is_same = self.changed_parts is not None and part not in self.changed_parts
        else:
            is_same = self.changed is not None and ref not in self.changed
        return (
            is_same
            and feed == summary.feed
            and (summary.until is None or self.run.now <= summary.until)
            and self.resolver.can_show(images)
        )


def _pictures(
    run: Pass, resolver: ImageResolver, contents: FeedContents
) -> dict[int, list[Picture]]:
    """Returns what is known of the images that a feed shows, by the numbers of its entries."""
    if not contents.feed.show_images:
        return {}
    if contents.feed.kind != "digest":
        return resolver.of(one.number for one in contents.entries)
    return {
        number: [one for some in resolver.of(numbers).values() for one in some]
        for number, numbers in picture_numbers(run, contents).items()
    }


def planned_feed(run: Pass, state: PassState, selection: Selection, feed: Feed) -> StaleFeed:
    """Returns a feed to render as a pass would that looks at everything; writes nothing."""
    site = site_of(run.config, selection.addresses, run.templates)
    resolver = ImageResolver(run.store, run.config, state.feed_images())
    return _to_render(run, feed, resolver, Links(run, site, selection.missing))


def _to_render(run: Pass, feed: Feed, resolver: ImageResolver, links: Links) -> StaleFeed:
    from feeds.render.documents import feed_key

    shown = partial(_shown, run, feed, resolver)
    contents, pictures = found = shown()
    site, kept = links.site_for(contents), shown if feed.part else lambda: found
    key = feed_key(site, contents, pictures)
    return StaleFeed(contents.summary(), kept, names_of(pictures), site, key)


def _shown(run: Pass, feed: Feed, resolver: ImageResolver) -> _Shown:
    contents = contents_of(run, feed)
    return contents, _pictures(run, resolver, contents)


def plan_feeds(run: Pass, state: PassState, selection: Selection, images: ImageChanges) -> Plan:
    """Returns what to publish; writes nothing.

    Raises:
        PublishError: there are more feeds than `site.max_feeds`.
    """
    if too_many := too_many_feeds(len(selection.feeds), run.config, run.store.item_headers):
        raise PublishError(too_many)
    _warn_of_clock(run, state)
    site = site_of(run.config, selection.addresses, run.templates)
    this_site = site_key(site)
    changed = _changed(run, state, selection, images, this_site)
    links = Links(run, site, selection.missing)
    # Even if the manifest was lost, these are ours.
    known = intact_files(state, run.out)
    folders, archives = folder_times(run.out), selection.archives
    resting = run.store.images_elsewhere(state.feed_images()) if state.sealed() else set()
    named = {**state.feed_images(), "": tuple(resting)}
    # Whether the copies of images in out/ are there as the last pass left them.
    untouched = bool(state.last and state.holds(run.key, run.now) and state.last.media == folders)
    resolver = ImageResolver(run.store, run.config, named, untouched=untouched)
    planner = _Planner(run, state, site, links, changed, resolver, known, archives.changed)
    plans = [planner.plan(feed) for feed in (*selection.feeds, *archives.parts)]
    feeds = [one.summary for one in plans[: len(selection.feeds)]]
    copies = {one.summary.feed.address: one.images for one in plans}
    resting |= images_that_stay(run, state, copies) if selection.is_few else set()
    groups, about = _overviews(planner, selection, feeds, _front(planner, plans[0]))
    names = [name for one in plans for name in one.names]
    return Plan(
        site=site,
        site_key=this_site,
        feeds=feeds,
        # Parts first: a feed names a new part, and leaves out its items.
        stale=[one.stale for one in (*plans[len(feeds) :], *plans[: len(feeds)]) if one.stale],
        refreshed=[(one.refreshed, one.summary) for one in plans if one.refreshed is not None],
        overviews=[one for one in about if not _is_published(one, state, known)],
        overview_keys={one.paths[0]: one.key for one in about},
        keep=[*(path for one in about for path in one.paths), *names],
        images=copies,
        parts=[one.summary for one in plans[len(feeds) :]],
        media=resolver.published((*copies.values(), resting)),
        links=resolver.links,
        folders=folders,
        known=known,
        present=resolver.present,
        groups=groups,
        is_few=selection.is_few,
    )


def _overviews(
    planner: _Planner, selection: Selection, feeds: list[FeedSummary], front: Front
) -> tuple[list[list[Part]], list[Overview]]:
    from feeds.render.overviews import overviews, split_feeds

    if selection.is_few:
        return [], overviews_of_few(planner.run, planner.state, planner.site, feeds, front)
    groups = split_feeds(planner.site, feeds)
    return groups, overviews(planner.site, feeds, front, groups)


def _is_published(overview: Overview, state: PassState, known: set[str]) -> bool:
    """Tells whether a document about feeds is published as it would be rendered."""
    paths = overview.paths
    return state.overview_keys.get(paths[0]) == overview.key and known.issuperset(paths)


def _front(planner: _Planner, plan: _FeedPlan) -> Front:
    """Returns the stories of the front page: those of the feed of everything."""
    from feeds.render.documents import view_job
    from feeds.render.front import Front

    feed, run = plan.summary.feed, planner.run

    def view() -> FeedView:
        stale = plan.stale or _to_render(run, feed, planner.resolver, planner.links)
        return view_job(stale.job(run.store))

    key = plan.stale.key if plan.stale else plan.refreshed
    return Front(key or planner.state.feeds()[feed.address][0], view)


def _changed(
    run: Pass, state: PassState, selection: Selection, images: ImageChanges, this_site: bytes
) -> frozenset[FeedRef] | None:
    """Returns the feeds whose contents to look at; None for all."""
    if selection.changed is None or (state.last and state.last.site != this_site):
        return None  # pages link to feeds that moved
    changed = {*selection.changed, *images.feeds}
    moved = selection.missing ^ state.missing
    if moved:  # pages link to what is not missing
        topics = {key for kind, key in moved if kind == "topic"}
        domains = {key for kind, key in moved if kind == "provider"}
        formers = {one for one, domain in run.config.former_domains.items() if domain in domains}
        changed |= run.store.feeds_naming(topics, domains | formers)
    return frozenset(changed)


def _warn_of_clock(run: Pass, state: PassState) -> None:
    if state.last and run.now < state.last.now:
        run.callbacks.warn(
            f"the clock says {show_time(from_unix(run.now))}, before the last pass at "
            f"{show_time(from_unix(state.last.now))}: is it right? What was shown stays"
        )
