"""The memos that a pass leaves for the next, and what this need not look at because of them.

`PassState` holds every memo. It may only ever save work: if one is missing, the pass does the work
again. Two also say what no file tells: `held`, and `feed_images`, which goes together with `feeds`.

Sealed parts of archives can be most of what out/ holds, and hardly any pass changes one. So a pass
looks only at parts with an item that changed, and at those that get other links. Of all others it
compares the mtimes of their folders, which change when a file comes, goes or is replaced. What
somebody writes into a file of a sealed part itself is noticed within a day, when a pass looks at
every file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds.common.files import Fingerprint
from feeds.common.media import MEDIA
from feeds.common.model import Feed, FeedRef, FeedSummary, Problem
from feeds.common.slugs import Addresses
from feeds.common.store_protocols import COMPRESSION, MISSING, OVERVIEW_KEYS, REPEATED, Meta
from feeds.common.times import DAY_S
from feeds.images.cache import folder_times
from feeds.images.examine import MEMO, CacheSeen
from feeds.pipeline.context import Pass
from feeds.publish import Manifest
from feeds.publish.compression import copies_of
from feeds.render.context import Site, site_of
from feeds.render.index_parts import Part
from feeds.store import Store
from feeds.store.published import OPEN
from feeds.store.readings import Kept

MEDIA_FOLDER = f"{MEDIA}/"


class LastPass(msgspec.Struct, frozen=True):
    """For which time, configuration and out/ the other memos hold.

    Up to the time `until` no clock changes a feed, None for ever; `now` and `until` are seconds
    since 1970. `config` is the digest of `config_key`, `site` that of `site_key`. `media` are the
    mtimes of the folders of images in out/, `archives` those of the folders of sealed parts, whose
    files were all looked at in the pass at `looked`.
    """

    now: int
    until: int | None
    config: bytes
    out: bytes
    addresses: list[str]
    duplicates: tuple[Problem, ...]
    media: dict[str, int] = {}
    site: bytes = b""
    archives: dict[str, int] = {}
    looked: int = 0


class Catalogue(msgspec.Struct, frozen=True):
    """What passes over few of very many feeds (`feeds.pipeline.changed_feeds`) need to know of all.

    `names` is a digest of what items call topics and providers, `addresses` are those that do not
    follow from the name, `parts` those in which feeds are listed, without feeds. `near` are the
    files directly in out/, `folders` the mtimes of all others with `documents`, and of that of the
    manifest; all files were looked at in the pass at `looked`.
    """

    names: bytes
    addresses: Addresses
    parts: list[list[Part]]
    documents: int
    near: list[str]
    folders: dict[str, int]
    looked: int


class PlainSeeds(msgspec.Struct, frozen=True):
    """What a look at everything found in the folders of seeds, if no link is among the paths.

    `key` is a digest of the folders and of the way in which seeds are read. `problems` are those
    that a path has, not what is in a file.
    """

    key: bytes
    problems: dict[str, Problem]


LAST = Meta("last", LastPass)
PLAIN = Meta("plain", PlainSeeds)
CATALOGUE = Meta("catalogue", Catalogue)


class PassState(NamedTuple):
    """Every memo, as this pass finds it: `docs/internals/incremental.md` has a row for each.

    Single values are None or empty if they are missing or cannot be read. Memos with a row per
    file, seed or feed are functions, which read the table when they are asked.
    """

    listing: Callable[[], dict[str, bytes]]
    plain: PlainSeeds | None
    seed_fingerprints: Callable[[str, str], dict[str, Fingerprint | None]]
    seed_contents: Callable[[str, str], bytes]
    readings: Callable[[str], dict[str, Kept]]
    held: Callable[[], dict[str, str]]
    last: LastPass | None
    missing: frozenset[FeedRef]
    repeated: frozenset[str] | None
    feeds: Callable[[], dict[str, tuple[bytes, FeedSummary]]]
    overview_keys: dict[str, bytes]
    files: Callable[[], dict[str, Fingerprint]]
    sealed: Callable[[], Sequence[str]]
    catalogue: Catalogue | None
    compression: str | None
    cache_folders: Callable[[], CacheSeen | None]
    image_news: Callable[[], bool]
    feed_images: Callable[[], dict[str, tuple[str, ...]]]

    def holds(self, config_key: bytes, now: int) -> bool:
        """Tells whether the last pass had this configuration (`out/`, too), and an earlier time."""
        return self.last is not None and self.last.config == config_key and self.last.now <= now


def read_state(store: Store) -> PassState:
    """Returns what the last pass left; a memo that cannot be read counts as missing."""
    repeated = store.get_meta(REPEATED)
    return PassState(
        listing=store.listing,
        plain=store.get_meta(PLAIN),
        seed_fingerprints=store.seed_fingerprints,
        seed_contents=store.content,
        readings=store.kept_readings,
        held=store.held,
        last=store.get_meta(LAST),
        missing=frozenset(store.get_meta(MISSING) or ()),
        repeated=None if repeated is None else frozenset(repeated),
        feeds=partial(cache(store.feeds), OPEN),
        overview_keys=store.get_meta(OVERVIEW_KEYS) or {},
        files=partial(cache(store.fingerprints), OPEN),
        sealed=cache(store.sealed_documents),
        catalogue=store.get_meta(CATALOGUE),
        compression=store.get_meta(COMPRESSION),
        cache_folders=partial(store.get_meta, MEMO),
        image_news=store.has_image_news,
        feed_images=partial(cache(store.feed_images), OPEN),
    )


def site_key(site: Site) -> bytes:
    """Returns a digest of what every document shows of the site."""
    return hashlib.sha256(msgspec.msgpack.encode(site)).digest()


def can_rest(run: Pass, state: PassState) -> bool:
    """Tells whether the parts of archives are as the last pass left them, by their folders."""
    last = state.last
    return (
        last is not None
        and state.holds(run.key, run.now)
        and (not last.archives or run.now - last.looked < DAY_S)
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

    Then a pass would publish nothing, if `is_intact`, too. `items` are the ids of what changed.
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
