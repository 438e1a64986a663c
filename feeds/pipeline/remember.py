"""Keeps what a pass has published for the next one, and for hubs."""

from __future__ import annotations

import os

import msgspec

from feeds.common.model import FeedRef
from feeds.common.reports import feed_report
from feeds.common.store_protocols import (
    COMPRESSION,
    MISSING,
    MOVES,
    NOINDEX,
    OVERVIEW_KEYS,
    REPEATED,
    UNTOLD,
)
from feeds.images.cache import folder_times
from feeds.pipeline.archives import keep_archives
from feeds.pipeline.changed_feeds import names_key
from feeds.pipeline.context import Pass
from feeds.pipeline.memberships import Selection
from feeds.pipeline.output import Output, Published, all_reports, count_documents
from feeds.pipeline.plan import Plan
from feeds.pipeline.state import (
    CATALOGUE,
    LAST,
    Catalogue,
    LastPass,
    PassState,
    archive_folders,
    intact_files,
)
from feeds.publish.compression import copy_recipe
from feeds.publish.manifest import PARTS
from feeds.render.web_servers import exceptions
from feeds.select.addresses import is_made
from feeds.select.periods import Settings
from feeds.select.thresholds import next_turn
from feeds.store.published import ListedFeed


def remember(
    run: Pass, state: PassState, selection: Selection, plan: Plan, published: Published
) -> Output:
    """Keeps what the next pass needs to know, and queues pings for documents that changed."""
    if not run.options.dry_run:
        _keep_feeds(run, state, plan)
        if not selection.is_few:  # else neither a feed comes nor goes, nor where one stands
            _keep_places(run, state, plan)
        _keep_files(run, state, plan, published)
        _keep_last(run, state, selection, plan, published)
        _keep_catalogue(run, state, selection, plan, published)
    documents = len(plan.keep) + count_documents(state.sealed())
    if selection.is_few and state.catalogue:
        feeds, documents = all_reports(run, state, plan.feeds), state.catalogue.documents
    else:
        feeds = [feed_report(one, run.config.site.base_url) for one in plan.feeds]
    return Output(
        feeds,
        selection.duplicates,
        documents - len(published.written),
        published.written,
        published.removed,
        published.images_added,
        published.images_removed,
    )


def _keep_feeds(run: Pass, state: PassState, plan: Plan) -> None:
    store = run.store
    kept = [*((one.key, one.summary) for one in plan.stale), *plan.refreshed]
    for key, summary in kept:
        store.keep_feed(key, summary)
    store.keep_feed_images(plan.images, state.feed_images())


def _keep_places(run: Pass, state: PassState, plan: Plan) -> None:
    """Keeps which feeds there are, and where they stand and stood."""
    store = run.store
    feeds = {one.feed.address: one.feed for one in plan.feeds}
    parts = {one.feed.address for one in plan.parts}
    store.drop_feeds(state.feeds().keys() - feeds.keys() - parts)
    refs: dict[str, FeedRef] = {one: (feed.kind, feed.key) for one, feed in feeds.items()}
    known = store.owners()
    store.keep_owners(
        {one: ref for one, ref in refs.items() if one not in known and is_made(ref, one)}
    )
    moves = {alias: address for address, feed in feeds.items() for alias in feed.aliases}
    store.set_meta(MOVES, moves)
    store.set_meta(NOINDEX, (plan.site.noindex, exceptions(plan.site.noindex, plan.feeds)))


def _keep_files(run: Pass, state: PassState, plan: Plan, published: Published) -> None:
    from feeds.render.documents import document_paths

    store, base_url = run.store, run.config.site.base_url
    before, after = state.files(), published.files
    store.keep_fingerprints(after, before)
    store.retire(published.removed, plan.keep)
    # Pages name no hub: nobody subscribes to them.
    names = {
        base_url + name: name
        for one in plan.feeds
        for name in document_paths(plan.site, one.feed)
        if not name.endswith(".html")
    }
    # Also what a pass wrote that was killed before it could say so.
    changed = [url for url, name in names.items() if after.get(name) != before.get(name)]
    if not plan.is_few:
        store.drop_pings_but(_hubs(run), names)
    left = [url for url in _untold(run) if url in names]
    untold = [*left, *changed] if run.config.site.hub else []
    store.set_or_drop_meta(UNTOLD, list(dict.fromkeys(untold)) or None)
    if not run.config.paths.objects:
        tell_hubs(run)


