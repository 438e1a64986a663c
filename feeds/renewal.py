"""From the items in the store to out/: select, render what changed, publish."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds import __version__
from feeds.config import Config
from feeds.model import Feed, Problem, Selected, Summary
from feeds.passes import Ears, Options
from feeds.publish import Publisher, is_copy, read_manifest, stamp_of
from feeds.render.view import RENDER_VERSION, Site
from feeds.report import FeedReport
from feeds.select.choose import Past
from feeds.selection import SELECTION_VERSION, Selection, next_turn, select, selected
from feeds.store import Store
from feeds.times import from_unix, show_time

# From so many feeds to render on, processes are worth their start.
_MANY_FEEDS = 40


class Renewal(NamedTuple):
    """What publishing came to; `unchanged` counts the documents left alone."""

    feeds: list[Summary]
    duplicates: tuple[Problem, ...]
    written: list[str]
    removed: list[str]
    unchanged: int


class _Last(msgspec.Struct, frozen=True):
    """What the last pass left for the next: for which time, configuration and out/ it holds."""

    now: int
    until: int | None
    config: bytes
    out: bytes
    addresses: list[str]
    duplicates: tuple[Problem, ...]


class _Plan(NamedTuple):
    """What is to be published: all feeds, and of those to be rendered the entries and keys."""

    feeds: list[Summary]
    stale: list[tuple[Selected, bytes]]
    keep: list[str]


def renew(store: Store, config: Config, now: int, options: Options, ears: Ears) -> Renewal:
    """Brings out/ up to the store.

    Raises:
        PublishError: out/ could not be written, and is as it was.
    """
    last = store.fact("last", _Last)
    holds = last is not None and last.config == _config_key(config) and last.now <= now
    if last and holds and _is_quiet(last, store, config, now):
        known = store.feeds()
        feeds = [known[address][1] for address in last.addresses]
        unchanged = sum(not is_copy(path) for path in store.stamps())
        return Renewal(feeds, last.duplicates, [], [], unchanged)
    since = last.now if last and holds else None
    if last and now < last.now:
        ears.warn(
            f"the clock says {show_time(from_unix(now))}, before the last pass at "
            f"{show_time(from_unix(last.now))}: is it right? What was shown stays"
        )
    selection = select(store, config, past_of(store), since, now)
    renewal = _publish(store, config, selection, now, options, ears)
    turns = [next_turn(store, config, now), *(feed.until for feed in renewal.feeds)]
    this = _Last(
        now=now,
        until=min((turn for turn in turns if turn is not None), default=None),
        config=_config_key(config),
        out=os.fsencode(config.paths.out),
        addresses=[one.feed.address for one in renewal.feeds],
        duplicates=renewal.duplicates,
    )
    store.keep_fact("last", this)
    return renewal


def past_of(store: Store) -> Past:
    """Returns what selection must know of the passes before."""
    return Past(not store.has_fact("last"), frozenset(store.feeds()))


def _is_quiet(last: _Last, store: Store, config: Config, now: int) -> bool:
    out = config.paths.out
    return (
        not store.touched
        and last.out == os.fsencode(out)
        and (last.until is None or now <= last.until)
        and _is_intact(store, out)
    )


def _is_intact(store: Store, out: Path) -> bool:
    manifest, stamps = read_manifest(out), store.stamps()
    return (
        not manifest.unfinished
        and set(manifest.files) == stamps.keys()
        and all(stamp_of(out, path) == stamp for path, stamp in stamps.items())
    )


def _config_key(config: Config) -> bytes:
    key = f"{__version__} {SELECTION_VERSION} {RENDER_VERSION} {config!r}"
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()


def _publish(
    store: Store, config: Config, selection: Selection, now: int, options: Options, ears: Ears
) -> Renewal:
    # Imported on demand: a pass that renders nothing does without feedgen and lxml.
    from feeds.render.documents import RenderJob, render_feeds
    from feeds.render.opml import render_opml

    site, out = site_of(config), config.paths.out
    plan = _plan(store, config, selection, site, now)
    jobs = (
        RenderJob(site, one, store.items(entry.number for entry in one.entries))
        for one, _ in plan.stale
    )
    many = len(plan.stale) >= _MANY_FEEDS
    # Even where the manifest was lost, these are ours.
    stamps = store.stamps()
    known = {path for path, stamp in stamps.items() if stamp_of(out, path) == stamp}
    with Publisher(
        out,
        plan.keep,
        store.item_count(),
        known=known,
        precompress=config.publish.precompress,
        dry_run=options.dry_run,
    ) as publisher:
        for done, documents in enumerate(render_feeds(jobs, many=many), 1):
            for document in documents:
                publisher.put(document)
            ears.progress("feeds", done, len(plan.stale))
        publisher.put(render_opml(site, plan.feeds))
        publisher.finish()
    if not options.dry_run:
        for one, key in plan.stale:
            store.keep_feed(key, one.summary())
        store.drop_feeds(set(store.feeds()) - {one.feed.address for one in plan.feeds})
        untouched = {path: stamp for path, stamp in stamps.items() if path in publisher.files}
        published = untouched | publisher.stamps
        store.keep_stamps(published)
        # Also what a pass wrote that was killed before it could say so.
        changed = [path for path, stamp in published.items() if stamp != stamps.get(path)]
        _expect_pings(store, config, plan, changed, now)
    return Renewal(
        plan.feeds,
        selection.duplicates,
        sorted(publisher.written),
        publisher.removed,
        len(plan.keep) - len(publisher.written),
    )


def _expect_pings(
    store: Store, config: Config, plan: _Plan, changed: Collection[str], now: int
) -> None:
    from feeds.render.documents import document_paths

    base_url = config.site.base_url
    paths = [path for one in plan.feeds for path in document_paths(one.feed)]
    hubs = tuple(dict.fromkeys(config.site.hub))
    urls = [base_url + path for path in paths]
    news = set(changed)
    store.expect_pings(hubs, urls, [base_url + path for path in paths if path in news], now)


def _plan(store: Store, config: Config, selection: Selection, site: Site, now: int) -> _Plan:
    from feeds.render.documents import document_paths, feed_key
    from feeds.render.opml import PATH

    out, before, stamps = config.paths.out, store.feeds(), store.stamps()
    plan = _Plan([], [], [PATH])
    for feed in selection.feeds:
        paths = document_paths(feed)
        plan.keep.extend(paths)
        key, summary = before.get(feed.address, (b"", None))
        intact = all(path in stamps and stamp_of(out, path) == stamps[path] for path in paths)
        if summary and intact and _is_current(feed, summary, selection, now):
            plan.feeds.append(summary)
            continue
        one = selected(store, feed, config, now)
        new_key = feed_key(site, one)
        plan.feeds.append(one.summary())
        if new_key != key or not intact:
            plan.stale.append((one, new_key))
        else:
            store.keep_feed(key, one.summary())
    return plan


def _is_current(feed: Feed, summary: Summary, selection: Selection, now: int) -> bool:
    """Tells without looking at its entries whether a feed is as it was published."""
    return (
        selection.touched is not None
        and (feed.kind, feed.key) not in selection.touched
        and feed == summary.feed
        and (summary.until is None or now <= summary.until)
    )


def feed_report(summary: Summary, base_url: str) -> FeedReport:
    """Returns the report of one feed."""
    newest = from_unix(summary.newest) if summary.newest is not None else None
    feed = summary.feed
    url = f"{base_url}{feed.address}.atom"
    return FeedReport(
        feed.address, feed.title, summary.entries, newest, url, summary.exposed, summary.left_out
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
