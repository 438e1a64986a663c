"""Finds the seeds that came, changed or went since they were last read."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds import __version__
from feeds.common.files import Fingerprint
from feeds.common.model import Problem
from feeds.config import Config
from feeds.pipeline.changed_paths import look_at_told, plain_seeds
from feeds.pipeline.context import Pass
from feeds.pipeline.state import PassState, PlainSeeds
from feeds.seeds import PARSER_VERSION, READER_VERSION
from feeds.seeds.listing import Listing, list_objects, list_plain
from feeds.seeds.scan import ScannedFile, Seen, is_below, look_again, scan


class Due(NamedTuple):
    """A seed to be read, its fingerprint now, and whether it was ever read before."""

    path: str
    folder: str
    fingerprint: Fingerprint
    is_known: bool


class DueSeeds:
    """Seeds to be read: packed, since a first pass holds all of them until it has ended."""

    def __init__(self) -> None:
        self._paths: list[str] = []
        self._folders: list[str] = []
        self._numbers = array("q")

    def __len__(self) -> int:
        """Returns how many there are."""
        return len(self._paths)

    def __getitem__(self, place: int) -> Due:
        """Returns the seed at this place."""
        size, mtime_ns, inode, folder, is_known = self._numbers[5 * place : 5 * place + 5]
        fingerprint = Fingerprint(size, mtime_ns, inode)
        return Due(self._paths[place], self._folders[folder], fingerprint, bool(is_known))

    def __iter__(self) -> Iterator[Due]:
        """Yields them in the order in which they were added."""
        return map(self.__getitem__, range(len(self)))

    def add(self, one: ScannedFile, *, is_known: bool) -> None:
        """Adds the seed in a file."""
        if one.folder not in self._folders:
            self._folders.append(one.folder)
        folder = self._folders.index(one.folder)
        self._paths.append(one.path)
        self._numbers.extend((one.size, one.mtime_ns, one.inode, folder, is_known))

    def places(self) -> dict[str, int]:
        """Returns the places of all seeds, by path."""
        return {path: place for place, path in enumerate(self._paths)}


class Survey(NamedTuple):
    """What there is to do: seeds to be read, and the paths whose files are gone.

    `listing` has a digest of the files of each folder (of all files by the name "", if only `scan`
    can tell what they are); it is empty if a path has a problem, and None if only some paths were
    looked at. `emptied` are the folders of `paths.seeds` in which nothing was found. `last_pass`
    identifies the pass that used the state file last; `is_quiet` says that no file changed since.
    `plain` is for later passes that look at some paths only.
    """

    seeds: int
    wanted: DueSeeds
    missing: set[str]
    problems: list[Problem]
    emptied: list[str]
    listing: dict[str, bytes] | None
    last_pass: bytes
    plain: PlainSeeds | None
    is_quiet: bool = False


class _Everything(NamedTuple):
    """All files as `scan` found them, and their digest; whether there is no link."""

    found: list[ScannedFile]
    digest: bytes
    is_plain: bool
    path: str = ""

    @property
    def size(self) -> int:
        """How many files there are."""
        return len(self.found)

    def files(self) -> list[ScannedFile]:
        """Returns the files."""
        return self.found


def parser_name(config: Config) -> str:
    """Returns what tells one way of reading seeds from another."""
    versions = f"{__version__} {PARSER_VERSION} {READER_VERSION}"
    return f"{versions} {config.site.timezone} {config.text.repair}"


def survey(run: Pass, state: PassState) -> Survey:
    """Finds the seeds that changed since they were last read; all of them with `options.full`.

    Looks at `options.changed` alone, if what that finds cannot differ from what all of them tell.

    Raises:
        SeedsFolderError: a folder does not exist or cannot be listed.
    """
    parser, last_pass = parser_name(run.config), run.store.pass_fingerprint()
    told = look_at_told(run, state, parser)
    if told is None:
        return _survey_all(run, state, parser, last_pass)
    wanted, missing, plain = _due(told.found, told.there), told.missing, told.plain
    problems, quiet = list(plain.problems.values()), not wanted and not missing
    rest = (problems, told.emptied, None, last_pass, plain, quiet)
    return Survey(told.seeds, wanted, missing, *rest)


def _survey_all(run: Pass, state: PassState, parser: str, last_pass: bytes) -> Survey:
    known, held = {} if run.options.full else state.listing(), state.held()
    parts = _look(run, parser)
    listing = {part.path: part.digest for part in parts}
    listing = listing if all(listing.values()) else {}
    seeds, is_plain = sum(part.size for part in parts), all(part.is_plain for part in parts)
    plain = plain_seeds(run, parser, []) if is_plain else None
    if listing and listing == known:
        return Survey(
            seeds, DueSeeds(), set(held), [], [], listing, last_pass, plain, is_quiet=True
        )
    if listing and "" not in listing and not held:
        todo = _changed_folders(run, parser, parts, known)
        if todo and (not todo.missing or _are_gone(run, parser, todo.missing, listing)):
            emptied = _emptied(run, todo.missing, [f"{part.path}/" for part in parts if part.size])
            return Survey(seeds, *todo, [], emptied, listing, last_pass, plain)
    there, found = state.seed_fingerprints(parser, ""), _files(parts)
    if _missing(found, there).difference(held):
        again, is_plain = _look_again(run, there)
        if set(again) != set(found):
            listing = {}
        found = again
    wanted, missing = _due(found, there, full=run.options.full), _missing(found, there)
    problems = [one.problem for one in found if one.problem]
    emptied = _emptied(run, missing, [one.path for one in found])
    plain = plain_seeds(run, parser, found) if is_plain else None
    return Survey(len(found), wanted, missing, problems, emptied, listing, last_pass, plain)


class _Todo(NamedTuple):
    """The seeds to be read, and the paths of those that have no file."""

    wanted: DueSeeds
    missing: set[str]


def _changed_folders(
    run: Pass, parser: str, parts: Sequence[Listing | _Everything], known: dict[str, bytes]
) -> _Todo | None:
    """Compares folders whose digest is not as `known`, one by one; None if that misses seeds."""
    todo, met, same = _Todo(DueSeeds(), set[str]()), 0, 0
    for part in parts:
        if known.get(part.path) == part.digest:
            same += part.size
            continue
        there = run.store.seed_fingerprints(parser, part.path)
        met += len(there)
        for one in part.files():
            is_known, before = one.path in there, there.pop(one.path, None)
            if run.options.full or before != (one.size, one.mtime_ns, one.inode):
                todo.wanted.add(one, is_known=is_known)
        todo.missing.update(there)
    for folder in known.keys() - {part.path for part in parts}:
        there = run.store.seed_fingerprints(parser, folder)
        met += len(there)
        todo.missing.update(there)
    return todo if run.store.seed_count() - met == same else None


def _are_gone(run: Pass, parser: str, missing: set[str], listing: dict[str, bytes]) -> bool:
    """Tells whether seeds are gone, and were not moved, or replaced, while they were looked for."""
    again = {part.path: part.digest for part in _look(run, parser)}
    return again == listing and not any(map(os.path.lexists, missing))


def _emptied(run: Pass, missing: set[str], found: list[str]) -> list[str]:
    """Returns the folders of `paths.seeds` with none of the found paths, if any seed is missing."""
    folders = map(str, run.config.paths.seeds if missing else ())
    return [folder for folder in folders if not any(is_below(one, folder) for one in found)]


def _look(run: Pass, parser: str) -> Sequence[Listing | _Everything]:
    """Returns all files, folder by folder if these hold plain files only."""
    paths = run.config.paths
    parts: list[Listing | _Everything] = []
    if paths.prefixes:
        objects, problems = list_objects(paths.prefixes, run.base, parser)
        parts += objects
        parts += [_Everything(problems, b"", is_plain=True, path="problems")] if problems else []
    plain = list_plain(paths.folders, parser)
    if plain is not None:
        return [*plain, *parts]
    seen = Seen()
    found = list(scan(paths.folders, run.base, seen))
    return [_Everything(found, _digest(parser, paths.folders, found), seen.is_plain), *parts]


def _look_again(run: Pass, there: dict[str, Fingerprint | None]) -> tuple[list[ScannedFile], bool]:
    """Returns all files, those too that were just moved, and whether there is no link."""
    paths, seen = run.config.paths, Seen()
    found = list(scan(paths.folders, run.base, seen))
    if paths.prefixes:
        objects, problems = list_objects(paths.prefixes, run.base, parser_name(run.config))
        found += [*_files(objects), *problems]
    found += look_again(sorted(_missing(found, there)), paths.folders, run.base, seen)
    return found, seen.is_plain


def _files(parts: Sequence[Listing | _Everything]) -> list[ScannedFile]:
    return [one for part in parts for one in part.files()]


def _digest(parser: str, folders: list[Path], found: list[ScannedFile]) -> bytes:
    """Returns what is the same as long as the same files are as they were, empty for problems."""
    if any(one.problem for one in found):
        return b""
    return hashlib.sha256(msgspec.msgpack.encode((parser, [*map(str, folders)], found))).digest()


def _due(
    found: list[ScannedFile], there: dict[str, Fingerprint | None], *, full: bool = False
) -> DueSeeds:
    """Returns the seeds to be read; `there` are those that were ever read."""
    due = DueSeeds()
    for one in found:
        is_same = there.get(one.path) == (one.size, one.mtime_ns, one.inode)
        if not one.problem and (full or not is_same):
            due.add(one, is_known=one.path in there)
    return due


def _missing(found: list[ScannedFile], there: dict[str, Fingerprint | None]) -> set[str]:
    return there.keys() - {one.path for one in found}
