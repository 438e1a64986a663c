"""The parts of the index: splits a group of many feeds by the first letters of their names.

Each part has a page and a subscription list of its own, so a change rewrites these alone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple

from feeds.common.model import FeedKind, FeedSummary

# Below out/. No feed has an address in this folder (see `feeds.select.addresses`).
FOLDER = "feeds"
# A part has at most so many feeds, and bytes of names and addresses: its page stays under 1 MB.
MOST_IN_PART = 500
MOST_BYTES = 100_000
_GROUPS = {"topic": "topics", "provider": "providers", "custom": "custom", "digest": "digests"}

# From here on signs are syllables and ideographs, thousands of them, too many to be letters.
_NO_LETTER = "\u3100"
_ALL, _DIGITS, _OTHER = "All", "0\N{EN DASH}9", "Other"
_FILES = {_ALL: "all", _DIGITS: "0-9", _OTHER: "other"}


class Part(NamedTuple):
    """Feeds of one kind whose names begin with the same letter, by their names.

    `number` counts the parts of this letter from 1. `path` is that of the part's page and list
    below out/, without extension.
    """

    kind: FeedKind
    letter: str
    number: int
    path: str
    feeds: list[FeedSummary]

    @property
    def title(self) -> str:
        """What tells it from other parts of its kind."""
        return f"{self.letter}, {self.number}" if self.number > 1 else self.letter


def split_group(
    kind: FeedKind, feeds: Sequence[FeedSummary], name_of: Callable[[FeedSummary], str]
) -> list[Part]:
    """Returns the parts of a group: digits first, then letters, then everything else.

    A group that is small enough is one part, whatever its letters.

    Args:
        kind: The kind of the feeds.
        feeds: All feeds of this kind.
        name_of: Returns the name by which a page lists a feed.
    """
    named = _named(feeds, name_of)
    together = len(named) <= MOST_IN_PART
    lettered = [(_ALL if together else _letter_of(bare), one) for bare, _, one in named]
    lettered.sort(key=lambda pair: (pair[0] == _OTHER, pair[0] != _DIGITS, pair[0]))
    parts = []
    for letter, members in groupby(lettered, key=lambda pair: pair[0]):
        stem = f"{FOLDER}/{_GROUPS[kind]}/{_file_of(letter)}"
        for number, some in enumerate(_cut([one for _, one in members]), 1):
            path = stem if number == 1 else f"{stem}-{number}"
            parts.append(Part(kind, letter, number, path, some))
    return parts


def by_name(
    feeds: Iterable[FeedSummary], name_of: Callable[[FeedSummary], str]
) -> list[FeedSummary]:
    """Returns feeds in the order of a part."""
    return [one for _, _, one in _named(feeds, name_of)]


def _named(
    feeds: Iterable[FeedSummary], name_of: Callable[[FeedSummary], str]
) -> list[tuple[str, str, FeedSummary]]:
    return sorted((_bare(name_of(one)), one.feed.address, one) for one in feeds)


def _cut(feeds: Sequence[FeedSummary]) -> Iterator[list[FeedSummary]]:
    part: list[FeedSummary] = []
    used = 0
    for one in feeds:
        size = len(escape(one.feed.title).encode()) + len(one.feed.address)
        if part and (len(part) == MOST_IN_PART or used + size > MOST_BYTES):
            yield part
            part, used = [], 0
        part.append(one)
        used += size
    yield part


def _bare(name: str) -> str:
    """Returns what a name is sorted by: without case and accents."""
    folded = name.casefold()
    if folded.isascii():
        return folded
    return "".join(
        sign for sign in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(sign)
    )


def _letter_of(bare: str) -> str:
    first = bare[:1]
    if first.isdigit():
        return _DIGITS
    return first.upper() if first.isalpha() and first < _NO_LETTER else _OTHER


def _file_of(letter: str) -> str:
    """Returns the name of a letter's files: the letter, or the numbers of its signs."""
    if letter in _FILES:
        return _FILES[letter]
    return letter.lower() if letter.isascii() else "-".join(f"u{ord(sign):04x}" for sign in letter)
