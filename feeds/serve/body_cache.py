"""Bodies in memory, each in every coding that was asked for; the least recently used go first."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable

from feeds.common.media_types import compress
from feeds.serve.negotiation import IDENTITY

# The bytes that Python and the table need for each body besides its own.
_OVERHEAD = 200


def digest_of(data: bytes) -> str:
    """Returns a digest of a body, which is its key here and its entity tag."""
    return hashlib.blake2b(data, digest_size=12).hexdigest()


class BodyCache:
    """Bodies by digest and content coding, of at most `limit` bytes together.

    Calls `on_evict` after it dropped a body for lack of room, since ready answers still hold it.
    Safe to use from several threads.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.on_evict: Callable[[], None] = lambda: None
        self._held: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: str, coding: str, read: Callable[[], bytes]) -> bytes:
        """Returns a body in a coding; if it is missing, it is made of what `read` returns."""
        found = self.look(digest, coding)
        if found is None:
            plain = self.look(digest, IDENTITY)
            if plain is None:
                plain = read()
            found = plain if coding == IDENTITY else compress(coding, plain)
            self.put(digest, coding, found)
        return found

    def look(self, digest: str, coding: str) -> bytes | None:
        """Returns a body in a coding, None if it is missing."""
        with self._lock:
            found = self._held.get((digest, coding))
            if found is not None:
                self._held.move_to_end((digest, coding))
            return found

    def put(self, digest: str, coding: str, body: bytes) -> None:
        """Keeps a body, unless it alone is larger than the limit."""
        evicted = False
        with self._lock:
            self._remove((digest, coding))
            if len(body) + _OVERHEAD > self.limit:
                return
            self._held[digest, coding] = body
            self.size += len(body) + _OVERHEAD
            while self.size > self.limit:
                self._remove(next(iter(self._held)))
                evicted = True
        if evicted:
            self.on_evict()

    def drop(self, digests: set[str]) -> None:
        """Drops the bodies with these digests."""
        with self._lock:
            for key in [key for key in self._held if key[0] in digests]:
                self._remove(key)

    def _remove(self, key: tuple[str, str]) -> None:
        body = self._held.pop(key, None)
        if body is not None:
            self.size -= len(body) + _OVERHEAD
