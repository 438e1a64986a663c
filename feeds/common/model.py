"""The immutable types that are handed from stage to stage.

All times are aware and in UTC, with whole seconds. All texts are NFC and hold only characters that
XML 1.0 allows. All URLs are absolute http(s) URIs (RFC 3986), ASCII only.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Literal

import msgspec

from feeds.common.archives import Archive
from feeds.common.times import recent_days

Severity = Literal["error", "warning"]


class Problem(msgspec.Struct, frozen=True, order=True):
    """Why a seed (`error`), or a part of one (`warning`), was not used.

    `line` and `column` count from 1; 0 means that the whole file is meant. `field` is a dotted path
    into the front matter, as in ``images[0].url``, and empty for the whole file.
    """

    path: str
    line: int
    column: int
    field: str
    reason: str
    severity: Severity = "error"

    def __str__(self) -> str:
        """``path:line:column: severity: field: reason``, as compilers write it."""
        parts = (self.path, self.line, self.line and self.column)
        place = ":".join(str(part) for part in parts if part)
        field = f"{self.field}: " if self.field else ""
        return f"{place}: {self.severity}: {field}{self.reason}"


class Provider(msgspec.Struct, frozen=True):
    """Who published a story; `domain` is lower case and IDNA-encoded (RFC 5891)."""

    name: str
    domain: str


class Image(msgspec.Struct, frozen=True):
    """An image of a story; width and height in pixels, 0 if the seed does not say."""

    url: str
    width: int = 0
    height: int = 0
    title: str = ""
    cached: bool = False


class Related(msgspec.Struct, frozen=True):
    """A story that covers the same matter; `published` and the provider may be unknown."""

    title: str
    url: str
    quality: int = 0
    published: datetime | None = None
    provider: str = ""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A validated story as one seed tells it.

    `id` is ``urn:uuid:`` plus the name-based UUID (RFC 9562, version 5) of the original URL.
    `quality` runs from 0 to 100 (-1: a notice of withdrawal), `heat` is -1 if unknown. `body` is
    sanitised HTML. `topics` keep the seed's spelling and order, without repeats. `correction` says
    what was put right after readers saw the story, `withdrawn_reason` why it is published no more.
    """

    id: str
    title: str
    published: datetime
    updated: datetime | None = None
    url: str
    original_url: str
    quality: int
    heat: int = -1
    is_published: bool = False
    provider: Provider
    excerpt: str = ""
    body: str = ""
    topics: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    category: str = ""
    type: str = ""
    locale: str = ""
    amp_url: str = ""
    cdn_amp_url: str = ""
    images: tuple[Image, ...] = ()
    related: tuple[Related, ...] = ()
    correction: str = ""
    withdrawn_reason: str = ""

    def best_related(self, count: int) -> list[Related]:
        """The related stories of the highest quality, at most `count`."""
        return sorted(self.related, key=lambda story: -story.quality)[:count]


class Document(msgspec.Struct, frozen=True):
    """A file to publish, one feed in one format for instance: its path below out/, its bytes."""

    path: str
    data: bytes


def item_digest(data: bytes) -> bytes:
    """Returns the digest of an item in MessagePack: it changes whenever anything of it does."""
    return hashlib.blake2b(data, digest_size=16).digest()


MEDIA = "media"  # where the files of images stand, below the image cache and below out/


def image_key(url: str) -> str:
    """Returns the name of an image's copy: 32 hex digits of the SHA-256 of its URL."""
    return hashlib.sha256(url.encode()).hexdigest()[:32]


class Picture(msgspec.Struct, frozen=True):
    """The image at a URL that an item names, as the image cache knows it; sizes are in pixels.

    `name` is the path of the copy, below the cache as below out/, ``""`` if none is to be shown;
    `narrower` are those of narrower ones. `missing` says that a fetch found no image there.
    """

    url: str
    name: str = ""
    type: str = ""
    length: int = 0
    width: int = 0
    height: int = 0
    missing: bool = False
    narrower: tuple[tuple[str, int], ...] = ()


class ItemHistory(msgspec.Struct, frozen=True):
    """An item's past since readers were first shown it; times in seconds since 1970.

    `digest` is the reader digest (see `ItemHeader`) that `updated` belongs to. `qualified` holds
    for each feed that the item is in (by `CandidateFeed.name`) when it first qualified for it.
    """

    published: int
    updated: int
    digest: bytes
    qualified: dict[str, int]


