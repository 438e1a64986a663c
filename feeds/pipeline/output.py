"""From the items in the store to out/: select, render what changed, publish."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds import __version__
from feeds.common.callbacks import Callbacks, Options
from feeds.common.errors import PublishError
from feeds.common.files import Fingerprint
from feeds.common.model import MEDIA, FeedKind, FeedSummary, Problem
from feeds.common.templates import Templates, read_templates
from feeds.common.times import from_unix, show_time
from feeds.config import Config
from feeds.images.cache import folder_times
from feeds.images.resolve import ImageResolver
from feeds.pipeline.limits import too_many_feeds
from feeds.pipeline.memberships import SELECTION_VERSION, Selection, next_turn, select
from feeds.pipeline.plan import Linking, Plan, plan_of
from feeds.pipeline.site import site_of
from feeds.publish import Publisher, is_copy, read_manifest, recipe
from feeds.render.context import RENDER_VERSION, Site
from feeds.select.addresses import Known, Owner, is_made
from feeds.select.membership import Past
from feeds.store import Store

# From so many feeds to render on, processes are worth their start.
_MANY_FEEDS = 40
_MEDIA = f"{MEDIA}/"


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


class _Last(msgspec.Struct, frozen=True):
    """What the last pass left for the next: for which time, configuration and out/ it holds.

    `media` are the mtimes of the folders of images in out/.
    """

    now: int
    until: int | None
    config: bytes
    out: bytes
    addresses: list[str]
    duplicates: tuple[Problem, ...]
    media: dict[str, int] = {}
    site: bytes = b""


def update_output(
    store: Store, config: Config, now: int, options: Options, callbacks: Callbacks
) -> OutputUpdate:
    """Brings out/ up to the store.

    Raises:
        PublishError: out/ could not be written, or there are more feeds than `site.max_feeds`; it
            is as it was.
    """
    last = store.get_meta("last", _Last)
    templates = read_templates(config.paths.templates) if config.site.pages else ()
    config_key = _config_key(config, templates)
    holds = last is not None and last.config == config_key and last.now <= now
    if last and holds and _is_quiet(last, store, config, now):
        known = store.feeds()
        feeds = [known[address][1] for address in last.addresses]
        unchanged = sum(not is_copy(path) for path in store.stamps())
        return OutputUpdate(feeds, last.duplicates, [], [], unchanged)
    since = last.now if last and holds else None
    if last and now < last.now:
        callbacks.warn(
            f"the clock says {show_time(from_unix(now))}, before the last pass at "
            f"{show_time(from_unix(last.now))}: is it right? What was shown stays"
        )
    selection = select(store, config, past_of(store, config), since, now)
    if selection.touched is not None:
        selection.touched.update(_look_elsewhere(store, config, selection))
    too_many = too_many_feeds(len(selection.feeds), config, store.item_headers)
    if too_many:
        raise PublishError(too_many)
    site = site_of(config, selection.addresses, templates)
    site_key = hashlib.sha256(msgspec.msgpack.encode(site)).digest()
    if last and last.site != site_key:
        selection = selection._replace(touched=None)  # pages link to feeds that moved
    here, media = os.fsencode(config.paths.out), folder_times(config.paths.out)
    untouched = bool(last and holds and last.out == here and last.media == media)
    gallery = ImageResolver(store, config, untouched=untouched)
    renewal = _publish(store, config, site, selection, gallery, now, options, callbacks)
    store.clear_image_news()
    turns = [next_turn(store, config, now), *(feed.until for feed in renewal.feeds)]
    this = _Last(
        now=now,
        until=min((turn for turn in turns if turn is not None), default=None),
        config=config_key,
        out=here,
        addresses=[one.feed.address for one in renewal.feeds],
        duplicates=renewal.duplicates,
        media=folder_times(config.paths.out) if renewal.moved_images else media,
        site=site_key,
    )
    store.set_meta("last", this)
    store.set_meta("missing", sorted(selection.missing))
    return renewal


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
    store: Store, config: Config, selection: Selection
) -> set[tuple[FeedKind, str]]:
    """Returns the feeds to look at although none of their items changed."""
    feeds = store.feeds_with_image_news() if store.has_image_news() else set()
    before = store.get_meta("missing", frozenset[tuple[FeedKind, str]]) or frozenset()
    moved = selection.missing ^ before
    if moved:  # pages link to what is not missing
        topics = {key for kind, key in moved if kind == "topic"}
        domains = {key for kind, key in moved if kind == "provider"}
        formers = {one for one, domain in config.former_domains.items() if domain in domains}
        feeds |= store.feeds_naming(topics, domains | formers)
    return feeds


def _is_quiet(last: _Last, store: Store, config: Config, now: int) -> bool:
    out = config.paths.out
    return (
        not store.touched
        and not store.has_image_news()
        and last.out == os.fsencode(out)
        and (last.until is None or now <= last.until)
        and _is_intact(store, out)
        and folder_times(out) == last.media
    )


def _is_intact(store: Store, out: Path) -> bool:
    manifest, stamps = read_manifest(out), store.stamps()
    return (
        not manifest.unfinished
        and {path for path in manifest.files if not path.startswith(_MEDIA)} == stamps.keys()
        and all(Fingerprint.of(f"{out}/{path}") == stamp for path, stamp in stamps.items())
    )


def _config_key(config: Config, templates: Templates) -> bytes:
    versions = f"{__version__} {SELECTION_VERSION} {RENDER_VERSION} {recipe()}"
    key = f"{versions} {config!r} {templates!r}"
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()


def _publish(
    store: Store,
    config: Config,
    site: Site,
    selection: Selection,
    gallery: ImageResolver,
    now: int,
    options: Options,
    callbacks: Callbacks,
) -> OutputUpdate:
    # Imported on demand: a pass that renders nothing does without feedgen and lxml.
    from feeds.render.documents import (
        RenderJob,
        index_key,
        index_paths,
        render_feeds,
        render_overviews,
    )

    out = config.paths.out
    # Even where the manifest was lost, these are ours.
    stamps = store.stamps()
    known = {path for path, stamp in stamps.items() if Fingerprint.of(f"{out}/{path}") == stamp}
    site_for = Linking(store, config, site, selection.missing).site_for
    plan = plan_of(store, config, selection, site, site_for, gallery, known, now)
    jobs = (
        RenderJob(site_for(one), one, store.items(entry.number for entry in one.entries), pictures)
        for one, pictures, _ in plan.stale
    )
    many = len(plan.stale) >= _MANY_FEEDS
    this_index = index_key(site, plan.feeds)
    has_index = store.get_meta("index", bytes) == this_index and known.issuperset(index_paths(site))
    media = gallery.published(plan.images.values())
    keep = [*plan.keep, *media]
    with Publisher(
        out,
        keep,
        store.item_count(),
        known=known | gallery.present,
        precompress=config.publish.precompress,
        recompress=store.get_meta("copies", str) != recipe(),
        dry_run=options.dry_run,
    ) as publisher:
        for name in filter(gallery.links.__contains__, media):
            publisher.link(name, gallery.source(name))
        for done, documents in enumerate(render_feeds(jobs, many=many), 1):
            for document in documents:
                publisher.put(document)
            callbacks.progress("feeds", done, len(plan.stale))
        for document in render_overviews(site, plan.feeds, with_index=not has_index):
            publisher.put(document)
        publisher.finish()
    removed = [path for path in publisher.removed if not path.startswith(_MEDIA)]
    if not options.dry_run:
        for one, _, key in plan.stale:
            store.keep_feed(key, one.summary())
        store.keep_owners(_new_owners(store, plan))
        moves = {alias: one.feed.address for one in plan.feeds for alias in one.feed.aliases}
        store.set_meta("moves", moves)
        store.keep_feed_images(plan.images, gallery.before)
        store.set_meta("index", this_index)
        store.set_meta("copies", recipe())
        store.drop_feeds(set(store.feeds()) - {one.feed.address for one in plan.feeds})
        untouched = {path: stamp for path, stamp in stamps.items() if path in publisher.files}
        published = untouched | publisher.stamps
        store.keep_stamps(published)
        # Also what a pass wrote that was killed before it could say so.
        changed = [path for path, stamp in published.items() if stamp != stamps.get(path)]
        _expect_pings(store, config, site, plan, changed, now)
        store.retire(removed, plan.keep)
    return OutputUpdate(
        plan.feeds,
        selection.duplicates,
        sorted(publisher.written),
        removed,
        len(plan.keep) - len(publisher.written),
        len(publisher.linked),
        len(publisher.removed) - len(removed),
    )


def _new_owners(store: Store, plan: Plan) -> dict[str, Owner]:
    """Returns whose the addresses are that were made of names and stand there the first time."""
    known = store.owners()
    owners: dict[str, Owner] = {
        one.feed.address: (one.feed.kind, one.feed.key)
        for one in plan.feeds
        if one.feed.address not in known
    }
    return {address: owner for address, owner in owners.items() if is_made(owner, address)}


def _expect_pings(
    store: Store, config: Config, site: Site, plan: Plan, changed: Collection[str], now: int
) -> None:
    from feeds.render.documents import document_paths

    base_url = config.site.base_url
    # Pages name no hub: nobody subscribes to them.
    paths = [
        path
        for one in plan.feeds
        for path in document_paths(site, one.feed)
        if not path.endswith(".html")
    ]
    hubs = tuple(dict.fromkeys(config.site.hub))
    urls = [base_url + path for path in paths]
    news = set(changed)
    store.queue_pings(hubs, urls, [base_url + path for path in paths if path in news], now)
