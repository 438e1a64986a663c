"""The immutable types that are handed from stage to stage.

All times are aware and in UTC, with whole seconds. All texts are NFC and hold only characters that
XML 1.0 allows. All URLs are absolute http(s) URIs (RFC 3986), ASCII only.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from feeds.common.archives import Archive, ArchivePart
from feeds.common.times import recent_days

Severity = Literal["error", "warning"]


class Problem(msgspec.Struct, frozen=True, order=True):
    """Why a seed (`error`), or a part of one (`warning`), was not used.

    `line` and `column` count from 1, `field` is a dotted path as in ``images[0].url``; 0 and ``""``
    mean the whole file.
    """

    path: str
    line: int
    column: int
    field: str
    reason: str
    severity: Severity = "error"

    def __str__(self) -> str:
        """``path:line:column: severity: field: reason``, as compilers write it."""
        place = (self.path, self.line, self.line and self.column)
        parts = (*place, f" {self.severity}", self.field and f" {self.field}", f" {self.reason}")
        return ":".join(str(part) for part in parts if part)


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


class ItemHistory(msgspec.Struct, frozen=True):
    """An item's past since readers were first shown it; times in seconds since 1970.

    `digest` is the reader digest (see `ItemHeader`) that `updated` belongs to. `qualified` tells by
    `CandidateFeed.name` when it first qualified for the feeds that it is in.
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
    they are those that were read before, and nothing else is set. `header` (in the state file
    ``card``) is None if `problems` holds an error; `data` is the item in MessagePack.
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

    `key` is the topic (folded), the provider's domain, or else the feed's oldest address. `query`
    belongs to the address of a feed that the server makes on demand. `aliases` are former
    addresses, at which the documents stand as well, the oldest last; of `origin`, if set, the id is
    made, so that it outlives a move. Entries `show` all they have ("full"), no more than the
    "excerpt", or the "link". `noindex` asks search engines to leave its documents out. What was
    withdrawn is told for `notices_s`. `archive` is None without archives; a part of them is a feed.
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

    @property
    def part(self) -> ArchivePart | None:
        """The part of archives that it is, if it is one."""
        return self.archive.part if self.archive is not None else None


FeedRef = tuple[FeedKind, str]  # kind and key of a feed


class Membership(msgspec.Struct, frozen=True):
    """An item that qualifies for a feed (its kind and key), and since when."""

    kind: FeedKind
    key: str
    entry: Entry
    since: int


class FeedContents(msgspec.Struct, frozen=True):
    """A feed with the entries it holds, in the order it shows them.

    `exposed` of them stand there only because they qualified recently; `left_out` more of that kind
    were too many. Up to the time `until` no clock changes any of this. `tombstones` are notices.
    """

    feed: Feed
    entries: tuple[Entry, ...]
    exposed: int = 0
    left_out: int = 0
    until: int | None = None
    tombstones: tuple[Entry, ...] = ()

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
    """A feed with its number of entries, by day too, and the newest times in seconds since 1970."""

    feed: Feed
    entries: int
    newest: int | None
    updated: int | None
    exposed: int
    left_out: int
    until: int | None
    days: tuple[int, ...] = ()


class DigestStory(msgspec.Struct, frozen=True):
    """A story as it was when its period ended, or corrected later; `number` is the store's own.

    `withdrawn` is why it was since (``deleted``, ``unpublished``, ``excluded``), else ``""``.
    """

    number: int
    item: Item
    withdrawn: str = ""


class Digest(msgspec.Struct, frozen=True):
    """The best stories of a period, from `start` until `end`, in seconds since 1970.

    `day` is the day of its last moment, where the site is, in ISO 8601.
    """

    start: int
    end: int
    day: str
    stories: tuple[DigestStory, ...]

    def shown(self, *, notices: bool) -> list[DigestStory]:
        """Returns the stories that are shown, withdrawn ones only if their notices are."""
        return [one for one in self.stories if notices or not one.withdrawn]


decode_digest = msgspec.msgpack.Decoder(Digest).decode
