"""Delta encoding for feeds: only what is new (RFC 3229, instance manipulation `feed`).

A reader sends ``A-IM: feed`` with the entity tag of the version it has. If that version is still
known, the reader gets, as 226 IM Used, a document with only the entries that are new or changed
since. The entity tag of that answer is that of the whole present document (section 5.3), so the
reader's next request continues from there.

The entries are cut out of the bytes of the published document, which is not rendered again. So the
feed's own elements and all references stay as they are, and the result is as valid as the whole.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Container
from typing import Any
from xml.parsers import expat

import msgspec

from feeds.serve.negotiation import IDENTITY, weighted
from feeds.serve.publication import BodyCache
from feeds.store.server_files import Versions

# Versions of all documents together, about 700 bytes each.
_MOST_VERSIONS = 200_000
# Versions of all queries together, at most 2,400 bytes each; checked at every 100th new one.
_MOST_QUERY_VERSIONS = 10_000
_CHECKED_EVERY = 100
# Bytes of an entry's digest: enough to tell the entries of one feed apart, and few.
DIGEST_SIZE = 12

_JSON = "json"
# The path of entries: the names of the elements around them, and their own.
_ENTRIES = {"atom": ["feed", "entry"], "rss": ["rss", "channel", "item"]}
_SPACE = b" \t\r\n"


class Deltas:
    """Makes deltas of texts in `bodies`, from versions that were current in the last `window_s`.

    The key of a version is the path of its document, for queries with ``?`` and a digest after it.
    """

    def __init__(self, versions: Versions, bodies: BodyCache, window_s: int = 0) -> None:
        self.bodies = bodies
        self.window_s = window_s
        self._versions = versions
        self._noted = 0

    def record(self, key: str, digest: str, data: bytes, *, query: bool = False) -> None:
        """Remembers the entries of the newest version of a document, from its bytes.

        Raises:
            ValueError: the bytes are no document of the key's format.
        """
        entries = entry_digests(_extension(key), data)
        self._versions.record(key, digest, entries, int(time.time()), query=query)

    def note(self, key: str, digest: str, read: Callable[[], bytes]) -> None:
        """Remembers the entries of a query feed's newest version, and that it was asked for now."""
        if self._versions.asked(key, digest, int(time.time())):
            return
        self.record(key, digest, self.bodies.get(digest, IDENTITY, read), query=True)
        self._noted += 1
        if self._noted % _CHECKED_EVERY == 0:
            self._versions.forget_queries(self._since_unix(), _MOST_QUERY_VERSIONS)

    def recorded(self) -> set[tuple[str, str]]:
        """Returns path and digest of every document's newest version."""
        return self._versions.newest()

    def end(self, paths: set[str]) -> None:
        """Starts the window of documents that are not published any more."""
        self._versions.end(paths, int(time.time()))

    def forget(self) -> None:
        """Forgets the versions whose window is over."""
        self._versions.forget(self._since_unix(), _MOST_VERSIONS)
        self._versions.forget_queries(self._since_unix(), _MOST_QUERY_VERSIONS)

    def delta(self, key: str, old: str, digest: str, read: Callable[[], bytes]) -> bytes | None:
        """Returns the present version with what is new since the one with the digest `old` alone.

        None if that version is not known; `digest` and `read` are of the present one.
        """
        known = self._versions.entries(key, old, self._since_unix(), DIGEST_SIZE)
        if known is None:
            return None
        return without_entries(_extension(key), self.bodies.get(digest, IDENTITY, read), known)

    def _since_unix(self) -> int:
        return int(time.time()) - self.window_s


def _extension(key: str) -> str:
    return key.partition("?")[0].rpartition(".")[2]


def accepts_deltas(a_im: str | None) -> bool:
    """Tells whether an A-IM header asks for deltas of feeds (RFC 3229, section 10.5.3)."""
    return any(name == "feed" and weight > 0 for name, weight in weighted(a_im or ""))


def entry_digests(extension: str, data: bytes) -> list[bytes]:
    """Returns a digest of each entry of a document, in its order; it changes if the entry does.

    Raises:
        ValueError: the bytes are no document of that format.
    """
    if extension == _JSON:
        return [_json_digest(item) for item in _parse_json(data)["items"]]
    return [_digest(data[start:end]) for start, end in _entry_spans(extension, data)]


def without_entries(extension: str, data: bytes, known: Container[bytes]) -> bytes:
    """Returns the document without the entries whose digests are known.

    Raises:
        ValueError: the bytes are no document of that format.
    """
    if extension == _JSON:
        document = _parse_json(data)
        document["items"] = [one for one in document["items"] if _json_digest(one) not in known]
        return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    kept, position = [], 0
    for start, end in _entry_spans(extension, data):
        if _digest(data[start:end]) in known:
            kept.append(data[position:start].rstrip(_SPACE))
            position = end
    return b"".join((*kept, data[position:]))


def _entry_spans(extension: str, data: bytes) -> list[tuple[int, int]]:
    """Returns the offsets in bytes at which each entry begins and ends."""
    wanted, path, begins = _ENTRIES[extension], list[str](), list[int]()
    spans: list[tuple[int, int]] = []
    parser = expat.ParserCreate()

    def start(name: str, _: dict[str, str]) -> None:
        path.append(name)
        if path == wanted:
            begins.append(parser.CurrentByteIndex)

    def end(_: str) -> None:
        if path == wanted:
            spans.append((begins[-1], data.index(b">", parser.CurrentByteIndex) + 1))
        path.pop()

    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parser.Parse(data, True)  # noqa: FBT003 (expat's order)
    except expat.ExpatError as error:
        raise ValueError(str(error)) from None
    return spans


def _parse_json(data: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def _json_digest(item: object) -> bytes:
    return _digest(msgspec.json.encode(item))


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST_SIZE).digest()
