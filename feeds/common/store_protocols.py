"""The typing protocols by which stages know the store, and the values that it keeps by name.

What each method does is told where it is written, in `feeds.store`. Two of these values stand
beside their types: `LAST` in `feeds.pipeline.state`, and `MEMO` in `feeds.images.examine`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from feeds.common.archives import Archive
from feeds.common.media import CachedImage, Picture
from feeds.common.model import FeedKind, FeedRef
from feeds.common.reports import HubReport, PassReport

T = TypeVar("T")


class Meta(NamedTuple, Generic[T]):
    """The name of a value in the state file, and the type that it has."""

    name: str
    type: type[T]


class Left(msgspec.Struct, frozen=True):
    """The memberships that the pass at the time `at` ended: kind and key of a feed, and an id."""

    at: int
    memberships: list[tuple[FeedKind, str, str]]


# Which items left which feeds with the last pass that selected, for people who ask.
LEFT = Meta("left", Left)
# The report of the last pass.
REPORT = Meta("report", PassReport)
# Digests of what each document about feeds shows, by its path; how compressed copies were made.
OVERVIEW_KEYS = Meta("index", dict[str, bytes])
COMPRESSION = Meta("copies", str)
# The topics and providers without a feed.
MISSING = Meta("missing", list[FeedRef])
# The ids that more than one seed has.
REPEATED = Meta("repeated", list[str])
# The address of each feed by its former ones.
MOVES = Meta("moves", dict[str, str])
# Whether search engines are to leave the site out, and the addresses of the feeds for which the
# opposite holds.
NOINDEX = Meta("noindex", tuple[bool, list[str]])
# How the archives of feeds are linked, by the addresses of their documents.
ARCHIVES = Meta("archives", dict[str, Archive])
# When the last period of each feed of digests ended, by its key.
DIGEST_ENDS = Meta("digest ends", dict[str, int])
# Where hubs have moved to, both addresses without credentials.
HUBS_MOVED = Meta("hubs moved", dict[str, str])
# The addresses of documents that changed, and that are not yet where readers find them.
UNTOLD = Meta("untold", list[str])
# Tells passes apart whose documents are still to be put into a bucket.
SENDING = Meta("sending", str)
# When images that no seed names were removed last, in seconds since 1970.
IMAGES_COLLECTED = Meta("images swept", int)


def total(what: str) -> Meta[dict[str, int]]:
    """Returns the name of a count: how often there was each result."""
    return Meta(f"total {what}", dict[str, int])


IMAGE_FETCHES = total("image fetches")


def pings_to(hub: str) -> Meta[dict[str, int]]:
    """Returns the name of the count of pings to a hub."""
    return total(f"pings {hub}")


class MetaStore(Protocol):
    """The part of the store that keeps single values by name."""

    def get_meta(self, meta: Meta[T]) -> T | None:
        """Returns a value; None if it was never set, or is of another type."""

    def set_meta(self, meta: Meta[T], value: T) -> None:
        """Sets a value."""


def count(store: MetaStore, meta: Meta[dict[str, int]], results: Iterable[str]) -> None:
    """Adds results, one of each time that it happened, to those that were counted before."""
    store.set_meta(meta, Counter(totals(store, meta)) + Counter(results))


def totals(store: MetaStore, meta: Meta[dict[str, int]]) -> dict[str, int]:
    """Returns how often each result was counted since the state file was made."""
    return store.get_meta(meta) or {}


class Ping(NamedTuple):
    """A message to a hub that the document at `url` changed; `failures` counts failed tries.

    `number` belongs to this change of the document alone: a later one has another.
    """

    number: int
    url: str
    failures: int


class HubStore(MetaStore, Protocol):
    """The pings that a delivery sends, and the state of hubs; times are in seconds since 1970."""

    def transaction(self) -> AbstractContextManager[None]: ...
    def due_pings(self, hub: str, now: int, far: int, after: int, count: int) -> Sequence[Ping]: ...
    def old_pings(self, hub: str, since: int) -> Sequence[Ping]: ...
    def drop_ping(self, number: int) -> None: ...
    def put_off_ping(self, number: int, due: int, error: str) -> None: ...
    def rest_of(self, hub: str) -> tuple[int, int]: ...
    def back_off(self, hub: str, until: int, error: str) -> None: ...
    def reset_hub(self, hub: str) -> None: ...
    def hub_reports(self) -> Sequence[HubReport]: ...


class ImageStore(MetaStore, Protocol):
    """The part of the store that the image stage needs."""

    def has_pictures(self) -> bool: ...
    def pictures(
        self, numbers: Iterable[int], *, every: bool
    ) -> dict[int, list[tuple[bool, Picture]]]: ...
    def images_in(self, folder: str) -> list[CachedImage]: ...
    def copy_fingerprints(self, names: Iterable[str]) -> dict[str, tuple[int, int]]: ...
    def keys_of(self, ids: Iterable[str]) -> Iterator[str]: ...
    def without_copy(self, keys: Iterable[str]) -> Iterator[str]: ...
    def keep_image(self, image: CachedImage) -> None: ...
    def image_news(self) -> set[str]: ...
    def feeds_with_image_news(self) -> set[FeedRef]: ...
    def feed_images(self) -> dict[str, tuple[str, ...]]: ...
