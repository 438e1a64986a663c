"""Which stories lost their files in a way that speaks of a lost disk, not of an editor."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from feeds.seeds.scan import is_below

# Fewer stories than these may always go at once, unless they are all of a folder of `paths.seeds`.
FEW = 20


def mass_removals(
    lost: Mapping[str, str],
    before: Mapping[str, str],
    folders: Collection[str],
    emptied: Collection[str],
    max_gone: float,
) -> dict[str, str]:
    """Returns the seeds that should not be forgotten without a question, each with its folder.

    `lost` are the stories that no file has any more, id by path, and `before` all there were.
    Looked at are `folders`, those of `paths.seeds`, and every folder below them: one that would
    lose 20 stories or more, and a larger part than `max_gone`. Those of `folders` that were
    `emptied` need to lose no more than one.
    """
    gone = _by_folder(lost, folders)
    suspects = {folder for folder, ids in gone.items() if len(ids) >= FEW}
    there = _by_folder(before, folders, suspects)
    tripped = {folder for folder in suspects if len(gone[folder]) > max_gone * len(there[folder])}
    tripped |= gone.keys() & set(emptied)
    held: dict[str, list[str]] = defaultdict(list)
    for path in lost:
        for folder in _folders_above(path, folders):
            if folder in tripped:
                held[folder].append(path)
                break
    told: dict[str, str] = {}
    for paths in held.values():
        told |= dict.fromkeys(paths, _common(paths))
    return told


def _by_folder(
    stories: Mapping[str, str], folders: Collection[str], wanted: Collection[str] | None = None
) -> dict[str, set[str]]:
    """Returns the ids of the stories in each folder, or in each `wanted` one."""
    within: dict[str, set[str]] = defaultdict(set)
    for path, id_ in stories.items():
        within[path.rpartition("/")[0]].add(id_)
    found: dict[str, set[str]] = defaultdict(set)
    for parent, ids in within.items():
        for folder in _folders_above(f"{parent}/", folders):
            if wanted is None or folder in wanted:
                found[folder] |= ids
    return found


def _folders_above(path: str, folders: Collection[str]) -> Iterator[str]:
    """Yields the folders that a seed lies in, the outermost one of `paths.seeds` first."""
    top = min((folder for folder in folders if is_below(path, folder)), key=len, default=None)
    if top is None:
        return
    yield top
    end = len(top.rstrip("/"))
    while (end := path.find("/", end + 1)) >= 0:
        yield path[:end]


def _common(paths: Collection[str]) -> str:
    """Returns the folder that all these seeds lie in: the one to look at."""
    return os.path.commonpath([path.rpartition("/")[0] or "/" for path in paths])
