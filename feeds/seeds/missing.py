"""Finds removals of so many stories that a disk is probably missing. Pure."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from feeds.seeds.scan import is_below

# Fewer removals than this are always believed, unless a folder of `paths.seeds` is empty.
FEW = 20


def mass_removals(
    lost: Mapping[str, str],
    before: Mapping[str, str],
    folders: Collection[str],
    emptied: Collection[str],
    max_gone: float,
) -> dict[str, str]:
    """Returns the seeds that are kept until somebody confirms their removal, each with its folder.

    A folder of `paths.seeds`, or one below it, is suspect if it would lose at least 20 stories and
    a larger share than `max_gone`; an emptied one is suspect if it would lose one story.

    Args:
        lost: the stories without a file, id by path.
        before: all stories before, id by path.
        folders: the folders of `paths.seeds`.
        emptied: those of `folders` that hold no seed any more.
        max_gone: the share that may go at once, from 0 to 1.
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
    kept: dict[str, str] = {}
    for paths in held.values():
        kept |= dict.fromkeys(paths, _common(paths))
    return kept


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
