"""Renders and publishes what is planned, and reports the pass."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import chain
from typing import NamedTuple

from feeds.common.files import Fingerprint
from feeds.common.model import FeedSummary, Problem
from feeds.common.reports import FeedReport, HeldReport, PassReport, feed_report
from feeds.common.store_protocols import REPORT
from feeds.common.text import display_path
from feeds.pipeline.changed_feeds import Few
from feeds.pipeline.context import Pass
from feeds.pipeline.fetch import next_fetch
from feeds.pipeline.plan import Plan
from feeds.pipeline.rendering import render_feeds
from feeds.pipeline.rescan import Changes
from feeds.pipeline.state import PassState
from feeds.pipeline.upload import Changed, Upload, documents_and_images
from feeds.publish import NewOutput, Publisher, Sent
from feeds.publish.compression import copy_recipe, is_copy
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

    feeds: list[FeedReport]
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


def unchanged(run: Pass, state: PassState, few: Few | None) -> Output:
    """Returns the output of a quiet pass, in which all feeds may have been at rest."""
    if state.last is None:
        return Output([], (), 0)
    duplicates = state.last.duplicates
    if few:
        return Output(all_reports(run, state, []), duplicates, few.catalogue.documents)
    known, base_url = state.feeds(), run.config.site.base_url
    feeds = [feed_report(known[address][1], base_url) for address in state.last.addresses]
    return Output(
        feeds, duplicates, count_documents(state.files()) + count_documents(state.sealed())
    )


def all_reports(run: Pass, state: PassState, some: list[FeedSummary]) -> list[FeedReport]:
    """Returns the reports of all feeds, of which these `some` may be others than in the last."""
    new = {one.feed.address: feed_report(one, run.config.site.base_url) for one in some}
    before = run.store.get_meta(REPORT)
    if before is None or state.last is None:
        summaries = run.store.feeds().values()
        return [feed_report(one, run.config.site.base_url) for _, one in summaries]
    return [new.get(one.address, one) for one in before.feeds]


def count_documents(names: Iterable[str]) -> int:
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
    others = chain(publisher.files, plan.media, state.sealed())
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
            plan.keep,
            run.store.item_count(),
            plan.known,
            plan.media,
            plan.present,
            NEW,
            state.sealed(),
            {*state.files()}.union(*state.feed_images().values()) if plan.is_few else None,
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
            publisher.link(name, f"{run.config.images.cache}/{name}")
        # What names feeds is made while processes render these, and put after them.
        with closing(render_feeds(run, plan, publisher)) as rendered:
            next(rendered, None)
            about = [document for one in plan.overviews for document in one.render()]
            deque(rendered, maxlen=0)
        for document in about:
            publisher.put(document)
        publisher.finish()
    return publisher


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
        feeds=output.feeds,
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
