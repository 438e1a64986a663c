"""Only what is new: delta encoding for feeds (RFC 3229, instance manipulation `feed`).

A reader sends ``A-IM: feed`` with the entity tag of the version it has. Where that version is still
known it gets, as 226 IM Used, a document that holds only entries which that version did not have,
or had otherwise. The entity tag of that answer is the one of the whole document as it is now
(section 5.3), so the next request goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from feeds.serve.body_cache import Bodies, digest_of
from feeds.serve.negotiation import IDENTITY, weighted
from feeds.store.versions import Versions

MANIPULATION = "feed"
# Of all documents together: about 700 bytes each.
_MOST_VERSIONS = 200_000
# Of all queries together, of at most 2,400 bytes each; so many may be noted before it is looked.
_MOST_QUERY_VERSIONS = 10_000
_NOTED_BETWEEN = 100


class Delta(NamedTuple):
    """A document with only what is new, and the digest of its bytes."""

    digest: str
    data: bytes


class Deltas:
    """Remembers versions for `window` seconds after they were superseded, and cuts documents."""

    def __init__(self, versions: Versions, bodies: Bodies, window: int) -> None:
        self._versions = versions
        self._bodies = bodies
        self._window = window
        self._noted = 0

    def record(self, key: str, extension: str, digest: str, data: bytes) -> None:
        """Remembers what a version of a document holds.

        Raises:
            ValueError: this is no document of that format.
        """
        from feeds.render.delta import entry_digests

        entries = entry_digests(extension, data)
        self._versions.record(key, digest, entries, int(time.time()))

    def note(self, key: str, extension: str, digest: str, read: Callable[[], bytes]) -> None:
        """Remembers what a version of a query holds, and that it was asked for now."""
        from feeds.render.delta import entry_digests

        now = int(time.time())
        if self._versions.asked(key, digest, now):
            return
        data = self._bodies.get(digest, IDENTITY, read)
        self._versions.record(key, digest, entry_digests(extension, data), now, query=True)
        self._noted += 1
        if self._noted % _NOTED_BETWEEN == 0:
            self._versions.forget_queries(now - self._window, _MOST_QUERY_VERSIONS)

    def recorded(self) -> set[tuple[str, str]]:
        """Returns path and digest of all versions that are the newest of their documents."""
        return self._versions.newest()

    def end(self, paths: set[str]) -> None:
        """Lets the window of documents that are not published any more begin."""
        self._versions.end(paths, int(time.time()))

    def forget(self) -> None:
        """Forgets what is past the window."""
        before = int(time.time()) - self._window
        self._versions.forget(before, _MOST_VERSIONS)
        self._versions.forget_queries(before, _MOST_QUERY_VERSIONS)

    def cut(
        self, key: str, extension: str, old: str, digest: str, read: Callable[[], bytes]
    ) -> Delta | None:
        """Returns what is new since the version `old`; None where that is not known."""
        from feeds.render.delta import DIGEST_SIZE, without_entries

        since = int(time.time()) - self._window
        known = self._versions.entries(key, old, since, DIGEST_SIZE)
        if known is None:
            return None
        data = without_entries(extension, self._bodies.get(digest, IDENTITY, read), known)
        return Delta(digest_of(data), data)


def accepts_deltas(a_im: str | None) -> bool:
    """Tells whether an A-IM header names the manipulation (RFC 3229, section 10.5.3)."""
    return a_im is not None and any(
        name == MANIPULATION and weight > 0 for name, weight in weighted(a_im)
    )
