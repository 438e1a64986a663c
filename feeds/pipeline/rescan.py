"""Brings the store up to the seed files: scan, read what changed, forget what is gone.

    survey ── read_ahead ── rescan

Reading takes long and may be cut short, so it keeps what it has as it goes. What is published
changes with the last step alone, in one transaction. Until a first pass has ended nothing is: what
it reads goes where it is to stay, while workers read on.
"""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Generator, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import closing
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

from feeds.common.media import image_key
from feeds.common.model import ParsedSeed, Problem
from feeds.common.text import display_path
from feeds.pipeline.context import Pass, engine_of
from feeds.pipeline.due_seeds import Survey, parser_name, survey
from feeds.pipeline.first_pass import TABLES, OvertakenError, Recorder, is_first
from feeds.pipeline.guards import Losses, held_back
from feeds.pipeline.state import PLAIN, PassState, read_state
from feeds.store import Store
from feeds.store.readings import Kept, ReadSeed

# How often what was read is kept: about so much reading is lost when a pass is cut short.
_KEEP_SECONDS = 0.5
# So many readings are recorded at a time.
_BATCH = 200
# Of a seed that was read ahead (see `Ahead`); 0 if it was not.
_UNSETTLED, _SETTLED = 1, 2


class EveryItem(AbstractSet[str]):
    """The ids of all items: read from the store each time, since there may be a million."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __iter__(self) -> Iterator[str]:
        """Yields the ids."""
        return self._store.item_ids()

    def __len__(self) -> int:
        """Counts the ids."""
        return sum(1 for _ in self)

    def __contains__(self, id_: object) -> bool:
        """Tells whether an item has this id."""
        return bool(self._store.paths_of(str(id_)))


class Changes(NamedTuple):
    """What a rescan changed; `problems` are those of paths, the store holds those of seeds.

    `read` and `changed` count since the last pass that ended well, `gone` what was forgotten.
    `items` are the ids of the items that came, went or changed. `lost` are, by id, the items whose
    seeds are gone, each with the names of the feeds that it stood in. `judged` is the key of a
    first pass, by which the store has what it found of them; if it `is_kept`, all items were in the
    store before this transaction.
    """

    seeds: int
    read: int
    changed: int
    gone: int
    problems: list[Problem]
    items: AbstractSet[str] = frozenset()
    lost: Mapping[str, tuple[bytes, list[str]]] = MappingProxyType({})
    judged: int | None = None
    is_kept: bool = False


class Ahead(NamedTuple):
    """What was read ahead of the wanted seeds of the survey, by their places.

    `kept` has `_SETTLED` or `_UNSETTLED` for what the store keeps: whether a later change of the
    seed would show; in a first pass, by `first`, with the seeds, where nobody looks yet, else
    apart. `rest` is what it does not keep yet.
    """

    first: Recorder | None
    survey: Survey
    kept: bytearray
    rest: dict[int, ReadSeed]


def read_ahead(run: Pass) -> Ahead:
    """Reads the seeds that changed, but for those that an earlier pass, cut short, has read.

    To be called outside of transactions: what was read is kept in the store, from time to time.

    Raises:
        OvertakenError: this is a first pass no more: another one ended.
        SeedsFolderError: a folder does not exist or cannot be listed.
    """
    state, parser, full = read_state(run.store), parser_name(run.config), run.options.full
    todo = survey(run, state)
    first = Recorder(run, parser) if is_first(run.store) else None
    ahead, kept = Ahead(first, todo, bytearray(len(todo.wanted)), {}), state.readings(parser)
    for place in range(len(todo.wanted) if kept else 0):
        one = todo.wanted[place]
        known = kept.get(one.path)
        if known and known.settled and known.fingerprint == one.fingerprint and not full:
            ahead.kept[place] = _SETTLED
    due = array("l", (place for place, done in enumerate(ahead.kept) if not done))
    done, began_ns, kept_at = len(ahead.kept) - len(due), time.time_ns(), time.monotonic()
    with closing(_read(run, ahead, due, kept, state)) as readings:
        for place, reading in zip(due, readings, strict=True):
            if isinstance(reading, bool):
                ahead.kept[place] = _SETTLED if reading else _UNSETTLED
            else:
                one = todo.wanted[place]
                seed = ReadSeed.of(one.folder, one.fingerprint, reading, began_ns)
                if reading.same and one.path in kept:
                    ahead.kept[place] = _SETTLED if seed.settled else _UNSETTLED
                else:
                    ahead.rest[place] = seed
            if ahead.rest and time.monotonic() - kept_at >= _KEEP_SECONDS:
                _keep(run.store, ahead, parser)
                kept_at = time.monotonic()
            done += 1
            run.callbacks.progress("seeds", done, len(todo.wanted))
    return ahead


def image_keys(store: Store, ahead: Ahead) -> Iterator[str]:
    """Yields the keys of the images that the seeds name which were read ahead."""
    yield from store.kept_image_keys()
    for seed in ahead.rest.values():
        yield from (image_key(image.url) for image in seed.reading.images)


def rescan(run: Pass, ahead: Ahead) -> Changes:
    """Brings the store up to what was read, and forgets what is gone.

    If too many stories would go at once (see `mass_removals`), they are held instead, until their
    files come back or `options.allow_empty` is set.

    Raises:
        OvertakenError: another pass came between; nothing was changed.
    """
    store, config, todo, allow_empty = run.store, run.config, ahead.survey, run.options.allow_empty
    if store.pass_fingerprint() != todo.last_pass:
        raise OvertakenError
    store.set_or_drop_meta(PLAIN, todo.plain)
    if todo.is_quiet and not (todo.missing and allow_empty):
        return Changes(todo.seeds, 0, 0, 0, todo.problems)
    parser = parser_name(config)
    is_doubtful = todo.missing and not allow_empty and not ahead.first
    before = Losses.of(store, todo, config) if is_doubtful else None
    items, changed, unsettled = _record_all(run, ahead, parser)
    held = held_back(store, todo, config, before) if before else {}
    gone = todo.missing - held.keys()
    lost = store.notices_for(gone) if gone else {}
    items |= store.forget(sorted(gone))
    if store.held() != held:
        store.hold(held)
    if todo.listing is None:
        touched = [*gone, *(one.path for one in todo.wanted)]
        store.drop_listing({"", *map(os.path.dirname, touched)})
    else:
        if unsettled:
            unsettled.add("")
        store.keep_listing({one: todo.listing[one] for one in todo.listing.keys() - unsettled})
    if ahead.first:
        count = store.seed_count()
        first = (count, count, 0, todo.problems, EveryItem(store))
        # Only other processes may read what is kept: there are none on one core, and a dry run has
        # a store of its own.
        is_kept = not (ahead.rest or run.options.dry_run or os.cpu_count() == 1)
        return Changes(todo.seeds, *first, judged=ahead.first.key, is_kept=is_kept)
    counts = (todo.seeds, len(todo.wanted), changed, len(gone))
    return Changes(*counts, todo.problems, frozenset(items), lost)


def _read(
    run: Pass, ahead: Ahead, due: array[int], kept: dict[str, Kept], state: PassState
) -> Generator[ParsedSeed | bool]:
    """Yields what is read from the seeds at these places; for what is kept, if it is settled.

    Those with the same bytes as before are not parsed.
    """
    if not due:
        return
    # Imported on demand: a pass that reads nothing does without the readers of YAML and of dates.
    from feeds.seeds.parse import ParseOptions
    from feeds.seeds.read import ReadRequest, read_seeds

    full, base, parser = run.options.full, str(run.base), parser_name(run.config)

    def request(place: int) -> ReadRequest:
        one = ahead.survey.wanted[place]
        known, content = kept.get(one.path), b""
        if known and not (full and known.same):
            content = known.content
        elif one.is_known and (ahead.first or not full):
            content = state.seed_contents(one.path, parser)
        shown = display_path(one.path, base)
        return ReadRequest(one.path, shown, content, one.fingerprint, one.folder)

    options, engine = (
        ParseOptions.of(run.config, drafts=run.options.drafts),
        engine_of(run, "seeds"),
    )
    keep = None if run.options.dry_run else ahead.first  # which is in no file
    yield from read_seeds(map(request, due), options, engine, None if engine else keep)


def _keep(store: Store, ahead: Ahead, parser: str) -> None:
    """Moves readings to where they outlive this pass."""
    seeds = list(ahead.rest.values())
    with store.transaction():
        if ahead.first:
            ahead.first.record(store, seeds)
        else:
            store.keep_readings(seeds, parser)
    for place, seed in ahead.rest.items():
        ahead.kept[place] = _SETTLED if seed.settled else _UNSETTLED
    ahead.rest.clear()


def _record_all(run: Pass, ahead: Ahead, parser: str) -> tuple[set[str], int, set[str]]:
    """Records what was read; returns ids that changed, how many seeds did, unsettled folders."""
    changed, items = 0, set[str]()
    unsettled = {
        os.path.dirname(ahead.survey.wanted[place].path)  # noqa: PTH120
        for place, kept in enumerate(ahead.kept)
        if kept == _UNSETTLED
    }
    with run.store.filling(*TABLES):
        readings = _readings(run.store, ahead)
        while batch := list(islice(readings, _BATCH)):
            for seed in batch:
                path, content, is_same = seed.reading.path, seed.reading.content, seed.reading.same
                changed += not is_same and content != run.store.content(path, parser)
                if not seed.settled:
                    unsettled.add(os.path.dirname(path))  # noqa: PTH120
            if run.options.dry_run:  # no later pass will see that the same bytes are known
                batch = [seed for seed in batch if not seed.reading.same]
            if ahead.first:
                ahead.first.record(run.store, batch)
            else:
                items |= run.store.record(batch, parser)
    return items, changed, unsettled


def _readings(store: Store, ahead: Ahead) -> Iterator[ReadSeed]:
    # A kept reading is out of date where its seed was read once more, or is gone.
    places: dict[str, int] | None = None
    for reading in store.take_readings():
        places = places or ahead.survey.wanted.places()
        place = places.get(reading.path)
        if place is not None and ahead.kept[place]:
            one, settled = ahead.survey.wanted[place], ahead.kept[place] == _SETTLED
            yield ReadSeed(one.folder, one.fingerprint, reading, settled)
    yield from ahead.rest.values()
