"""Finds the seeds that came, changed or went since they were last read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds import __version__
from feeds.common.files import Fingerprint
from feeds.common.model import Problem
from feeds.config import Config
from feeds.pipeline.context import Pass
from feeds.pipeline.state import read_state
from feeds.seeds import PARSER_VERSION, READER_VERSION
from feeds.seeds.scan import ScannedFile, Seen, is_below, look_again, scan
from feeds.store import Store


class Due(NamedTuple):
    """A seed to be read, its fingerprint now, and whether it was ever read before."""

    path: str
    folder: str
    fingerprint: Fingerprint
    is_known: bool


class Survey(NamedTuple):
    """What there is to do: seeds to be read, by path, and the paths whose files are gone.

    `listing` is a digest of all files and their fingerprints, empty if a path has a problem.
    `emptied` are the folders of `paths.seeds` in which nothing was found. `last_pass` identifies
    the pass that used the state file last; `is_quiet` says that no file changed since.
    """

    seeds: int
    wanted: dict[str, Due]
    missing: set[str]
    problems: list[Problem]
    emptied: list[str]
    listing: bytes
    last_pass: bytes
    is_quiet: bool = False


def parser_name(config: Config) -> str:
    """Returns what tells one way of reading seeds from another."""
    versions = f"{__version__} {PARSER_VERSION} {READER_VERSION}"
    return f"{versions} {config.site.timezone} {config.text.repair}"


def survey(run: Pass) -> Survey:
    """Finds the seeds that changed since they were last read; all of them with `options.full`.

    Raises:
        SeedsFolderError: a folder does not exist or cannot be listed.
    """
    store, full, base, state = run.store, run.options.full, run.base, read_state(run.store)
    parser, folders = parser_name(run.config), list(run.config.paths.seeds)
    last_pass = store.pass_fingerprint()
    found = list(scan(folders, base))
    listing = _digest(parser, folders, found)
    if listing and not full and state.listing == listing:
        gone = set(state.held())
        return Survey(len(found), {}, gone, [], [], listing, last_pass, is_quiet=True)
    current = set() if full else state.seed_fingerprints(parser)
    count = store.seed_count()
    wanted = _due(store, found, current, known=count > 0)
    missing: set[str] = set()
    if not listing or count > len(found) - sum(not one.is_known for one in wanted.values()):
        missing = _missing(store, found)
    if missing.difference(state.held()):
        # What was moved while it was looked for is found now.
        seen: Seen = {}
        found = list(scan(folders, base, seen))
        overlooked = list(look_again(sorted(_missing(store, found)), folders, base, seen))
        listing = b"" if overlooked else _digest(parser, folders, found)
        found += overlooked
        wanted, missing = _due(store, found, current, known=True), _missing(store, found)
    problems = [one.problem for one in found if one.problem]
    emptied = [
        folder
        for folder in map(str, folders)
        if missing and not any(is_below(one.path, folder) for one in found)
    ]
    return Survey(len(found), wanted, missing, problems, emptied, listing, last_pass)


def _digest(parser: str, folders: list[Path], found: list[ScannedFile]) -> bytes:
    """Returns what is the same as long as the same files are as they were, empty for problems."""
    if any(one.problem for one in found):
        return b""
    return hashlib.sha256(msgspec.msgpack.encode((parser, [*map(str, folders)], found))).digest()


def _due(
    store: Store, found: list[ScannedFile], current: set[tuple[str, int, int, int]], *, known: bool
) -> dict[str, Due]:
    """Returns the seeds to be read, by path."""
    return {
        one.path: Due(
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
