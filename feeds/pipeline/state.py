"""What a pass leaves for the next, so that the next skips what would come to the same.

`docs/internals/incremental.md` lists every memo: what it covers, where it is kept, who clears it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds import __version__
from feeds.common.callbacks import Callbacks, Options
from feeds.common.files import Fingerprint
from feeds.common.media_types import copy_recipe
from feeds.common.model import MEDIA, FeedKind, Problem
from feeds.common.templates import Templates
from feeds.config import Config
from feeds.images.cache import folder_times
from feeds.pipeline.memberships import SELECTION_VERSION
from feeds.publish import read_manifest
from feeds.render.context import RENDER_VERSION, Site
from feeds.store import Store

MEDIA_FOLDER = f"{MEDIA}/"


class Pass(NamedTuple):
    """One pass over one open store; `now` is when it began, in seconds since 1970."""

    store: Store
    config: Config
    now: int
    options: Options
    callbacks: Callbacks

    @property
    def out(self) -> Path:
        """The folder that is published to."""
        return self.config.paths.out


class LastPass(msgspec.Struct, frozen=True):
    """For which time, configuration and out/ holds what the last pass left.

    Up to the time `until` no clock changes a feed, None for ever; `now` and `until` are seconds
    since 1970. `config` is the digest of `config_key`, `site` that of `site_key`. `media` are the
    mtimes of the folders of images in out/.
    """

    now: int
    until: int | None
    config: bytes
    out: bytes
    addresses: list[str]
    duplicates: tuple[Problem, ...]
    media: dict[str, int] = {}
    site: bytes = b""


class PassState(NamedTuple):
    """The memos of the last pass as this one finds them; None and empty values if there are none.

    `index_key` is the key of the index as it was rendered, `copies` how compressed copies were
    made, `missing` the topics and providers without a feed.
    """

    last: LastPass | None
    index_key: bytes | None
    copies: str | None
    missing: frozenset[tuple[FeedKind, str]]

    def holds(self, config_key: bytes, now: int) -> bool:
        """Tells whether the last pass had this configuration, and an earlier time."""
        return self.last is not None and self.last.config == config_key and self.last.now <= now

    def is_of(self, out: Path) -> bool:
        """Tells whether the last pass published to this folder."""
        return self.last is not None and self.last.out == os.fsencode(out)


def read_state(store: Store) -> PassState:
    """Returns what the last pass left; a memo that cannot be read counts as missing."""
    return PassState(
        store.get_meta("last", LastPass),
        store.get_meta("index", bytes),
        store.get_meta("copies", str),
        store.get_meta("missing", frozenset[tuple[FeedKind, str]]) or frozenset(),
    )


def config_key(config: Config, templates: Templates) -> bytes:
    """Returns a digest of all but the seeds that decides what a pass comes to."""
    versions = f"{__version__} {SELECTION_VERSION} {RENDER_VERSION} {copy_recipe()}"
    key = f"{versions} {config!r} {templates!r}"
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()


def site_key(site: Site) -> bytes:
    """Returns a digest of what every document shows of the site."""
    return hashlib.sha256(msgspec.msgpack.encode(site)).digest()


def is_quiet(state: PassState, key: bytes, run: Pass) -> bool:
    """Tells whether a pass would publish nothing: no item, image, clock or file in out/ changed.

    Args:
        state: what the last pass left.
        key: the `config_key` of this pass.
        run: this pass, after the rescan.
    """
    last, store = state.last, run.store
    return (
        last is not None
        and state.holds(key, run.now)
        and not store.touched
        and not store.has_image_news()
        and state.is_of(run.out)
        and (last.until is None or run.now <= last.until)
        and _is_intact(store, run.out)
        and folder_times(run.out) == last.media
    )


def _is_intact(store: Store, out: Path) -> bool:
    manifest, stamps = read_manifest(out), store.stamps()
    return (
        not manifest.unfinished
        and {path for path in manifest.files if not path.startswith(MEDIA_FOLDER)} == stamps.keys()
        and all(Fingerprint.of(f"{out}/{path}") == stamp for path, stamp in stamps.items())
    )
