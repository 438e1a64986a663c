"""Documents with some of their entries only: what RFC 3229's `feed` manipulation sends.

The document is the published one with entries taken out, not a new rendering, so all that is said
of the feed itself stays, and it is as valid as the whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator
from typing import Any

import msgspec
from lxml import etree

from feeds.render import atom, jsonfeed, rss

# So few bytes tell the entries of one feed apart, and versions are kept by the thousand.
DIGEST_SIZE = 12

_ENTRIES = {
    atom.EXTENSION: "{http://www.w3.org/2005/Atom}entry",
    rss.EXTENSION: "channel/item",
}
EXTENSIONS = (*_ENTRIES, jsonfeed.EXTENSION)


def entry_digests(extension: str, data: bytes) -> list[bytes]:
    """Returns a digest of each entry of a document, in its order; it changes if the entry does.

    Raises:
        ValueError: this is no document of that format.
    """
    if extension == jsonfeed.EXTENSION:
        return [_json_digest(item) for item in _json(data)["items"]]
    return [_xml_digest(entry) for entry in _entries(extension, _xml(data))]


def without_entries(extension: str, data: bytes, known: Container[bytes]) -> bytes:
    """Returns the document without the entries whose digests are known.

    Raises:
        ValueError: this is no document of that format.
    """
    if extension == jsonfeed.EXTENSION:
        document = _json(data)
        document["items"] = [one for one in document["items"] if _json_digest(one) not in known]
        return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    root = _xml(data)
    for entry in list(_entries(extension, root)):
        parent = entry.getparent()
        if parent is not None and _xml_digest(entry) in known:
            parent.remove(entry)
    tree = root.getroottree()  # with what stands before the root, such as a stylesheet
    return etree.tostring(tree, encoding="UTF-8", xml_declaration=True)


def _xml(data: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from None


def _entries(extension: str, root: etree._Element) -> Iterator[etree._Element]:
    return root.iterfind(_ENTRIES[extension])


def _xml_digest(entry: etree._Element) -> bytes:
    return _digest(etree.tostring(entry, with_tail=False))


def _json(data: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def _json_digest(item: object) -> bytes:
    return _digest(msgspec.json.encode(item))


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST_SIZE).digest()
