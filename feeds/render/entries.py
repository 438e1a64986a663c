"""The entries of documents: made by patterns, or taken from the documents that were published.

feedgen writes one entry of each form in Atom and RSS, others fill it in: they differ in few things
but their texts, and feedgen and lxml take ten times as long for one. And one story changes where
its feeds show 49 others, which would be rendered to the same bytes again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from html import escape
from typing import NamedTuple

from feeds.render.context import Enclosure, EntryView

# Bytes of a digest in the key of a feed.
DIGEST_SIZE = 16
# They stand for the dates of an entry while feedgen writes it.
PUBLISHED, UPDATED = datetime(2001, 1, 1, tzinfo=UTC), datetime(2002, 2, 2, tzinfo=UTC)
# More patterns than nearly every site has forms of entries.
MOST_FORMS = 1024

# No text holds it.
_SEPARATOR = "\0"
_SIZES = ("length", "width", "height")


class Cut(NamedTuple):
    """How to find the entries in a document of one format: what each begins and ends with.

    Neither stands anywhere else. In XML each ``<`` of a text is escaped, and no text in JSON holds
    a line break. `between` separates two entries, `closing` ends a document.
    """

    begin: bytes
    end: bytes
    between: bytes = b""
    closing: bytes = b""

    def only(self, document: bytes) -> str:
        """Returns the one entry of a document."""
        _, (entry,), _ = self.parts(document)
        return entry.decode()

    def fill(self, shell: bytes, entries: Sequence[str]) -> bytes:
        """Returns a document that has no entries with these."""
        if not entries:
            return shell
        head = shell.removesuffix(self.closing)
        return self.join(head, [one.encode() for one in entries], self.closing)

    def parts(self, data: bytes) -> tuple[bytes, list[bytes], bytes]:
        """Returns what stands before the entries, each of them, and what stands behind.

        Raises:
            ValueError: there is no entry, or they do not stand in a row.
        """
        head, *entries = data.split(self.begin)
        last, found, tail = entries.pop().rpartition(self.end) if entries else (b"", b"", b"")
        rest = self.end + self.between
        if not found or not all(entry.endswith(rest) for entry in entries):
            raise ValueError("the entries of the document are not in a row")
        return head, [*(entry.removesuffix(rest) for entry in entries), last], tail

    def merge(self, rendered: bytes, published: bytes, reuse: Reuse) -> bytes:
        """Returns the document with all entries.

        Args:
            rendered: the document with those entries only that are not taken over.
            published: the document that was published, with all its entries.
            reuse: which of these are taken over.

        Raises:
            ValueError: a document has other entries than it should have.
        """
        head, new, tail = self.parts(rendered)
        _, old, _ = self.parts(published)
        fresh = iter(new)
        if len(new) != reuse.places.count(None) or len(old) != reuse.published:
            raise ValueError("the document has more entries, or fewer")
        entries = [next(fresh) if place is None else old[place] for place in reuse.places]
        return self.join(head, entries, tail)

    def join(self, head: bytes, entries: Iterable[bytes], tail: bytes) -> bytes:
        """Returns the document with these parts."""
        joined = (self.end + self.between + self.begin).join(entries)
        return b"".join((head, self.begin, joined, self.end, tail))


class Reuse(NamedTuple):
    """Which entries of a feed stand in its published documents as they are now.

    `places` has the place of each entry there, None for one that must be rendered: at least one,
    since a document without entries may look different. `published` counts the entries there.
    """

    places: Sequence[int | None]
    published: int


def reuse_of(old: bytes, new: bytes) -> Reuse | None:
    """Returns what to take over from the published documents of a feed; None if that is nothing.

    Args:
        old: the key of the feed (`feed_key`) with which they were published.
        new: its key now.
    """
    (site, *before), (new_site, *now) = _digests(old), _digests(new)
    if site != new_site:
        return None
    known = {digest: place for place, digest in enumerate(before)}
    places = [known.get(digest) for digest in now]
    if None not in places and places:
        places[0] = None
    if places.count(None) == len(places):
        return None
    return Reuse(places, len(before))


def _digests(key: bytes) -> list[bytes]:
    return [key[start : start + DIGEST_SIZE] for start in range(0, len(key), DIGEST_SIZE)] or [b""]


class Form(NamedTuple):
    """Which elements and attributes an entry has.

    `topics` and `related` count these; `summary` is the type of the summary, if there is one.
    `picture` has what is known of the sizes of the picture, and is None if there is no picture.
    """

    topics: int = 0
    related: int = 0
    summary: str = ""
    has_original: bool = False
    picture: tuple[str, ...] | None = None


def form_of(view: EntryView, related: int = 0, summary: str = "") -> Form:
    """Returns the form of an entry; `related` is the highest number of related stories."""
    item, enclosure = view.item, view.enclosure
    picture = tuple(one for one in _SIZES if getattr(enclosure, one)) if enclosure else None
    has_original = item.original_url != item.url
    return Form(len(item.topics), min(len(item.related), related), summary, has_original, picture)


def gap(key: str, number: int | str = "") -> str:
    """Returns what stands for a text of an entry while feedgen writes it."""
    return f"%({key}{number})s"


def numbered(key: str, texts: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Returns the texts of a list by the keys that `gap` takes."""
    return zip(_keys(key, len(texts)), texts, strict=True)


@lru_cache(maxsize=256)
def _keys(key: str, count: int) -> tuple[str, ...]:
    return tuple(f"{key}{number}" for number in range(count))


def picture_texts(enclosure: Enclosure) -> dict[str, str]:
    """Returns the texts of a picture, but its title, by their keys."""
    return {
        "picture": enclosure.url,
        "type": enclosure.type,
        "length": str(enclosure.length),
        "width": str(enclosure.width),
        "height": str(enclosure.height),
    }


def xml_text(text: str) -> str:
    """Returns text as lxml writes that of an element."""
    return escape(text, quote=False).replace("\r", "&#13;")


def xml_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """Returns texts as lxml writes those of elements."""
    return _apart(texts, xml_text(_SEPARATOR.join(texts.values())))


def xml_attributes(texts: Mapping[str, str]) -> dict[str, str]:
    """Returns texts as lxml writes those of attributes, in double quotes."""
    text = xml_text(_SEPARATOR.join(texts.values())).replace('"', "&quot;")
    return _apart(texts, text.replace("\n", "&#10;").replace("\t", "&#9;"))


def _apart(texts: Mapping[str, str], joined: str) -> dict[str, str]:
    """Returns the texts that were escaped together, which takes half the time."""
    return dict(zip(texts, joined.split(_SEPARATOR), strict=True))
