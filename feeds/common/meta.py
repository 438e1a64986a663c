"""The single values that the state file keeps by name, each with its type, and counts among them.

Two stand beside their types: `LAST` in `feeds.pipeline.state`, and `MEMO` in
`feeds.images.examine`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Generic, NamedTuple, Protocol, TypeVar

from feeds.common.model import FeedRef
from feeds.common.reports import PassReport

T = TypeVar("T")


class Meta(NamedTuple, Generic[T]):
    """The name of a value in the state file, and the type that it has."""

    name: str
    type: type[T]


# The report of the last pass.
REPORT = Meta("report", PassReport)
# Digests of the list of seed files, and of what the index shows; how compressed copies were made.
LISTING = Meta("listing", bytes)
INDEX_KEY = Meta("index", bytes)
COPIES = Meta("copies", str)
# The topics and providers without a feed.
MISSING = Meta("missing", list[FeedRef])
# The address of each feed by its former ones.
MOVES = Meta("moves", dict[str, str])
# Where hubs have moved to, both addresses without credentials.
HUBS_MOVED = Meta("hubs moved", dict[str, str])
# When images that no seed names were removed last, in seconds since 1970.
IMAGES_SWEPT = Meta("images swept", int)


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
