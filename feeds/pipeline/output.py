"""From the items in the store to out/: select, render what changed, publish."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import NamedTuple

from feeds.common.errors import PublishError
from feeds.common.media_types import copy_recipe, is_copy
from feeds.common.model import Document, FeedKind, FeedSummary, Problem
from feeds.common.templates import read_templates
from feeds.common.times import from_unix, show_time
from feeds.config import Config
from feeds.images.cache import folder_times
from feeds.images.resolve import ImageResolver
from feeds.pipeline.limits import too_many_feeds
from feeds.pipeline.memberships import Selection, next_turn, select
from feeds.pipeline.plan import Plan, plan_of
from feeds.pipeline.site import site_of
from feeds.pipeline.state import (
    MEDIA_FOLDER,
    LastPass,
    Pass,
    PassState,
    config_key,
    is_quiet,
    read_state,
    site_key,
)
from feeds.publish import NewOutput, Publisher, read_manifest
from feeds.render.context import Site
from feeds.select.addresses import Known, Owner, is_made
from feeds.select.membership import Past
from feeds.store import Store

# From so many feeds to render on, processes are worth their start.
_MANY_FEEDS = 40


class OutputUpdate(NamedTuple):
    """What publishing came to; `unchanged` counts the documents left alone.

    Documents are told by name, copies of images are counted.
    """

    feeds: list[FeedSummary]
    duplicates: tuple[Problem, ...]
    written: list[str]
    removed: list[str]
    unchanged: int
    images_added: int = 0
    images_removed: int = 0

    @property
    def moved_images(self) -> bool:
        """Whether copies of images came to out/ or left it."""
        return bool(self.images_added or self.images_removed)


def update_output(run: Pass) -> OutputUpdate:
    """Brings out/ up to the store.

    Raises:
        PublishError: out/ could not be written, or there are more feeds than `site.max_feeds`; it
            is as it was.
    """
    store, config, now = run.store, run.config, run.now
    state = read_state(store)
    templates = read_templates(config.paths.templates) if config.site.pages else ()
    key = config_key(config, templates)
    last = state.last
    if last and is_quiet(state, key, run):
        return _unchanged(store, last)
    if last and now < last.now:
        run.callbacks.warn(
            f"the clock says {show_time(from_unix(now))}, before the last pass at "
            f"{show_time(from_unix(last.now))}: is it right? What was shown stays"
        )
    holds = state.holds(key, now)
    selection = _selection(run, state, since=last.now if last and holds else None)
    site = site_of(config, selection.addresses, templates)
    this_site = site_key(site)
    if last and last.site != this_site:
        selection = selection._replace(touched=None)  # pages link to feeds that moved
    media = folder_times(run.out)
    untouched = bool(last and holds and state.is_of(run.out) and last.media == media)
    gallery = ImageResolver(store, config, untouched=untouched)
    plan = plan_of(run, selection, site, gallery)
    update = _publish(run, plan, site, gallery, state)
    store.clear_image_news()
    turns = [next_turn(store, config, now), *(feed.until for feed in update.feeds)]
    this = LastPass(
        now=now,
        until=min((turn for turn in turns if turn is not None), default=None),
        config=key,
        out=os.fsencode(run.out),
        addresses=[one.feed.address for one in update.feeds],
        duplicates=selection.duplicates,
        media=folder_times(run.out) if update.moved_images else media,
        site=this_site,
    )
    store.set_meta("last", this)
    store.set_meta("missing", sorted(selection.missing))
    return update._replace(duplicates=selection.duplicates)


def _unchanged(store: Store, last: LastPass) -> OutputUpdate:
    """Returns what a pass came to that publishes nothing."""
    known = store.feeds()
    feeds = [known[address][1] for address in last.addresses]
    unchanged = sum(not is_copy(path) for path in store.stamps())
    return OutputUpdate(feeds, last.duplicates, [], [], unchanged)


def _selection(run: Pass, state: PassState, since: int | None) -> Selection:
    """Selects what changed since then, None for all; adds the feeds to look at all the same."""
    store, config = run.store, run.config
    selection = select(store, config, past_of(store, config), since, run.now)
    if selection.touched is not None:
        selection.touched.update(_look_elsewhere(store, config, selection, state))
    too_many = too_many_feeds(len(selection.feeds), config, store.item_headers)
    if too_many:
        raise PublishError(too_many)
    return selection


def select_now(store: Store, config: Config, now: int, past: Past | None = None) -> Selection:
    """Selects as a pass would at the time `now`; for commands that look at a snapshot.

    `past` is what passes left, if that is not in this store.
    """
    store.mark_first_seen(now)
    state = read_state(store)
    templates = read_templates(config.paths.templates) if config.site.pages else ()
    holds = state.holds(config_key(config, templates), now)
    since = state.last.now if state.last and holds else None
    return select(store, config, past_of(store, config) if past is None else past, since, now)


def past_of(store: Store, config: Config) -> Past:
    """Returns what selection must know of the passes before."""
    feeds = [summary.feed for _, summary in store.feeds().values()]
    live = {feed.address: (feed.kind, feed.key) for feed in feeds}
    owners = store.owners() or {one: owner for one, owner in live.items() if is_made(owner, one)}
    files: tuple[str, ...] = ()
    if not live:  # the state file may have been lost
        with suppress(PublishError):  # whoever has to write says so
            files = read_manifest(config.paths.out).files
    known = Known(owners, live, frozenset(files))
    custom = frozenset(feed.key for feed in feeds if feed.kind == "custom")
    return Past(not store.has_meta("last"), custom, known)


def _look_elsewhere(
    store: Store, config: Config, selection: Selection, state: PassState
) -> set[tuple[FeedKind, str]]:
    """Returns the feeds to look at although none of their items changed."""
    feeds = store.feeds_with_image_news() if store.has_image_news() else set()
    moved = selection.missing ^ state.missing
    if moved:  # pages link to what is not missing
        topics = {key for kind, key in moved if kind == "topic"}
        domains = {key for kind, key in moved if kind == "provider"}
        formers = {one for one, domain in config.former_domains.items() if domain in domains}
        feeds |= store.feeds_naming(topics, domains | formers)
    return feeds


def _publish(
    run: Pass, plan: Plan, site: Site, gallery: ImageResolver, state: PassState
) -> OutputUpdate:
    """Renders and publishes what is planned, and keeps what is known of it."""
    # Imported on demand: a pass that renders nothing does without feedgen and lxml.
    from feeds.render.documents import index_key, index_paths, render_overviews

    this_index = index_key(site, plan.feeds)
    has_index = state.index_key == this_index and plan.known.issuperset(index_paths(site))
    media = gallery.published(plan.images.values())
    with Publisher(
        run.out,
        NewOutput([*plan.keep, *media], run.store.item_count(), plan.known | gallery.present),
        precompress=run.config.publish.precompress,
        recompress=state.copies != copy_recipe(),
        dry_run=run.options.dry_run,
    ) as publisher:
        for name in filter(gallery.links.__contains__, media):
            publisher.link(name, gallery.source(name))
        for document in _rendered(run, plan):
            publisher.put(document)
        for document in render_overviews(site, plan.feeds, with_index=not has_index):
            publisher.put(document)
        publisher.finish()
    removed = [path for path in publisher.removed if not path.startswith(MEDIA_FOLDER)]
    if not run.options.dry_run:
        run.store.set_meta("index", this_index)
        _keep(run, plan, gallery)
        _keep_files(run, plan, publisher, site)
        run.store.retire(removed, plan.keep)
    return OutputUpdate(
        plan.feeds,
        (),
        sorted(publisher.written),
        removed,
        len(plan.keep) - len(publisher.written),
        len(publisher.linked),
        len(publisher.removed) - len(removed),
    )


def _rendered(run: Pass, plan: Plan) -> Iterator[Document]:
    """Yields the documents of the feeds that are to be rendered."""
    from feeds.render.documents import RenderJob, render_feeds

    jobs = (
        RenderJob(
            one.site,
            one.contents,
            run.store.items(entry.number for entry in one.contents.entries),
            one.pictures,
        )
        for one in plan.stale
    )
    many = len(plan.stale) >= _MANY_FEEDS
    for done, documents in enumerate(render_feeds(jobs, many=many), 1):
        yield from documents
        run.callbacks.progress("feeds", done, len(plan.stale))


def _keep(run: Pass, plan: Plan, gallery: ImageResolver) -> None:
    """Keeps what is known of the feeds that are published now."""
    store = run.store
    for one in plan.stale:
        store.keep_feed(one.key, one.contents.summary())
    store.keep_owners(_new_owners(store, plan))
    moves = {alias: one.feed.address for one in plan.feeds for alias in one.feed.aliases}
    store.set_meta("moves", moves)
    store.keep_feed_images(plan.images, gallery.before)
    store.set_meta("copies", copy_recipe())
    store.drop_feeds(set(store.feeds()) - {one.feed.address for one in plan.feeds})


def _keep_files(run: Pass, plan: Plan, publisher: Publisher, site: Site) -> None:
    """Keeps the fingerprints of the files in out/, and queues pings for those that changed."""
    untouched = {path: stamp for path, stamp in plan.stamps.items() if path in publisher.files}
    published = untouched | publisher.fingerprints
    run.store.keep_stamps(published)
    # Also what a pass wrote that was killed before it could say so.
    changed = {path for path, stamp in published.items() if stamp != plan.stamps.get(path)}
    _queue_pings(run, plan, site, changed)


def _new_owners(store: Store, plan: Plan) -> dict[str, Owner]:
    """Returns whose the addresses are that were made of names and stand there the first time."""
    known = store.owners()
    owners: dict[str, Owner] = {
        one.feed.address: (one.feed.kind, one.feed.key)
        for one in plan.feeds
        if one.feed.address not in known
    }
    return {address: owner for address, owner in owners.items() if is_made(owner, address)}


def _queue_pings(run: Pass, plan: Plan, site: Site, changed: Collection[str]) -> None:
    from feeds.render.documents import document_paths

    base_url = run.config.site.base_url
    # Pages name no hub: nobody subscribes to them.
    paths = [
        path
        for one in plan.feeds
        for path in document_paths(site, one.feed)
        if not path.endswith(".html")
    ]
    hubs = tuple(dict.fromkeys(run.config.site.hub))
    urls = [base_url + path for path in paths]
    changed_urls = [base_url + path for path in paths if path in changed]
    run.store.queue_pings(hubs, urls, changed_urls, run.now)
