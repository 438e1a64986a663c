"""Brings the store up to the seed files: scan, read what changed, forget what is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from feeds import __version__
from feeds.config import Config
from feeds.model import Fingerprint, Problem
from feeds.seeds.parse import ParseOptions
from feeds.seeds.pool import Wanted, read_seeds
from feeds.seeds.read import PARSER_VERSION
from feeds.seeds.scan import scan, shown
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
    """A seed to be read, and its fingerprint now."""

    path: str
    folder: str
    mark: Fingerprint


def parser_name(config: Config) -> str:
    """Returns what tells one way of reading seeds from another."""
    return f"{__version__} {PARSER_VERSION} {config.site.timezone} {config.text.repair}"


def rescan(
    store: Store, config: Config, base: Path, progress: Progress, *, full: bool = False
) -> Rescan:
    """Reads every seed whose fingerprint changed since it was last read (`full`: every seed).

    `progress` is told how many seeds were read and how many are to be read.

    Raises:
        SeedsFolderError: a folder does not exist or cannot be listed; nothing was changed then.
    """
    parser = parser_name(config)
    current = set() if full else store.current_seeds(parser)
    wanted: list[_Due] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    paths: list[str] = []
    for path, folder, state in scan(list(config.paths.seeds), base):
        seen.add(folder)
        paths.append(path)
        if isinstance(state, Problem):
            problems.append(state)
        elif (path, *state) not in current:
            wanted.append(_Due(path, folder, state))
    folders = {str(folder) for folder in config.paths.seeds}
    emptied = [one for one in sorted(folders - seen) if store.has_seeds_in(one)]
    # Where there are as many as there were, and all are as they were, none is gone.
    as_before = not wanted and not problems and len(paths) == store.seed_count()
    gone = set() if as_before else store.paths().difference(paths)
    changed = _read(store, wanted, config, base, progress, full=full)
    store.forget(gone)
    return Rescan(len(paths), len(wanted), changed, len(gone), problems, emptied)


def _read(
    store: Store,
    wanted: list[_Due],
    config: Config,
    base: Path,
    progress: Progress,
    *,
    full: bool,
) -> int:
    parser = parser_name(config)
    options = ParseOptions(config.site.timezone, config.text.repair)
    now = time.time_ns()
    changed = 0

    def requests() -> Iterator[Wanted]:
        for due in wanted:
            content = b"" if full else store.content(due.path, parser)
            yield Wanted(due.path, shown(due.path, str(base)), content)

    readings = read_seeds(requests(), options)
    for number, (due, reading) in enumerate(zip(wanted, readings, strict=True), 1):
        settled = now - due.mark.mtime_ns > _SETTLING_NS and bool(reading.content)
        known = store.content(due.path, parser) if full else b""
        changed += not reading.same and reading.content != known
        store.record(due.folder, due.mark, reading, settled=settled, parser=parser)
        progress("seeds", number, len(wanted))
    return changed
