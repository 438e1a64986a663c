"""Renders feeds and has their documents written: here, in processes, or by the engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from feeds.common.model import Document
from feeds.pipeline.context import Pass, engine_of
from feeds.pipeline.first_pass import kept_items
from feeds.pipeline.plan import Plan
from feeds.publish import Place, Publisher, WorkersFlusher, Written

if TYPE_CHECKING:
    from feeds.common.workers import Engine
    from feeds.render.documents import Kept, RenderJob

# From so many feeds to render on, processes are worth their start. They take some at a time.
_MANY_FEEDS = 40
_CHUNK = 4

# A feed to render, and its published documents by their paths.
_SentJob = tuple["RenderJob", dict[str, bytes]]


def render_feeds(run: Pass, plan: Plan, publisher: Publisher) -> Generator[None]:
    """Renders all stale feeds and puts their documents; yields after each feed.

    Raises:
        PublishError, OSError: a document cannot be written.
        WorkerError: the processes, or the engine, cannot do the work.
    """
    count = len(plan.stale)
    jobs = (one.job(run.store) for one in plan.stale)
    if count < _MANY_FEEDS:
        taken = _render_here(jobs, publisher)
    elif engine := engine_of(run, "feeds"):
        taken = _render_elsewhere(jobs, publisher, engine)
    else:
        taken = _render_in_processes(run, publisher, plan)
    with closing(taken):
        for done, _ in enumerate(taken, 1):
            run.callbacks.progress("feeds", done, count)
            yield


# Each of these yields once for each feed whose documents were put.


def _render_here(jobs: Iterator[RenderJob], publisher: Publisher) -> Generator[None]:
    for job in jobs:
        for document in _documents(publisher.writer.out, job):
            publisher.put(document)
        yield


def _render_in_processes(run: Pass, publisher: Publisher, plan: Plan) -> Generator[None]:
    """Has processes of this machine write the documents, and read the items if they can."""
    # Imported on demand: a pass that renders nothing does without feedgen, lxml and processes.
    from feeds.common.workers import spread
    from feeds.render.documents import document_paths

    names = [document_paths(plan.site, one.summary.feed) for one in plan.stale]
    publisher.expect(name for some in names for name in some)
    places = (publisher.place_of(*some) for some in names)
    jobs = (one.job(run.store, is_kept=plan.is_kept) for one in plan.stale)
    work = partial(_write_chunk, WorkersFlusher(publisher.writer), run.config.paths.state, {})
    source = zip(_sharing(plan, jobs), places, strict=True)
    with closing(spread(work, source, _CHUNK)) as results:
        for data in results:
            flushed, feeds = _decode_written(data)
            publisher.take_flushed(flushed)
            for documents in feeds:
                publisher.take_unflushed(documents)
                yield


def _render_elsewhere(
    jobs: Iterator[RenderJob], publisher: Publisher, engine: Engine
) -> Generator[None]:
    """Sends what workers need, and writes what they send back."""
    source = ((job, _published(publisher.writer.out, job)) for job in jobs)
    with closing(engine(_render_chunk, source, _CHUNK)) as results:
        for data in results:
            for documents in _decode_documents(data):
                for document in documents:
                    publisher.put(document)
                yield


def _sharing(plan: Plan, jobs: Iterator[RenderJob]) -> Iterator[RenderJob]:
    """Yields jobs that tell which entries stand in several feeds; those of archives do in one."""
    alone = [one.summary.feed.kind == "digest" or one.summary.feed.part for one in plan.stale]
    counts = Counter(
        entry.number
        for one, is_alone in zip(plan.stale, alone, strict=True)
        if not is_alone
        for entry in one.shown()[0].entries
    )
    shared = frozenset(number for number, count in counts.items() if count > 1)
    for job, is_alone in zip(jobs, alone, strict=True):
        numbers = () if is_alone else (entry.number for entry in job.contents.entries)
        yield job._replace(shared=shared.intersection(numbers))


def _write_chunk(
    flusher: WorkersFlusher, state: Path, kept: Kept, jobs: list[tuple[RenderJob, Place]]
) -> bytes:
    """Renders feeds and writes their documents, and flushes those of the chunk before.

    Returns what was flushed, and the files that were written, feed by feed.

    Args:
        flusher: What writes them, and flushes them later.
        state: The state file, which has the items that the feeds come without.
        kept: The entries that this process keeps for the next feeds.
        jobs: The feeds, and where their documents go.
    """
    writer = flusher.writer
    with flusher.flushing() as flushed:
        feeds = [
            [
                writer.write(one, place)
                for one in _documents(writer.out, _with_items(job, state), kept)
            ]
            for job, place in jobs
        ]
    flusher.add(one for documents in feeds for one in documents)
    return msgspec.msgpack.encode((flushed, feeds))


def _with_items(job: RenderJob, state: Path) -> RenderJob:
    """Returns a feed with all items, some of which a first pass has kept in the state file."""
    contents = job.contents
    numbers = (one.number for one in (*contents.entries, *contents.tombstones))
    missing = [number for number in numbers if number not in job.items]
    return job._replace(items=job.items | kept_items(state, missing)) if missing else job


def _render_chunk(jobs: list[_SentJob]) -> bytes:
    """Renders feeds; returns their documents, feed by feed."""
    from feeds.render.documents import render_job

    return msgspec.msgpack.encode(
        [render_job(job, published.__getitem__ if published else None) for job, published in jobs]
    )


def _documents(out: Path, job: RenderJob, kept: Kept | None = None) -> list[Document]:
    """Renders a feed; entries that did not change come from what is published."""
    from feeds.render.documents import render_job

    return render_job(job, lambda name: (out / name).read_bytes(), kept)


def _published(out: Path, job: RenderJob) -> dict[str, bytes]:
    """Returns the documents from which entries are to be taken; none if one cannot be read."""
    from feeds.render.documents import extensions_of

    feed = job.contents.feed
    names = (f"{feed.address}.{one}" for one in extensions_of(job.site) if job.reuse)
    with suppress(OSError):
        return {name: (out / name).read_bytes() for name in names}
    return {}


_decode_written = msgspec.msgpack.Decoder(tuple[list[str], list[list[Written]]]).decode
_decode_documents = msgspec.msgpack.Decoder(list[list[Document]]).decode
