"""Brings the store up to the seed files: scan, read what changed, forget what is gone.

    survey ── read_ahead ── rescan

Reading takes long and may be cut short, so it keeps what it has as it goes. What is published
changes with the last step alone, in one transaction.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import NamedTuple

from feeds.common.model import ParsedSeed, Problem, image_key
from feeds.config import Config
from feeds.pipeline.context import Pass, prepare_workers
from feeds.pipeline.state import PLAIN, PassState, read_state
from feeds.pipeline.survey import Due, Survey, parser_name, survey
from feeds.seeds.scan import display_path, is_below
from feeds.store import Store
from feeds.store.readings import Kept, ReadSeed

# File systems note changes with a granularity of up to two seconds (FAT); what was changed that
# shortly before it was read may have been changed again without a trace.
_SETTLING_NS = 2_000_000_000
# How often what was read is kept: about so much reading is lost when a pass is cut short.
_KEEP_SECONDS = 0.5
# So many readings are recorded at a time.
_BATCH = 200
# Fewer removals than this are always believed, unless a folder of `paths.seeds` is empty.
FEW = 20


class OvertakenError(Exception):
    """Another pass used the state file since this one looked at the seeds: look again."""


class Changes(NamedTuple):
    """What a rescan changed; `problems` are those of paths, the store holds those of seeds.

    `read` and `changed` count since the last pass that ended well, `gone` what was forgotten.
    `items` are the ids of the items that came, went or changed.
    """

    seeds: int
    read: int
    changed: int
    gone: int
    problems: list[Problem]
    items: frozenset[str] = frozenset()


class Ahead(NamedTuple):
    """What was read ahead, by path: what the store keeps, and the rest.

    Of the former it is known whether a later change of the seed would show.
    """

    survey: Survey
    kept: dict[str, bool]
    rest: dict[str, ReadSeed]


def read_ahead(run: Pass) -> Ahead:
    """Reads the seeds that changed, but for those that an earlier pass, cut short, has read.

    To be called outside of transactions: what was read is kept in the store, from time to time.

    Raises:
        SeedsFolderError: a folder does not exist or cannot be listed.
    """
    state, parser, full = read_state(run.store), parser_name(run.config), run.options.full
    todo = survey(run, state)
    ahead, kept = Ahead(todo, {}, {}), state.readings(parser)
    due: list[Due] = []
    for one in todo.wanted.values():
        known = kept.get(one.path)
        if known and known.settled and known.fingerprint == one.fingerprint and not full:
            ahead.kept[one.path] = True
        else:
            due.append(one)
    done, now, kept_at = len(ahead.kept), time.time_ns(), time.monotonic()
    with closing(_read(run, due, kept, state)) as readings:
        for one, reading in zip(due, readings, strict=True):
            settled = now - one.fingerprint.mtime_ns > _SETTLING_NS and bool(reading.content)
            if reading.same and one.path in kept:
                ahead.kept[one.path] = settled
            else:
                ahead.rest[one.path] = ReadSeed(one.folder, one.fingerprint, reading, settled)
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
    before = _Losses.of(store, todo, config) if todo.missing and not allow_empty else None
    changed, unsettled = 0, set[str]()
    items: set[str] = set()
    with store.filling("seed", "image", "image_use"):
        readings = _readings(store, ahead)
        while batch := list(islice(readings, _BATCH)):
            for seed in batch:
                path, content, is_same = seed.reading.path, seed.reading.content, seed.reading.same
                known = store.content(path, parser) if todo.wanted[path].is_known else b""
                changed += not is_same and content != known
                if not seed.settled:
                    unsettled |= {"", os.path.dirname(path)}  # noqa: PTH120
            items |= store.record(batch, parser)
    held = _held(store, todo, config, before) if before else {}
    gone = todo.missing - held.keys()
    items |= store.forget(sorted(gone))
    if store.held() != held:
        store.hold(held)
    if todo.listing is None:
        store.drop_listing({"", *map(os.path.dirname, [*todo.wanted, *gone])})
    else:
        store.keep_listing({one: todo.listing[one] for one in todo.listing.keys() - unsettled})
    counts = (todo.seeds, len(todo.wanted), changed, len(gone))
    return Changes(*counts, todo.problems, frozenset(items))


def _read(
    run: Pass, due: list[Due], kept: dict[str, Kept], state: PassState
) -> Generator[ParsedSeed]:
    """Yields what is read from these seeds; those with the same bytes as before are not parsed."""
    if not due:
        return
    # Imported on demand: a pass that reads nothing does without the readers of YAML and of dates.
    from feeds.seeds.parse import ParseOptions
    from feeds.seeds.read import ReadRequest, read_seeds

    prepare_workers()
    full, base, site = run.options.full, str(run.base), run.config.site
    parser = parser_name(run.config)

    def request(one: Due) -> ReadRequest:
        known, content = kept.get(one.path), b""
        if known and not (full and known.same):
            content = known.content
        elif one.is_known and not full:
            content = state.seed_contents(one.path, parser)
        return ReadRequest(one.path, display_path(one.path, base), content)

    yield from read_seeds(map(request, due), ParseOptions(site.timezone, run.config.text.repair))


def _keep(store: Store, ahead: Ahead, parser: str) -> None:
    """Moves readings to where they outlive this pass."""
    with store.transaction():
        store.keep_readings(list(ahead.rest.values()), parser)
    ahead.kept.update((path, seed.settled) for path, seed in ahead.rest.items())
    ahead.rest.clear()


def _readings(store: Store, ahead: Ahead) -> Iterator[ReadSeed]:
    # A kept reading is out of date where its seed was read once more, or is gone.
    for reading in store.take_readings():
        if reading.path in ahead.kept and reading.path not in ahead.rest:
            due = ahead.survey.wanted[reading.path]
            yield ReadSeed(due.folder, due.fingerprint, reading, ahead.kept[reading.path])
    yield from ahead.rest.values()


class _Losses(NamedTuple):
    """The stories whose files are missing, id by path, and how many there were in large folders."""

    missing: dict[str, str]
    counts: dict[str, int]

    @classmethod
    def of(cls, store: Store, todo: Survey, config: Config) -> _Losses:
        """Returns what is to be known of the time before the readings are recorded."""
        missing, max_gone = store.stories(todo.missing), config.paths.max_gone
        held = store.held().keys() & todo.missing
        large = large_losses(missing, [str(folder) for folder in config.paths.seeds])
        counts = {
            # To more than that, what is lost cannot be too much.
            folder: store.story_count(folder, held, int(count / max_gone) + 1 if max_gone else 1)
            for folder, count in large.items()
        }
        return cls(missing, counts)


def _held(store: Store, todo: Survey, config: Config, before: _Losses) -> dict[str, str]:
    """Returns the missing seeds that are held, each with the folder that lost too many."""
    folders = [str(folder) for folder in config.paths.seeds]
    lost = {
        path: id_
        for path, id_ in before.missing.items()
        # What stands in no folder of the configuration any more was taken out on purpose.
        if any(is_below(path, folder) for folder in folders) and store.paths_of(id_) <= todo.missing
    }
    held = {path: folder for path, folder in store.held().items() if path in lost}
    rest = {path: id_ for path, id_ in lost.items() if path not in held}
    return held | mass_removals(rest, before.counts, folders, todo.emptied, config.paths.max_gone)


def large_losses(gone: Mapping[str, str], folders: Collection[str]) -> dict[str, int]:
    """Returns how many stories each folder lost, for those that lost at least `FEW`.

    Args:
        gone: the stories without a file, id by path.
        folders: the folders of `paths.seeds`.
    """
    found = {folder: len(ids) for folder, ids in _by_folder(gone, folders).items()}
    return {folder: count for folder, count in found.items() if count >= FEW}


def mass_removals(
    lost: Mapping[str, str],
    before: Mapping[str, int],
    folders: Collection[str],
    emptied: Collection[str],
    max_gone: float,
) -> dict[str, str]:
    """Returns the seeds that are kept until somebody confirms their removal, each with its folder.

    A folder of `paths.seeds`, or one below it, is suspect if it would lose at least 20 stories and
    a larger share than `max_gone`; an emptied one is suspect if it would lose one story.

    Args:
        lost: the stories without a file, id by path.
        before: how many stories there were below each folder of `large_losses`; only whether
            `max_gone` of them is less than what is lost counts.
        folders: the folders of `paths.seeds`.
        emptied: those of `folders` that hold no seed any more.
        max_gone: the share that may go at once, from 0 to 1.
    """
    gone = _by_folder(lost, folders)
    large = large_losses(lost, folders)
    tripped = {folder for folder, count in large.items() if count > max_gone * before[folder]}
    tripped |= gone.keys() & set(emptied)
    held: dict[str, list[str]] = defaultdict(list)
    for path in lost:
        for folder in _folders_above(path, folders):
            if folder in tripped:
                held[folder].append(path)
                break
    kept: dict[str, str] = {}
    for paths in held.values():
        kept |= dict.fromkeys(paths, _common(paths))
    return kept


def _by_folder(stories: Mapping[str, str], folders: Collection[str]) -> dict[str, set[str]]:
    """Returns the ids of the stories in each folder."""
    within: dict[str, set[str]] = defaultdict(set)
    for path, id_ in stories.items():
        within[path.rpartition("/")[0]].add(id_)
    found: dict[str, set[str]] = defaultdict(set)
    for parent, ids in within.items():
        for folder in _folders_above(f"{parent}/", folders):
            found[folder] |= ids
    return found


def _folders_above(path: str, folders: Collection[str]) -> Iterator[str]:
    """Yields the folders around a seed, from the outermost one of `paths.seeds` inwards."""
    top = min((folder for folder in folders if is_below(path, folder)), key=len, default=None)
    if top is None:
        return
    yield top
    end = len(top.rstrip("/"))
    while (end := path.find("/", end + 1)) >= 0:
        yield path[:end]


def _common(paths: Collection[str]) -> str:
    """Returns the innermost folder around all these seeds."""
    return os.path.commonpath([path.rpartition("/")[0] or "/" for path in paths])
