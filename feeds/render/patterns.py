"""Patterns of entries in Atom and RSS: feedgen writes one entry of each form, others fill it in.

Entries differ in few things but their texts: how many topics they have, whether there is a picture.
feedgen and lxml take ten times as long for an entry as filling in its texts takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from html import escape
from typing import NamedTuple

from feeds.render.context import Enclosure, EntryView
from feeds.render.reuse import Cut

# They stand for the dates of an entry while feedgen writes it.
PUBLISHED, UPDATED = datetime(2001, 1, 1, tzinfo=UTC), datetime(2002, 2, 2, tzinfo=UTC)
# More patterns than nearly every site has forms of entries.
MOST_FORMS = 1024

# No text holds it.
_SEPARATOR = "\0"
_SIZES = ("length", "width", "height")


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


def pattern(document: bytes, cut: Cut) -> str:
    """Returns the one entry of a document that feedgen wrote, with names in place of texts."""
    _, (entry,), _ = cut.parts(document)
    return entry.decode()


def with_entries(shell: bytes, closing: bytes, cut: Cut, entries: list[str]) -> bytes:
    """Returns a document without entries with these, before its last tags."""
    if not entries:
        return shell
    return cut.join(shell.removesuffix(closing), [one.encode() for one in entries], closing)


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
