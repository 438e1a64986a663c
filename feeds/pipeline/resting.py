"""What a pass need not look at: everything if nothing changed, and else most parts of archives.

Sealed parts can be most of what out/ holds, and hardly any pass changes one. So a pass looks only
at parts with an item that changed, and at those that get other links. Of all others it compares the
mtimes of their folders, which change when a file comes, goes or is replaced. What somebody writes
into a file of a sealed part itself is noticed within a day, when a pass looks at every file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path

from feeds.common.model import Feed
from feeds.images.cache import folder_times
from feeds.pipeline.context import Pass
from feeds.pipeline.state import PassState
from feeds.publish import Manifest
from feeds.publish.writer import copies_of
from feeds.render.context import site_of

# After so many seconds a pass looks at every file of archives again.
_LOOK_S = 86_400


def can_rest(run: Pass, state: PassState) -> bool:
    """Tells whether the parts of archives are as the last pass left them, by their folders."""
    last = state.last
    return (
        last is not None
        and state.holds(run.key, run.now)
        and (not last.archives or run.now - last.looked < _LOOK_S)
        and archive_folders(run.out, last.archives) == last.archives
        and folder_times(run.out) == last.media
    )


def archive_folders(out: Path, folders: Iterable[str]) -> dict[str, int]:
    """Returns the mtime in ns of these folders below out/; those that are missing are left out."""
    found = {}
    for folder in folders:
        try:
            found[folder] = (out / folder).stat().st_mtime_ns
        except (OSError, ValueError):
            continue
    return found


def looking_at(run: Pass, state: PassState, parts: Sequence[Feed] | None) -> PassState:
    """Returns what the last pass left of all feeds, and of these parts of archives; None for all.

    The documents of the other parts stay in `sealed`.
    """
    store = run.store
    if parts is None:
        if not state.sealed():
            return state
        return state._replace(
            feeds=cache(store.feeds),
            files=cache(store.fingerprints),
            feed_images=cache(store.feed_images),
            sealed=list,
        )
    if not parts:
        return state
    addresses = [one.address for one in parts]
    names = part_files(run, parts)
    return state._replace(
        feeds=cache(lambda: state.feeds() | store.feeds(addresses)),
        files=cache(lambda: state.files() | store.fingerprints(names)),
        feed_images=cache(lambda: state.feed_images() | store.feed_images(addresses)),
        sealed=cache(lambda: [name for name in state.sealed() if name not in names]),
    )


def part_files(run: Pass, parts: Iterable[Feed]) -> set[str]:
    """Returns the paths below out/ of the documents of these parts, and of compressed copies."""
    from feeds.render.documents import document_paths

    site = site_of(run.config)
    names = (name for part in parts for name in document_paths(site, part))
    return {one for name in names for one in (name, *copies_of(name))}


def is_quiet(run: Pass, state: PassState, items: AbstractSet[str]) -> bool:
    """Tells whether no item, image or clock changes anything, nor a folder of `out/` that rests.

    Then a pass would publish nothing, if `is_intact`, too.

    Args:
        run: this pass, after the rescan.
        state: what the last pass left.
        items: the ids of the items that changed.
    """
    last = state.last
    return (
        last is not None
        and not items
        and not state.image_news()
        and (last.until is None or run.now <= last.until)
        and can_rest(run, state)
    )


def is_intact(state: PassState, manifest: Manifest, out: Path) -> bool:
    """Tells whether the files of out/ are those of the last pass, but for what rests."""
    names = set(manifest.files)
    files, sealed = state.files().keys(), state.sealed()
    return (
        not manifest.unfinished
        and len(names) == len(files) + len(sealed)
        and names.issuperset(files)
        and names.issuperset(sealed)
        and files == intact_files(state, out)
    )


def intact_files(state: PassState, out: Path) -> set[str]:
    """Returns the paths of the published files that are as the last pass left them."""
    found: set[str] = set()
    try:
        descriptor = os.open(out, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return found
    try:
        for path, known in state.files().items():
            # Each pass asks this of each document, so in the quickest way.
            try:
                status = os.stat(path, dir_fd=descriptor)
            except (OSError, ValueError):  # a damaged state file names what no file can be
                continue
            if (status.st_size, status.st_mtime_ns, status.st_ino) == known:
                found.add(path)
    finally:
        os.close(descriptor)
    return found
