"""Renders and publishes what is planned, keeps it for the next pass, and reports the pass."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from feeds.common.files import Fingerprint
from feeds.common.model import FeedRef, FeedSummary, Problem
from feeds.common.protocols import (
    COMPRESSION,
    MISSING,
    MOVES,
    NOINDEX,
    OVERVIEW_KEYS,
    REPEATED,
    REPORT,
    UNTOLD,
)
from feeds.common.reports import HeldReport, PassReport, feed_report
from feeds.images.cache import folder_times
from feeds.pipeline.archives import keep_archives
from feeds.pipeline.context import Pass
from feeds.pipeline.fetch import next_fetch
from feeds.pipeline.memberships import Selection
from feeds.pipeline.objects import Changed, Upload, documents_and_images
from feeds.pipeline.plan import Plan
from feeds.pipeline.rendering import render_feeds
from feeds.pipeline.rescan import Changes
from feeds.pipeline.state import LAST, LastPass, PassState
from feeds.publish import NewOutput, Publisher, Sent
from feeds.publish.compressed import copy_recipe, is_copy
from feeds.render.web_servers import exceptions
from feeds.seeds.scan import display_path
from feeds.select.addresses import is_made
from feeds.select.thresholds import next_turn
from feeds.store import Store


class Published(NamedTuple):
    """The files that were written to out/ and removed from it.

    Documents are listed by name, copies of images are counted. `files` are all files in out/ now,
    with the fingerprints of those that are no copies of images.
    """

    written: list[str]
    removed: list[str]
    files: dict[str, Fingerprint]
    images_added: int
    images_removed: int


class Output(NamedTuple):
    """The output of a pass; `unchanged` counts the documents left alone."""

    feeds: list[FeedSummary]
    duplicates: tuple[Problem, ...]
    unchanged: int
    written: Sequence[str] = ()
    removed: Sequence[str] = ()
    images_added: int = 0
    images_removed: int = 0

    def with_sent(self, sent: Sent) -> Output:
        """Returns the output of a pass that put documents into a bucket."""
        put = documents_and_images(sent)
        left = self.unchanged + len(self.written) - len(put[0])
        return Output(self.feeds, self.duplicates, left, *put)


def unchanged(state: PassState) -> Output:
    """Returns the output of a quiet pass."""
    if state.last is None:
        return Output([], (), 0)
    known = state.feeds()
    feeds = [known[address][1] for address in state.last.addresses]
    left = _count(state.files()) + _count(state.sealed())
    return Output(feeds, state.last.duplicates, left)


def _count(names: Iterable[str]) -> int:
    """Counts documents without their compressed copies."""
    return sum(not is_copy(name) for name in names)


def publish(run: Pass, state: PassState, plan: Plan, upload: Upload) -> Published:
    """Renders stale feeds and the lists of feeds, and brings out/ to the plan.

    Raises:
        PublishError: out/ could not be written; it is as it was.
    """
    upload.begin()
    publisher = _publish_files(run, state, plan)
    before = {name: one for name, one in state.files().items() if name in publisher.files}
    files, made = before | publisher.fingerprints, [*publisher.written, *publisher.linked]
    others = publisher.files.union(state.sealed()) - files.keys()
    names = {*publisher.fingerprints, *made}
    feeds = (one.feed for one in (*plan.feeds, *plan.parts))
    upload.plan(Changed(files, others, names, publisher.removed, feeds))
    written, removed, *images = documents_and_images(Sent(made, publisher.removed))
    return Published(written, removed, files, *images)


def _publish_files(run: Pass, state: PassState, plan: Plan) -> Publisher:
    from feeds.render.html import NEW

    publisher = Publisher(
        run.out,
        NewOutput(
            [*plan.keep, *plan.media], run.store.item_count(), plan.known, NEW, state.sealed()
        ),
        precompress=run.config.publish.precompress,
        recompress=state.compression != copy_recipe(),
        dry_run=run.options.dry_run,
    )
    for name in sorted(publisher.left_out):
        run.callbacks.warn(
            f"{run.out / name} is not ours and stays; remove it to have the page that feeds makes"
        )
    with publisher, publisher.failures():
        for name in sorted(plan.links & plan.media):
            publisher.link(name, run.config.images.cache / name)
        render_feeds(run, plan, publisher)
        for overview in plan.overviews:
            for document in overview.render():
                publisher.put(document)
        publisher.finish()
    return publisher


def remember(
    run: Pass, state: PassState, selection: Selection, plan: Plan, published: Published
) -> Output:
    """Keeps what the next pass needs to know, and queues pings for documents that changed."""
    if not run.options.dry_run:
        _keep_feeds(run, state, plan)
        _keep_files(run, state, plan, published)
        _keep_last(run, state, selection, plan, published)
    return Output(
        plan.feeds,
        selection.duplicates,
        len(plan.keep) - len(published.written) + _count(state.sealed()),
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
    feeds = {one.feed.address: one.feed for one in plan.feeds}
    parts = {one.feed.address for one in plan.parts}
    store.drop_feeds(state.feeds().keys() - feeds.keys() - parts)
    refs: dict[str, FeedRef] = {one: (feed.kind, feed.key) for one, feed in feeds.items()}
    known = store.owners()
    store.keep_owners(
        {one: ref for one, ref in refs.items() if one not in known and is_made(ref, one)}
    )
    store.keep_feed_images(plan.images, state.feed_images())
    moves = {alias: address for address, feed in feeds.items() for alias in feed.aliases}
    store.set_meta(MOVES, moves)
    store.set_meta(NOINDEX, (plan.site.noindex, exceptions(plan.site.noindex, plan.feeds)))


def _keep_files(run: Pass, state: PassState, plan: Plan, published: Published) -> None:
    from feeds.render.documents import document_paths

    store, base_url = run.store, run.config.site.base_url
    store.keep_fingerprints(published.files, state.files())
    store.retire(published.removed, plan.keep)
    # Pages name no hub: nobody subscribes to them.
    names = [
        name
        for one in plan.feeds
        for name in document_paths(plan.site, one.feed)
        if not name.endswith(".html")
    ]
    # Also what a pass wrote that was killed before it could say so.
    before = state.files()
    changed = [base_url + name for name in names if published.files.get(name) != before.get(name)]
    store.drop_pings_but(_hubs(run), [base_url + name for name in names])
    untold = [*_untold(run), *changed] if run.config.site.hub else []
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
    archives = selection.archives._replace(parts=[one.feed for one in plan.parts])
    folders, looked = keep_archives(run, state, archives)
    turns = [next_turn(config, store.next_dated, run.now), selection.archives.until]
    turns += (feed.until for feed in plan.feeds)
    last = LastPass(
        now=run.now,
        until=min((turn for turn in turns if turn is not None), default=None),
        config=run.key,
        out=os.fsencode(run.out),
        addresses=[one.feed.address for one in plan.feeds],
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
    store.set_meta(OVERVIEW_KEYS, plan.overview_keys)
    store.clear_image_news()


def problems_of(store: Store, changes: Changes) -> list[Problem]:
    """Returns the problems of all paths and seeds; a path that is no file has one problem only."""
    paths = {problem.path for problem in changes.problems}
    of_seeds = (problem for problem in store.seed_problems() if problem.path not in paths)
    return sorted([*changes.problems, *of_seeds])


def keep_report(run: Pass, changes: Changes, output: Output) -> PassReport:
    """Returns the report of a pass, and keeps it in the store."""
    store, config = run.store, run.config
    problems = problems_of(store, changes)
    report = PassReport(
        started=run.started,
        seconds=round(time.monotonic() - run.began_s, 3),
        out=config.paths.published_to,
        dry_run=run.options.dry_run,
        seeds=changes.seeds,
        read=changes.read,
        changed=changes.changed,
        gone=changes.gone,
        bad=len({problem.path for problem in problems if problem.severity == "error"}),
        items=store.item_count(),
        unchanged=output.unchanged,
        written=list(output.written),
        removed=list(output.removed),
        feeds=[feed_report(one, config.site.base_url) for one in output.feeds],
        problems=sorted([*problems, *output.duplicates]),
        images_added=output.images_added,
        images_removed=output.images_removed,
        next_fetch=next_fetch(store, config),
        pings=store.ping_count(),
        held=[
            HeldReport(display_path(folder, str(run.base)), count)
            for folder, count in store.held_stories()
        ],
        workers=run.cluster.done() if run.cluster else {},
    )
    store.set_meta(REPORT, report)
    return report
