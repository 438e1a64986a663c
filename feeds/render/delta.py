"""Documents with some of their entries only: what RFC 3229's `feed` manipulation sends.

The entries are cut out of the bytes of the published document, which is not rendered again. So the
feed's own elements and all references stay as they are, and the result is as valid as the whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container
from typing import Any
from xml.parsers import expat

import msgspec

from feeds.render import atom, jsonfeed, rss

# Enough to tell the entries of one feed apart, and few, since thousands of versions are kept.
DIGEST_SIZE = 12

# The path of entries: the names of the elements around them, and their own.
_ENTRIES = {atom.EXTENSION: ["feed", "entry"], rss.EXTENSION: ["rss", "channel", "item"]}
_SPACE = b" \t\r\n"


def entry_digests(extension: str, data: bytes) -> list[bytes]:
    """Returns a digest of each entry of a document, in its order; it changes if the entry does.

    Raises:
        ValueError: the bytes are no document of that format.
    """
    if extension == jsonfeed.EXTENSION:
        return [_json_digest(item) for item in _json(data)["items"]]
    return [_digest(data[start:end]) for start, end in _entry_spans(extension, data)]


def without_entries(extension: str, data: bytes, known: Container[bytes]) -> bytes:
    """Returns the document without the entries whose digests are known.

    Raises:
        ValueError: the bytes are no document of that format.
    """
    if extension == jsonfeed.EXTENSION:
        document = _json(data)
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


def _json(data: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def _json_digest(item: object) -> bytes:
    return _digest(msgspec.json.encode(item))


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST_SIZE).digest()
