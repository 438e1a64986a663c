"""Finds the seeds that came, changed or went at some paths alone, which the pass was told of.

Such a pass costs what it is told: nothing is listed, counted or compared but what is at these paths
and below them. If that could differ from what a look at everything finds, everything is looked at.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from feeds.common.buckets import is_object
from feeds.common.files import Fingerprint
from feeds.common.model import Problem
from feeds.common.text import display_path
from feeds.pipeline.context import Pass
from feeds.pipeline.state import PassState, PlainSeeds
from feeds.seeds.listing import look_at_objects
from feeds.seeds.scan import ScannedFile, Seen, is_below, is_unicode, scan_below

# So many of the paths that no scan reaches are named.
_NAMED = 3


class Told(NamedTuple):
    """What is at the paths, and what was there before.

    `found` are the seed files, `there` the seeds that were read, as `Store.seed_fingerprints` has
    them, `missing` those of them without a file. `emptied` are the folders of `paths.seeds` that
    hold no seed any more. `seeds` counts all of them, and `plain` has all paths with a problem.
    """

    found: list[ScannedFile]
    there: dict[str, Fingerprint | None]
    missing: set[str]
    emptied: list[str]
    seeds: int
    plain: PlainSeeds


class Below(NamedTuple):
    """Paths as a scan names them, none below another; `outside` are those that no scan reaches."""

    paths: list[str]
    outside: list[str]


def plain_seeds(run: Pass, parser: str, found: list[ScannedFile]) -> PlainSeeds | None:
    """Returns what lets later passes look at some paths alone; None if a name is not UTF-8."""
    problems = {one.path: one.problem for one in found if one.problem}
    if not all(map(is_unicode, problems)):
        return None
    return PlainSeeds(_key(run, parser), problems)


def look_at_told(run: Pass, state: PassState, parser: str) -> Told | None:
    """Returns what is at the paths of `options.changed`; None if everything must be looked at.

    Raises:
        SeedsFolderError: a folder cannot be listed.
    """
    store, paths, plain = run.store, run.config.paths, state.plain
    if run.options.changed is None or run.options.full:
        return None
    if plain is None or plain.key != _key(run, parser):
        return None
    if not all(map(os.path.isdir, paths.folders)):
        return None
    # What waits was found by passes that were told of more.
    if state.held() or state.readings(parser):
        return None
    objects = find_objects(filter(is_object, run.options.changed), paths.prefixes)
    files = find_below((one for one in run.options.changed if not is_object(one)), paths.folders)
    if objects is None or files is None:
        return None
    below = Below([*files.paths, *objects.paths], [*files.outside, *objects.outside])
    _warn(run, below.outside)
    there: dict[str, Fingerprint | None] = {}
    for path in filter(is_unicode, below.paths):  # no other path was ever read
        there |= store.seeds_below(path, parser)
    # Twice if one is missing: it may have been moved while it was looked for.
    for _ in range(2):
        seen = Seen()
        found = list(scan_below(files.paths, paths.folders, run.base, seen))
        found += look_at_objects(objects.paths, paths.prefixes, run.base)
        missing = there.keys() - {one.path for one in found}
        if not missing:
            break
    if seen.is_linked or not seen.is_plain or any(one.problem for one in found):
        return None
    plain = PlainSeeds(plain.key, _elsewhere(plain.problems, below.paths))
    new = {one.path for one in found} - there.keys()
    unread = sum(not store.seeds_below(path, parser) for path in plain.problems)
    seeds = store.seed_count() - len(missing) + len(new) + unread
    emptied = _emptied(run, missing, new | plain.problems.keys()) if missing else []
    return Told(found, there, missing, emptied, seeds, plain)


def find_below(paths: Iterable[str], folders: list[Path]) -> Below | None:
    """Returns what a scan of these folders calls these paths, which need not exist.

    None stands for everything: a path is one of the folders or above one, or has a link on its way
    below a folder.
    """
    real_path = cache(os.path.realpath)
    roots = {real_path(str(folder)): str(folder) for folder in folders}
    found: set[str] = set()
    outside: list[str] = []
    for path in paths:
        parent, name = os.path.split(path.rstrip("/") or "/")
        # A link is looked at itself, and not what it leads to.
        whole = name in ("", ".", "..")
        real = real_path(path) if whole else f"{real_path(parent).rstrip('/')}/{name}"
        if any(real == root or is_below(root, real) for root in roots):
            return None
        root = next((one for one in roots if is_below(real, one)), None)
        inner = "" if root is None else real[len(root.rstrip("/")) :]
        if root is None or "/." in inner:
            outside.append(path)
            continue
        if Path(real).is_symlink() or not os.path.abspath(path).endswith(inner):  # noqa: PTH100
            return None
        found.add(roots[root].rstrip("/") + inner)
    return Below(_outermost(found), sorted(outside))


def find_objects(addresses: Iterable[str], prefixes: list[str]) -> Below | None:
    """Returns what a listing calls these addresses; None for everything, as `find_below`."""
    found: set[str] = set()
    outside: list[str] = []
    for given in addresses:
        address = given.rstrip("/")
        if any(is_below(prefix, address) for prefix in prefixes):
            return None
        prefix = next((one for one in prefixes if is_below(address, one)), None)
        if prefix is None or "/." in address[len(prefix) - 1 :]:
            outside.append(given)
        else:
            found.add(address)
    return Below(_outermost(found), sorted(outside))


def _outermost(paths: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for path in sorted(paths, key=lambda one: one.split("/")):
        if not kept or not is_below(path, kept[-1]):
            kept.append(path)
    return kept


def _key(run: Pass, parser: str) -> bytes:
    key = (parser, run.config.paths.seeds, run.base)
    return hashlib.sha256(repr(key).encode(errors="surrogateescape")).digest()


def _warn(run: Pass, outside: list[str]) -> None:
    if not outside:
        return
    names = ", ".join(display_path(one, str(run.base)) for one in outside[:_NAMED])
    names += ", ..." if outside[_NAMED:] else ""
    run.callbacks.warn(
        f"{len(outside)} of the changed paths are in no folder of paths.seeds, or hidden, "
        f"and were passed over: {names}"
    )


def _elsewhere(problems: dict[str, Problem], paths: list[str]) -> dict[str, Problem]:
    return {
        path: problem
        for path, problem in problems.items()
        if not any(path == one or is_below(path, one) for one in paths)
    }


def _emptied(run: Pass, missing: set[str], others: set[str]) -> list[str]:
    """Returns the folders of `paths.seeds` in which nothing is left; `others` are not stored."""
    return [
        folder
        for folder in map(str, run.config.paths.seeds)
        if all(path in missing for path in run.store.paths_below(folder))
        and not any(is_below(path, folder) for path in others)
    ]
