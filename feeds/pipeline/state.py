"""The memos that a pass leaves for the next, which then skips work that changes nothing.

`PassState` holds every such memo. A memo may only ever save work: if it is missing, the pass does
the work again. Two also say what no file tells: `held`, and `feed_images`, which goes together with
`feeds`. `docs/internals/incremental.md` has the same table.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from feeds.common.files import Fingerprint
from feeds.common.media import MEDIA
from feeds.common.model import FeedRef, FeedSummary, Problem
from feeds.common.protocols import COMPRESSION, MISSING, OVERVIEW_KEYS, REPEATED, Meta
from feeds.common.slugs import Addresses
from feeds.images.examine import MEMO, CacheSeen
from feeds.render.context import Site
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
    """What passes over few of very many feeds need to know of all of them (`feeds.pipeline.few`).

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


class Memo(NamedTuple):
    """What a memo covers, who clears or replaces it, and where the state file keeps it."""

    covers: str
    cleared_by: str
    kept_in: str


class PassState(NamedTuple):
    """Every memo, as this pass finds it.

    Single values are None or empty if they are missing or cannot be read. Memos with a row per
    file, seed or feed are functions, which read the table when they are asked.
    """

    listing: Annotated[
        Callable[[], dict[str, bytes]],
        Memo(
            "no seed file of these folders came, went or changed: they are not compared with the "
            "table of seeds",
            "each rescan; a folder has no row while a file in it is younger than two seconds, and "
            "none has one while a path has a problem",
            "`listing`",
        ),
    ]
    plain: Annotated[
        PlainSeeds | None,
        Memo(
            "the folders of seeds hold no links, and these paths have a problem: a pass may look "
            "at the paths alone that it is told of",
            "each look at everything; missing if there is a link, or a name that is not UTF-8; "
            "void for other folders and another way to read",
            "`fact`: `plain`",
        ),
    ]
    seed_fingerprints: Annotated[
        Callable[[str, str], dict[str, Fingerprint | None]],
        Memo(
            "these seeds were read as they are, by this parser, time zone and repair",
            "the rescan that reads the file; a row that is not settled, or of another parser, does "
            "not count",
            "`seed`: `size`, `mtime_ns`, `inode`, `settled`, `parser`",
        ),
    ]
    seed_contents: Annotated[
        Callable[[str, str], bytes],
        Memo(
            "a file with another fingerprint holds the same bytes, so it is not parsed",
            "the rescan that reads other bytes",
            "`seed`: `content`",
        ),
    ]
    readings: Annotated[
        Callable[[str], dict[str, Kept]],
        Memo(
            "what passes that were cut short have read",
            "the pass that publishes it; a row with another fingerprint is not used",
            "`reading`",
        ),
    ]
    held: Annotated[
        Callable[[], dict[str, str]],
        Memo(
            "which stories stay although their files are gone",
            "files with their ids, `--allow-empty`, a folder that leaves `paths.seeds`",
            "`held`",
        ),
    ]
    last: Annotated[
        LastPass | None,
        Memo(
            "the time, configuration, `out/`, site and folders of images for which the rest holds; "
            "up to `until` no clock changes a feed",
            "each pass that selects; void for another version, config.toml or template, or a clock "
            "that was set back",
            "`fact`: `last`",
        ),
    ]
    missing: Annotated[
        frozenset[FeedRef],
        Memo(
            "which topics and providers have no feed, so that pages do not link to them",
            "each pass that selects",
            "`fact`: `missing`",
        ),
    ]
    repeated: Annotated[
        frozenset[str] | None,
        Memo(
            "which ids more than one seed has, so that no pass looks for them among all",
            "each pass that selects, for the ids of what came, went or changed",
            "`fact`: `repeated`",
        ),
    ]
    feeds: Annotated[
        Callable[[], dict[str, tuple[bytes, FeedSummary]]],
        Memo(
            "digests of what documents show of the feed and of each entry; and its summary",
            "the pass that renders the feed",
            "`feed`: `key`, `summary`",
        ),
    ]
    overview_keys: Annotated[
        dict[str, bytes],
        Memo(
            "a digest of all that a document about feeds shows, such as a page of the index or a "
            "subscription list: same key, same bytes",
            "the pass that renders it",
            "`fact`: `index`",
        ),
    ]
    files: Annotated[
        Callable[[], dict[str, Fingerprint]],
        Memo(
            "the published files are as they were written",
            "each pass that publishes; a file that differs is compared or written again",
            "`document`",
        ),
    ]
    sealed: Annotated[
        Callable[[], Sequence[str]],
        Memo(
            "the documents of archives that hold no changed item are as they were written: their "
            "folders alone are looked at, and each file once a day",
            "the pass that seals or renders a part; void if a folder of archives or of images in "
            "`out/` changed, and a day after all files were looked at",
            "`document`, `feed`, `feed_image`: `sealed`",
        ),
    ]
    catalogue: Annotated[
        Catalogue | None,
        Memo(
            "of very many feeds those that no item joined or left stay as they are, the lists of "
            "feeds included, and the documents are as they were written: their folders alone are "
            "looked at, and each file once a day",
            "each pass over all feeds; void if a folder in `out/` changed, a day after all files "
            "were looked at, and if a clock or a name changes any other feed",
            "`fact`: `catalogue`; `catalogue`",
        ),
    ]
    compression: Annotated[
        str | None,
        Memo(
            "how compressed copies were made",
            "a pass with another recipe, which makes all of them again",
            "`fact`: `copies`",
        ),
    ]
    cache_folders: Annotated[
        Callable[[], CacheSeen | None],
        Memo(
            "no file came to a folder of the image cache or left it; these files cannot be used",
            "each look at the cache; a folder that changed within two seconds is looked at again, "
            "and a fetch tries all files again",
            "`fact`: `image cache`",
        ),
    ]
    image_news: Annotated[
        Callable[[], bool],
        Memo(
            "whether an image changed since the feeds that show it were rendered",
            "the pass that looks at those feeds",
            "`image`: `news`",
        ),
    ]
    feed_images: Annotated[
        Callable[[], dict[str, tuple[str, ...]]],
        Memo(
            "which copies the documents of each feed name",
            "the pass that renders the feed",
            "`feed_image`",
        ),
    ]

    def holds(self, config_key: bytes, now: int) -> bool:
        """Tells whether the last pass had this configuration (`out/`, too), and an earlier time."""
        return self.last is not None and self.last.config == config_key and self.last.now <= now

    def is_of(self, out: Path) -> bool:
        """Tells whether the last pass published to this folder."""
        return self.last is not None and self.last.out == os.fsencode(out)


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
