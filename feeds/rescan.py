"""Brings the store up to the seed files: scan, read what changed, forget what is gone."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds import __version__
from feeds.config import Config
from feeds.model import Fingerprint, Problem
from feeds.seeds.parse import ParseOptions
from feeds.seeds.pool import Wanted, read_seeds
from feeds.seeds.read import PARSER_VERSION, READER_VERSION
from feeds.seeds.scan import Found, scan, shown
from feeds.store import Store

# File systems note changes with a granularity of up to two seconds (FAT); what was changed that
# shortly before it was read may have been changed again without a trace.
_SETTLING_NS = 2_000_000_000

Progress = Callable[[str, int, int], None]


class Rescan(NamedTuple):
    """What a rescan met; `problems` are those of paths, the store holds those of seeds.

    `emptied` are those of `paths.seeds` that had seeds and have none.
    """

    seeds: int
    read: int
    changed: int
    gone: int
    problems: list[Problem]
    emptied: list[str]


def problems_of(store: Store, found: Rescan) -> list[Problem]:
    """Returns the problems of all paths and seeds; of a path that is no file only that."""
    paths = {problem.path for problem in found.problems}
    of_seeds = (problem for problem in store.seed_problems() if problem.path not in paths)
    return sorted([*found.problems, *of_seeds])


class _Due(NamedTuple):
    """A seed to be read, its fingerprint now, and whether it was ever read before."""

    path: str
    folder: str
    mark: Fingerprint
    is_known: bool


def parser_name(config: Config) -> str:
    """Returns what tells one way of reading seeds from another."""
    versions = f"{__version__} {PARSER_VERSION} {READER_VERSION}"
    return f"{versions} {config.site.timezone} {config.text.repair}"


def rescan(
    store: Store, config: Config, base: Path, progress: Progress, *, full: bool = False
) -> Rescan:
    """Reads every seed whose fingerprint changed since it was last read (`full`: every seed).

    `progress` is told how many seeds were read and how many are to be read.

    Raises:
        SeedsFolderError: a folder does not exist or cannot be listed; nothing was changed then.
    """
    parser = parser_name(config)
    found = list(scan(list(config.paths.seeds), base))
    problems = [one.problem for one in found if one.problem]
    listing = b"" if problems else _digest(parser, found)
    if listing and not full and store.fact("listing", bytes) == listing:
        return Rescan(len(found), 0, 0, 0, [], [])
    current = set() if full else store.current_seeds(parser)
    count = store.seed_count()
    wanted = [
        _Due(
            one.path,
            one.folder,
            Fingerprint(one.size, one.mtime_ns, one.inode),
            count > 0 and store.has_seed(one.path),
        )
        for one in found
        if not one.problem and (one.path, one.size, one.mtime_ns, one.inode) not in current
    ]
    folders = {str(folder) for folder in config.paths.seeds} - {one.folder for one in found}
    emptied = [folder for folder in sorted(folders) if store.has_seeds_in(folder)]
    new = sum(not one.is_known for one in wanted)
    gone: Collection[str] = ()
    if problems or count > len(found) - new:
        gone = store.paths().difference(one.path for one in found)
    changed, settled = _read(store, wanted, config, base, progress, full=full)
    store.forget(gone)
    store.keep_fact("listing", listing if settled else b"")
    return Rescan(len(found), len(wanted), changed, len(gone), problems, emptied)


def _digest(parser: str, found: list[Found]) -> bytes:
    """Returns what is the same as long as the same files are as they were."""
    return hashlib.sha256(msgspec.msgpack.encode((parser, found))).digest()


def _read(
    store: Store,
    wanted: list[_Due],
    config: Config,
    base: Path,
    progress: Progress,
    *,
    full: bool,
) -> tuple[int, bool]:
    """Returns how many of the seeds changed, and whether a later change of any would show."""
    parser = parser_name(config)
    options = ParseOptions(config.site.timezone, config.text.repair)
    now = time.time_ns()
    changed, all_settled = 0, True

    def requests() -> Iterator[Wanted]:
        for due in wanted:
            content = store.content(due.path, parser) if due.is_known and not full else b""
            yield Wanted(due.path, shown(due.path, str(base)), content)

    readings = read_seeds(requests(), options)
    for number, (due, reading) in enumerate(zip(wanted, readings, strict=True), 1):
        settled = now - due.mark.mtime_ns > _SETTLING_NS and bool(reading.content)
        all_settled = all_settled and settled
        known = store.content(due.path, parser) if full else b""
        changed += not reading.same and reading.content != known
        store.record(due.folder, due.mark, reading, settled=settled, parser=parser)
        progress("seeds", number, len(wanted))
    return changed, all_settled
