"""Brings the store up to the seed files: scan, read what changed, forget what is gone.

    survey ── read_ahead ── rescan

ParsedSeed takes long and may be cut short, so it keeps what it has as it goes. What is published
changes with the last step alone, in one transaction.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds import __version__
from feeds.common.files import Fingerprint
from feeds.common.model import ParsedSeed, Problem, image_key
from feeds.config import Config
from feeds.seeds.missing import mass_removals
from feeds.seeds.parse import ParseOptions
from feeds.seeds.read import PARSER_VERSION, READER_VERSION, ReadRequest, read_seeds
from feeds.seeds.scan import ScannedFile, Seen, display_path, is_below, look_again, scan
from feeds.store import Store

# File systems note changes with a granularity of up to two seconds (FAT); what was changed that
# shortly before it was read may have been changed again without a trace.
_SETTLING_NS = 2_000_000_000
# How often what was read is kept: about so much reading is lost when a pass is cut short.
_KEEP_SECONDS = 0.5

Progress = Callable[[str, int, int], None]


class Rescan(NamedTuple):
    """What a rescan met; `problems` are those of paths, the store holds those of seeds.

    `read` and `changed` count since the last pass that ended well, `gone` what was forgotten.
    """

    seeds: int
    read: int
    changed: int
    gone: int
    problems: list[Problem]


class _Due(NamedTuple):
    """A seed to be read, its fingerprint now, and whether it was ever read before."""

    path: str
    folder: str
    mark: Fingerprint
    is_known: bool


class Survey(NamedTuple):
    """What there is to do: seeds to be read, by path, and the paths whose files are gone.

    `listing` is what is the same as long as the same files are as they were, empty where that
    cannot be told. `emptied` are those of `paths.seeds` in which nothing was found. `mark` tells
    the pass after which the store was looked at; `is_quiet` that nothing changed since.
    """

    seeds: int
    wanted: dict[str, _Due]
    missing: set[str]
    problems: list[Problem]
    emptied: list[str]
    listing: bytes
    mark: bytes
    full: bool
    is_quiet: bool = False


class Ahead(NamedTuple):
    """What was read ahead: the paths whose readings the store keeps, and all other readings.

    With each it is told whether a later change of the seed would show.
    """

    kept: dict[str, bool]
    rest: dict[str, tuple[ParsedSeed, bool]]


def problems_of(store: Store, found: Rescan) -> list[Problem]:
    """Returns the problems of all paths and seeds; of a path that is no file only that."""
    paths = {problem.path for problem in found.problems}
    of_seeds = (problem for problem in store.seed_problems() if problem.path not in paths)
    return sorted([*found.problems, *of_seeds])


def parser_name(config: Config) -> str:
    """Returns what tells one way of reading seeds from another."""
    versions = f"{__version__} {PARSER_VERSION} {READER_VERSION}"
    return f"{versions} {config.site.timezone} {config.text.repair}"


def survey(store: Store, config: Config, base: Path, *, full: bool = False) -> Survey:
    """Looks which seeds changed since they were last read (`full`: takes all for changed).

    Raises:
        SeedsFolderError: a folder does not exist or cannot be listed.
    """
    parser, folders, mark = parser_name(config), list(config.paths.seeds), store.pass_mark()
    found = list(scan(folders, base))
    listing = _digest(parser, folders, found)
    if listing and not full and store.get_meta("listing", bytes) == listing:
        gone = set(store.held())
        return Survey(len(found), {}, gone, [], [], listing, mark, full, is_quiet=True)
    current = set() if full else store.current_seeds(parser)
    count = store.seed_count()
    wanted = _due(store, found, current, known=count > 0)
    missing: set[str] = set()
    if not listing or count > len(found) - sum(not one.is_known for one in wanted.values()):
        missing = _missing(store, found)
    if missing.difference(store.held()):
        # What was moved while it was looked for is found now.
        seen: Seen = {}
        found = list(scan(folders, base, seen))
        overlooked = list(look_again(sorted(_missing(store, found)), folders, base, seen))
        listing = b"" if overlooked else _digest(parser, folders, found)
        found += overlooked
        wanted, missing = _due(store, found, current, known=True), _missing(store, found)
    problems = [one.problem for one in found if one.problem]
    emptied = [folder for folder in map(str, folders) if missing and _is_empty(folder, found)]
    return Survey(len(found), wanted, missing, problems, emptied, listing, mark, full)


def read_ahead(store: Store, todo: Survey, config: Config, base: Path, progress: Progress) -> Ahead:
    """Reads the seeds, except those whose readings an earlier pass, cut short, left in the store.

    `progress` is told how many seeds were read and how many are to be read. To be called outside
    of transactions: what was read is kept in the store, from time to time.
    """
    parser, ahead = parser_name(config), Ahead({}, {})
    options = ParseOptions(config.site.timezone, config.text.repair)
    kept = store.kept_readings(parser)
    due: list[_Due] = []
    for one in todo.wanted.values():
        known = kept.get(one.path)
        if known and known.settled and known.mark == one.mark and not todo.full:
            ahead.kept[one.path] = True
        else:
            due.append(one)

    def requests() -> Iterator[ReadRequest]:
        for one in due:
            known = kept.get(one.path)
            content = b""
            if known and not (todo.full and known.same):
                content = known.content
            elif one.is_known and not todo.full:
                content = store.content(one.path, parser)
            yield ReadRequest(one.path, display_path(one.path, str(base)), content)

    done, now, kept_at = len(ahead.kept), time.time_ns(), time.monotonic()
    for one, reading in zip(due, read_seeds(requests(), options), strict=True):
        settled = now - one.mark.mtime_ns > _SETTLING_NS and bool(reading.content)
        if reading.same and one.path in kept:
            ahead.kept[one.path] = settled
        else:
            ahead.rest[one.path] = reading, settled
        if ahead.rest and time.monotonic() - kept_at >= _KEEP_SECONDS:
            _keep(store, todo, ahead, parser)
            kept_at = time.monotonic()
        done += 1
        progress("seeds", done, len(todo.wanted))
    return ahead


def image_keys(store: Store, ahead: Ahead) -> Iterator[str]:
    """Yields the keys of the images that the seeds name which were read ahead."""
    yield from store.kept_image_keys()
    for reading, _ in ahead.rest.values():
        yield from (image_key(image.url) for image in reading.images)


def rescan(
    store: Store, todo: Survey, ahead: Ahead, config: Config, *, allow_empty: bool = False
) -> Rescan:
    """Brings the store up to what was read, and forgets what is gone.

    Where too many stories would go at once (see `mass_removals`), they are held instead, until
    their files come back or `allow_empty` is said.
    """
    if todo.is_quiet and not (todo.missing and allow_empty):
        return Rescan(todo.seeds, 0, 0, 0, [])
    parser = parser_name(config)
    before = store.stories() if todo.missing and not allow_empty else {}
    changed, all_settled = 0, True
    for reading, settled in _readings(store, ahead):
        due = todo.wanted[reading.path]
        all_settled = all_settled and settled
        known = store.content(due.path, parser) if due.is_known else b""
        changed += not reading.same and reading.content != known
        store.record(due.folder, due.mark, reading, settled=settled, parser=parser)
    held: dict[str, str] = {}
    if before:
        held = _held(store, todo, config, before)
    gone = todo.missing - held.keys()
    store.forget(sorted(gone))
    if store.held() != held:
        store.hold(held)
    store.set_meta("listing", todo.listing if all_settled else b"")
    return Rescan(todo.seeds, len(todo.wanted), changed, len(gone), todo.problems)


def _digest(parser: str, folders: list[Path], found: list[ScannedFile]) -> bytes:
    """Returns what is the same as long as the same files are as they were, empty for problems."""
    if any(one.problem for one in found):
        return b""
    names = [str(folder) for folder in folders]
    return hashlib.sha256(msgspec.msgpack.encode((parser, names, found))).digest()


def _due(
    store: Store, found: list[ScannedFile], current: set[tuple[str, int, int, int]], *, known: bool
) -> dict[str, _Due]:
    """Returns the seeds to be read, by path."""
    return {
        one.path: _Due(
            one.path,
            one.folder,
            Fingerprint(one.size, one.mtime_ns, one.inode),
            known and store.has_seed(one.path),
        )
        for one in found
        if not one.problem and (one.path, one.size, one.mtime_ns, one.inode) not in current
    }


def _missing(store: Store, found: list[ScannedFile]) -> set[str]:
    return store.paths().difference(one.path for one in found)


def _is_empty(folder: str, found: list[ScannedFile]) -> bool:
    return not any(is_below(one.path, folder) for one in found)


def _keep(store: Store, todo: Survey, ahead: Ahead, parser: str) -> None:
    """Moves readings to where they outlive this pass."""
    with store.transaction():
        for path, (reading, settled) in ahead.rest.items():
            mark = todo.wanted[path].mark
            store.keep_reading(mark, reading, settled=settled, parser=parser)
            ahead.kept[path] = settled
    ahead.rest.clear()


def _readings(store: Store, ahead: Ahead) -> Iterator[tuple[ParsedSeed, bool]]:
    # A kept reading is out of date where its seed was read once more, or is gone.
    for reading in store.take_readings():
        if reading.path in ahead.kept and reading.path not in ahead.rest:
            yield reading, ahead.kept[reading.path]
    yield from ahead.rest.values()


def _held(store: Store, todo: Survey, config: Config, before: dict[str, str]) -> dict[str, str]:
    """Returns which of the missing seeds are to be held, with the folder that lost too many."""
    folders = [str(folder) for folder in config.paths.seeds]
    lost = {
        path: before[path]
        for path in todo.missing & before.keys()
        # What stands in no folder of the configuration any more was taken out on purpose.
        if any(is_below(path, folder) for folder in folders)
        and store.paths_of(before[path]) <= todo.missing
    }
    held = {path: folder for path, folder in store.held().items() if path in lost}
    rest = {path: id_ for path, id_ in lost.items() if path not in held}
    there = {path: id_ for path, id_ in before.items() if path not in held}
    return held | mass_removals(rest, there, folders, todo.emptied, config.paths.max_gone)
