"""The published files that are served, and deltas: what is new since a reader's version.

Delta encoding for feeds (RFC 3229, instance manipulation `feed`): a reader sends ``A-IM: feed``
with the entity tag of the version it has. If that version is still known, the reader gets, as 226
IM Used, a document with only the entries that are new or changed since. The entity tag of that
answer is that of the whole present document (section 5.3), so the next request continues there.

The entries are cut out of the bytes of the published document, which is not rendered again. So the
feed's own elements and all references stay as they are, and the result is as valid as the whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any, NamedTuple
from xml.parsers import expat

import msgspec

from feeds.common.files import Fingerprint
from feeds.common.media import kind_of
from feeds.common.slugs import QUERY, QUERY_MARK
from feeds.publish.compression import is_copy
from feeds.publish.manifest import read_manifest
from feeds.serve.messages import IDENTITY, BodyCache, digest_of
from feeds.store.server_files import Versions

_NANOSECONDS = 1_000_000_000
# Pages mark what is for servers alone that answer queries: what is hidden is shown, and what has a
# text, or is not hidden, gets a link. Nothing leads a crawler there where other servers send pages.
_MARK = re.compile(
    b'( hidden)?(?: MARK-to="([^"]*)")?(?: MARK-text="([^"]*)")? MARK>'.replace(
        b"MARK", QUERY_MARK.encode()
    )
)
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
    """Reads what changed since `before`, the texts into `bodies`; raises PublishError."""
    manifest = read_manifest(out)
    texts: dict[str, PublishedText] = {}
    media: set[str] = set()
    for path in filter(is_served, (*manifest.files, *manifest.images)):
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
    """Returns the bytes of a text with this digest; raises ReplacedError if it has others now."""
    found = read_text(out, path)
    if found is None or found[0].digest != digest:
        raise ReplacedError(path)
    return found[1]


# What is new


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
        """Remembers the entries of a document's newest version; raises as `entry_digests` does."""
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

    def recorded(self, paths: Container[str]) -> set[tuple[str, str]]:
        """Returns path and digest of the newest versions; the window of those not published begins.

        `paths` are those of all documents.
        """
        newest = self._versions.newest()
        self._versions.end({path for path, _ in newest if path not in paths}, int(time.time()))
        return newest

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


def entry_digests(extension: str, data: bytes) -> list[bytes]:
    """Returns a digest of each entry of a document, in its order; it changes if the entry does.

    Raises:
        ValueError: the bytes are no document of that format.
    """
    if extension == _JSON:
        return [_json_digest(item) for item in _parse_json(data)["items"]]
    return [_digest(data[start:end]) for start, end in _entry_spans(extension, data)]


def without_entries(extension: str, data: bytes, known: Container[bytes]) -> bytes:
    """Returns a document without the entries with known digests; raises as `entry_digests` does."""
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
