"""Only what is new: delta encoding for feeds (RFC 3229, instance manipulation `feed`).

A reader sends ``A-IM: feed`` with the entity tag of the version it has. If that version is still
known, the reader gets, as 226 IM Used, a document with only the entries that are new or changed
since. The entity tag of that answer is that of the whole present document (section 5.3), so the
reader's next request continues from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from feeds.serve.body_cache import BodyCache, digest_of
from feeds.serve.negotiation import IDENTITY, weighted
from feeds.store.versions import Versions

MANIPULATION = "feed"
# Of all documents together: about 700 bytes each.
_MOST_VERSIONS = 200_000
# Of all queries together, of at most 2,400 bytes each; checked once in so many new versions.
_MOST_QUERY_VERSIONS = 10_000
_CHECKED_EVERY = 100


class Delta(NamedTuple):
    """A document with only the new entries, and the digest of its bytes."""

    digest: str
    data: bytes


class Deltas:
    """Remembers versions for `window_s` seconds after they were replaced, and makes deltas."""

    def __init__(self, versions: Versions, bodies: BodyCache, window_s: int) -> None:
        self._versions = versions
        self._bodies = bodies
        self._window_s = window_s
        self._noted = 0

    def record(self, key: str, extension: str, digest: str, data: bytes) -> None:
        """Remembers the entries of a document's newest version.

        Args:
            key: The document's path.
            extension: Its format.
            digest: The digest of its bytes.
            data: Its bytes.

        Raises:
            ValueError: the bytes are no document of that format.
        """
        from feeds.render.delta import entry_digests

        entries = entry_digests(extension, data)
        self._versions.record(key, digest, entries, int(time.time()))

    def note(self, key: str, extension: str, digest: str, read: Callable[[], bytes]) -> None:
        """Remembers the entries of a query feed's newest version, and that it was asked for now."""
        from feeds.render.delta import entry_digests

        now = int(time.time())
        if self._versions.asked(key, digest, now):
            return
        data = self._bodies.get(digest, IDENTITY, read)
        self._versions.record(key, digest, entry_digests(extension, data), now, query=True)
        self._noted += 1
        if self._noted % _CHECKED_EVERY == 0:
            self._versions.forget_queries(now - self._window_s, _MOST_QUERY_VERSIONS)

    def recorded(self) -> set[tuple[str, str]]:
        """Returns path and digest of every document's newest version."""
        return self._versions.newest()

    def end(self, paths: set[str]) -> None:
        """Starts the window of documents that are not published any more."""
        self._versions.end(paths, int(time.time()))

    def forget(self) -> None:
        """Forgets the versions whose window is over."""
        before_unix = int(time.time()) - self._window_s
        self._versions.forget(before_unix, _MOST_VERSIONS)
        self._versions.forget_queries(before_unix, _MOST_QUERY_VERSIONS)

    def delta(
        self, key: str, extension: str, old: str, digest: str, read: Callable[[], bytes]
    ) -> Delta | None:
        """Returns what is new since the version with the digest `old`; None if that is not known.

        Args:
            key: What the version was recorded under.
            extension: The document's format.
            old: The digest of the version that the client has.
            digest: The digest of the present version.
            read: Returns the bytes of the present version.
        """
        from feeds.render.delta import DIGEST_SIZE, without_entries

        since_unix = int(time.time()) - self._window_s
        known = self._versions.entries(key, old, since_unix, DIGEST_SIZE)
        if known is None:
            return None
        data = without_entries(extension, self._bodies.get(digest, IDENTITY, read), known)
        return Delta(digest_of(data), data)


def accepts_deltas(a_im: str | None) -> bool:
    """Tells whether an A-IM header asks for deltas of feeds (RFC 3229, section 10.5.3)."""
    return a_im is not None and any(
        name == MANIPULATION and weight > 0 for name, weight in weighted(a_im)
    )