class ItemHeader(msgspec.Struct, frozen=True, rename={"revised": "stamp"}):
    """The fields of an item that selection reads; no text.

    Times are seconds since 1970: `dated` is the seed's publishedDateTime, `revised` the later of it
    and updatedDateTime (in the state file ``stamp``). `digest` changes with the item, the other
    only when a reader would care. `history` is None until the item has been in a feed. `number` is
    the store's own, 0 before it has one; `path` is the seed's, as shown to people.
    """

    number: int
    path: str
    id: str
    dated: int
    revised: int
    quality: int
    heat: int
    is_published: bool
    provider: Provider
    topics: tuple[str, ...]
    category: str
    digest: bytes
    reader_digest: bytes
    history: ItemHistory | None = None
    tags: tuple[str, ...] = ()
    locale: str = ""


class ParsedSeed(msgspec.Struct, frozen=True, rename={"header": "card"}):
    """The result of reading one seed file.

    `content` is the SHA-256 of the file's bytes, empty if they could not be read; `same` says that
    they are those that were read before, and nothing else is set. `header` is None if the seed
    cannot be used (then `problems` holds an error); `data` is the item in MessagePack, `images` are
    the item's. In the state file `header` is called ``card``, as it was in earlier versions.
    """

    path: str
    content: bytes
    same: bool = False
    header: ItemHeader | None = None
    data: bytes = b""
    images: tuple[Image, ...] = ()
    problems: tuple[Problem, ...] = ()


class Entry(msgspec.Struct, frozen=True):
    """An item as it stands in the feeds: which one, and the two times that readers see.

    `number` is where the store has the item; the rest decides what documents show.
    """

    number: int
    id: str
    published: int
    updated: int
    digest: bytes


FeedKind = Literal["all", "topic", "provider", "custom", "digest"]


class Feed(msgspec.Struct, frozen=True):
    """A named selection of items with its own address (below out/, without extension).

    `key` tells it from others of its kind: the topic (folded), the provider's domain, or else the
    feed's oldest address. `query` belongs to the address of a feed that the server makes on demand.
    `aliases` are former addresses, at which the documents stand as well, the oldest last. The
    feed's id is made of the address `origin`, if that is set, so that it outlives a move. Entries
    `show` all they have ("full"), no more than the "excerpt", or the "link" alone. `noindex` asks
    search engines to leave its documents out. What was withdrawn is told for `notices_s`.
    `archive` tells where its archives stand, None if it has none; a part of them is a feed, too.
    """

    address: str
    kind: FeedKind
    key: str
    name: str
    title: str
    description: str
    max_items: int
    query: str = ""
    aliases: tuple[str, ...] = ()
    origin: str = ""
    show: str = "full"
    show_images: bool = True
    noindex: bool = False
    archive: Archive | None = None
    notices_s: int = 0
    tombstones: bool = False


FeedRef = tuple[FeedKind, str]  # kind and key of a feed


class Membership(msgspec.Struct, frozen=True):
    """An item that qualifies for a feed (its kind and key), and since when."""

    kind: FeedKind
    key: str
    entry: Entry
    since: int


class FeedContents(msgspec.Struct, frozen=True):
    """A feed with the entries it holds, in the order it shows them.

    `exposed` of them stand there only because they qualified recently; `left_out` more of
    that kind were too many. Up to the time `until` no clock changes any of this.
    """

    feed: Feed
    entries: tuple[Entry, ...]
    exposed: int = 0
    left_out: int = 0
    until: int | None = None
    tombstones: tuple[Entry, ...] = ()  # notices outside of entries

    def summary(self) -> FeedSummary:
        """Returns the feed without its entries."""
        return FeedSummary(
            self.feed,
            len(self.entries),
            max((entry.published for entry in self.entries), default=None),
            max((entry.updated for entry in (*self.entries, *self.tombstones)), default=None),
            *(self.exposed, self.left_out, self.until),
            recent_days(entry.published for entry in self.entries),
        )


class FeedSummary(msgspec.Struct, frozen=True):
    """A feed without its entries: how many, when the newest was published and the last updated.

    Times are seconds since 1970; the rest is as in `FeedContents`. `days` counts entries by day.
    """

    feed: Feed
    entries: int
    newest: int | None
    updated: int | None
    exposed: int
    left_out: int
    until: int | None
    days: tuple[int, ...] = ()
