"""From the items in the store to out/: select, render what changed, publish."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import msgspec

from feeds import __version__
from feeds.config import Config
from feeds.model import Problem, Selected
from feeds.passes import Ears, Options
from feeds.publish import Publisher, read_manifest, stamp_of
from feeds.render.view import Site
from feeds.report import FeedReport
from feeds.select.choose import Choice, Past, choose
from feeds.store import Store
from feeds.times import from_unix

# From so many feeds to render on, processes are worth their start.
_MANY_FEEDS = 40


class Renewal(NamedTuple):
    """What publishing came to; `unchanged` counts the documents left alone."""

    feeds: list[FeedReport]
    duplicates: tuple[Problem, ...]
    written: list[str]
    removed: list[str]
    unchanged: int


class _Last(msgspec.Struct, frozen=True):
    """What the last pass left for the next: for which time, configuration and out/ it holds."""

    now: int
    until: int | None
    config: bytes
    out: str
    feeds: list[FeedReport]
    duplicates: tuple[Problem, ...]


def renew(
    store: Store, config: Config, now: int, *, quiet: bool, options: Options, ears: Ears
) -> Renewal:
    """Brings out/ up to the store; `quiet` says that no item changed since the last pass.

    Raises:
        PublishError: out/ could not be written, and is as it was.
    """
    last = store.fact("last", _Last)
    if quiet and last and _still_holds(last, store, config, now):
        documents = len(store.stamps())
        return Renewal(last.feeds, last.duplicates, [], [], documents)
    choice = choose(store.cards(), config, past_of(store), now)
    store.remember(choice.memories, now)
    renewal = _publish(store, config, choice, options, ears)
    store.keep_fact(
        "last",
        _Last(
            now,
            choice.until,
            _config_key(config),
            str(config.paths.out),
            renewal.feeds,
            renewal.duplicates,
        ),
    )
    return renewal


def past_of(store: Store) -> Past:
    """Returns what selection must know of the passes before."""
    first_pass = store.fact("last", _Last) is None
    return Past(first_pass, frozenset(store.feed_keys()))


def _still_holds(last: _Last, store: Store, config: Config, now: int) -> bool:
    out = config.paths.out
    return (
        last.config == _config_key(config)
        and last.out == str(out)
        and last.now <= now
        and (last.until is None or now <= last.until)
        and not read_manifest(out).unfinished
        and all(stamp_of(out, path) == stamp for path, stamp in store.stamps().items())
    )


def _config_key(config: Config) -> bytes:
    return hashlib.sha256(f"{__version__} {config.model_dump_json()}".encode()).digest()


def _publish(store: Store, config: Config, choice: Choice, options: Options, ears: Ears) -> Renewal:
    # Imported on demand: a pass that renders nothing does without feedgen and lxml.
    from feeds.render.documents import (
        RenderJob,
        document_paths,
        feed_key,
        render_feeds,
    )
    from feeds.render.opml import PATH, render_opml

    site, out = site_of(config), config.paths.out
    keys = {one.feed.address: feed_key(site, one) for one in choice.feeds}
    old_keys, stamps = store.feed_keys(), store.stamps()

    def is_current(one: Selected) -> bool:
        return old_keys.get(one.feed.address) == keys[one.feed.address] and all(
            path in stamps and stamp_of(out, path) == stamps[path] for path in document_paths(one)
        )

    stale = [one for one in choice.feeds if not is_current(one)]
    jobs = (
        RenderJob(site, one, store.items(entry.number for entry in one.entries)) for one in stale
    )
    keep = [path for one in choice.feeds for path in document_paths(one)] + [PATH]
    with Publisher(out, keep, store.item_count(), dry_run=options.dry_run) as publisher:
        for done, documents in enumerate(render_feeds(jobs, many=len(stale) >= _MANY_FEEDS), 1):
            for document in documents:
                publisher.put(document)
            ears.progress("feeds", done, len(stale))
        publisher.put(render_opml(site, choice.feeds))
        publisher.finish()
    if not options.dry_run:
        now_there = ((path, stamp_of(out, path)) for path in keep)
        store.published(keys, {path: stamp for path, stamp in now_there if stamp})
    return Renewal(
        [feed_report(one, site.base_url) for one in choice.feeds],
        choice.duplicates,
        sorted(publisher.written),
        publisher.removed,
        len(keep) - len(publisher.written),
    )


def feed_report(one: Selected, base_url: str) -> FeedReport:
    """Returns the report of one feed."""
    newest = from_unix(one.newest) if one.newest is not None else None
    feed = one.feed
    url = f"{base_url}{feed.address}.atom"
    return FeedReport(
        feed.address, feed.title, len(one.entries), newest, url, one.exposed, one.left_out
    )


def site_of(config: Config) -> Site:
    """Returns the site as documents show it."""
    site, every = config.site, config.schedule.every
    return Site(
        base_url=site.base_url,
        home=site.home,
        id=site.id or site.home,
        title=site.title,
        language=site.language,
        author_name=site.author.name,
        author_email=site.author.email,
        author_url=site.author.url,
        rights=site.rights,
        icon=site.icon,
        favicon=site.favicon,
        logo=site.logo,
        hubs=site.hub,
        ttl=0 if config.schedule.cron else max(1, int(every.total_seconds()) // 60),
        related=config.content.related,
        version=__version__,
    )
