"""Bodies in memory, each in every coding that was asked for; the least recently used go first."""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable

from feeds.serve.negotiation import IDENTITY

# The bytes that Python and the table need for each body besides its own.
_OVERHEAD = 200
# A feed of 180 KB takes 3 to 5 ms in each; above these levels time doubles for a few per cent.
_GZIP_LEVEL = 9
_BROTLI_QUALITY = 6
_ZSTD_LEVEL = 9
# zlib: the largest window, in a gzip frame (which zlib writes without a time: same bytes always).
_GZIP_WINDOW = 31


def digest_of(data: bytes) -> str:
    """Returns a digest of a body, which is its key here and its entity tag."""
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def compress(coding: str, data: bytes) -> bytes:
    """Returns the data in a content coding; the same data always gives the same bytes."""
    # Imported on demand: a server behind a proxy may never need the one or the other.
    if coding == "gzip":
        packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
        return packer.compress(data) + packer.flush()
    if coding == "br":
        import brotli

        return bytes(brotli.compress(data, mode=brotli.MODE_TEXT, quality=_BROTLI_QUALITY))
    if coding == "zstd":
        import zstandard

        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(data)
    return data


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
            found = compress(coding, read() if plain is None else plain)
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
            old = self._held.pop((digest, coding), None)
            if old is not None:
                self.size -= len(old) + _OVERHEAD
            if len(body) + _OVERHEAD > self.limit:
                return
            self._held[digest, coding] = body
            self.size += len(body) + _OVERHEAD
            while self.size > self.limit:
                _, gone = self._held.popitem(last=False)
                self.size -= len(gone) + _OVERHEAD
                evicted = True
        if evicted:
            self.on_evict()

    def drop(self, digests: set[str]) -> None:
        """Drops the bodies with these digests."""
        with self._lock:
            for digest, coding in [key for key in self._held if key[0] in digests]:
                self.size -= len(self._held.pop((digest, coding))) + _OVERHEAD
