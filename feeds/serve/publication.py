"""The files of out/ that are served, those of its manifest, and a cache of their bytes."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from feeds.common.files import Fingerprint
from feeds.common.media import kind_of
from feeds.common.slugs import QUERY, QUERY_MARK
from feeds.publish.compressed import compress, is_copy
from feeds.publish.manifest import read_manifest
from feeds.serve.negotiation import IDENTITY

# The bytes that Python and the table need for each body, besides its own.
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
            plain = self.look(digest, IDENTITY) or read()
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
        with self._lock:
            self._remove((digest, coding))
            if len(body) + _OVERHEAD > self.limit:
                return
            self._held[digest, coding] = body
            self.size += len(body) + _OVERHEAD
            evicts = self.size > self.limit
            while self.size > self.limit:
                self._remove(next(iter(self._held)))
        if evicts:
            self.on_evict()

    def drop(self, digests: set[str]) -> None:
        """Drops the bodies with these digests."""
        with self._lock:
            for key in [key for key in self._held if key[0] in digests]:
                self._remove(key)

    def _remove(self, key: tuple[str, str]) -> None:
        if key in self._held:
            self.size -= len(self._held.pop(key)) + _OVERHEAD


_NANOSECONDS = 1_000_000_000
# Pages mark what is for servers alone that answer queries: what is hidden is shown, and what has a
# text, or is not hidden, gets a link. Nothing leads a crawler there where other servers send pages.
_MARK = re.compile(
    b'( hidden)?(?: MARK-to="([^"]*)")?(?: MARK-text="([^"]*)")? MARK>'.replace(
        b"MARK", QUERY_MARK.encode()
    )
)


class PublishedText(NamedTuple):
    """A text in out/: its file, the digest of its bytes, and its mtime in Unix seconds."""

    fingerprint: Fingerprint
    digest: str
    modified_unix: int


class Publication(NamedTuple):
    """The files of one publication by their paths below out/; `media` stay on the disk.

    `unfinished` says that a pass is writing files, or was killed while it did.
    """

    texts: dict[str, PublishedText]
    media: frozenset[str]
    unfinished: bool = False


class ReplacedError(Exception):
    """A file has changed since the publication was read."""


NOTHING = Publication({}, frozenset())


def read_publication(out: Path, before: Publication, bodies: BodyCache) -> Publication:
    """Reads a publication; of its texts only those that changed since `before`, into `bodies`.

    Raises:
        PublishError: the manifest cannot be read.
    """
    manifest = read_manifest(out)
    texts: dict[str, PublishedText] = {}
    media: set[str] = set()
    for path in filter(is_served, manifest.files):
        if not kind_of(path).text:
            media.add(path)
            continue
        known = before.texts.get(path)
        if known is not None and known.fingerprint == Fingerprint.of(f"{out}/{path}"):
            texts[path] = known
        elif found := read_text(out, path):
            texts[path], data = found
            bodies.put(texts[path].digest, IDENTITY, data)
    return Publication(texts, frozenset(media), manifest.unfinished)


def is_served(path: str) -> bool:
    """Tells whether a file of ours is for readers: no dot file and no compressed copy."""
    return not is_copy(path) and "/." not in f"/{path}"


def read_text(out: Path, path: str) -> tuple[PublishedText, bytes] | None:
    """Reads a text and its bytes; None if it is missing: a pass may just have removed it."""
    try:
        # Not through a link: it may lead to a file that is not ours.
        descriptor = os.open(f"{out}/{path}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with open(descriptor, "rb") as file:  # noqa: PTH123 (a descriptor)
            status = os.fstat(descriptor)
            data = file.read()
    except OSError:
        return None
    if path.endswith(".html"):
        data = _MARK.sub(_shown, data)
    fingerprint = Fingerprint.of_status(status)
    return PublishedText(fingerprint, digest_of(data), fingerprint.mtime_ns // _NANOSECONDS), data


def _shown(mark: re.Match[bytes]) -> bytes:
    hidden, to, text = mark.groups()
    if hidden and not text:
        return b">"
    link = (to or QUERY.encode(), text or b"Make a feed of your own")
    return b'><a href="%s">%s</a> ' % link


def read_version(out: Path, path: str, digest: str) -> bytes:
    """Returns the bytes of a text that has this digest.

    Raises:
        ReplacedError: the file has other bytes now.
    """
    found = read_text(out, path)
    if found is None or found[0].digest != digest:
        raise ReplacedError(path)
    return found[1]