def tell_hubs(run: Pass) -> None:
    """Queues pings for the documents that changed; to be called when readers can have them."""
    run.store.queue_pings(_hubs(run), _untold(run), run.now)
    run.store.set_or_drop_meta(UNTOLD, None)


def _untold(run: Pass) -> list[str]:
    return run.store.get_meta(UNTOLD) or []


def _hubs(run: Pass) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run.config.site.hub))


def _keep_last(
    run: Pass, state: PassState, selection: Selection, plan: Plan, published: Published
) -> None:
    store, config = run.store, run.config
    has_moved = published.images_added or published.images_removed
    before = state.last if selection.is_few else None
    if before:
        folders, looked, addresses = before.archives, before.looked, before.addresses
    else:
        archives = selection.archives._replace(parts=[one.feed for one in plan.parts])
        folders, looked = keep_archives(run, state, archives)
        addresses = [one.feed.address for one in plan.feeds]
    turns = [next_turn(config, store.next_dated, run.now), selection.archives.until]
    turns += (feed.until for feed in plan.feeds)
    turns += [before.until] if before else []
    last = LastPass(
        now=run.now,
        until=min((turn for turn in turns if turn is not None), default=None),
        config=run.key,
        out=os.fsencode(run.out),
        addresses=addresses,
        duplicates=selection.duplicates,
        media=folder_times(run.out) if has_moved else plan.folders,
        site=plan.site_key,
        archives=folders,
        looked=looked,
    )
    store.set_meta(LAST, last)
    store.set_meta(MISSING, sorted(selection.missing))
    store.set_meta(REPEATED, sorted(selection.repeated))
    store.set_meta(COMPRESSION, copy_recipe())
    keys = state.overview_keys if before else {}
    store.set_meta(OVERVIEW_KEYS, keys | plan.overview_keys)
    store.clear_image_news()


def _keep_catalogue(
    run: Pass, state: PassState, selection: Selection, plan: Plan, published: Published
) -> None:
    """Keeps what lets feeds rest, if they are very many; the plan may be of few of them."""
    store, files, before = run.store, published.files, state.catalogue
    if selection.is_few and before:
        rows = store.listed((one.feed.kind, one.feed.key) for one in plan.feeds)
        new = ((rows[one.feed.kind, one.feed.key], one.entries) for one in plan.feeds)
        store.update_catalogue(row._replace(entries=n) for row, n in new if row.entries != n)
        ours = {PARTS, *(n.rpartition("/")[0] for n in (*published.written, *published.removed))}
        folders = before.folders | archive_folders(run.out, ours & before.folders.keys())
        store.set_meta(CATALOGUE, msgspec.structs.replace(before, folders=folders))
        return
    settings, groups = Settings(run.config), plan.groups
    if not groups or settings.any or run.config.paths.objects:
        store.keep_catalogue(())
        store.set_or_drop_meta(CATALOGUE, None)
        return
    pages = {one.feed.address: part.path for some in groups for part in some for one in part.feeds}
    store.keep_catalogue(
        ListedFeed(one.kind, one.key, one.address, summary.entries, pages.get(one.address, ""))
        for summary in plan.feeds
        for one in (summary.feed,)
    )
    names = sorted(files)
    used = {PARTS, *(name.rpartition("/")[0] for name in names)} - {""}
    folders = archive_folders(run.out, used)
    if intact_files(state._replace(files=lambda: files), run.out) != files.keys():
        store.set_or_drop_meta(CATALOGUE, None)  # one was changed meanwhile: look again
        return
    catalogue = Catalogue(
        names=names_key(run.config, selection.names),
        addresses=selection.addresses,
        parts=[[part._replace(feeds=[]) for part in some] for some in groups],
        documents=len(plan.keep),
        near=[name for name in names if "/" not in name],
        folders=folders,
        looked=run.now,
    )
    store.set_meta(CATALOGUE, catalogue)
