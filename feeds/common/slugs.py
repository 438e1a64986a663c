"""The parts of addresses: those made of names, and those of archives (RFC 5005, section 4)."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Container, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from typing import NamedTuple

import msgspec

from feeds.common.text import fold
from feeds.common.times import from_unix, to_unix

_PLAIN = re.compile(r"[a-z0-9]+(?:[ .][a-z0-9]+)*", re.ASCII)
# A name that looks as if it had been marked is marked once more.
_MARKED = re.compile(r"(?:^| )[0-9a-f]{8}$", re.ASCII)
_OTHER = re.compile(r"[^a-z0-9]+", re.ASCII)
_MAX_LENGTH = 60
# How many hex digits of a digest mark a name: more if fewer mark another name already.
_DIGITS = (8, 16, 32, 64)
# A file name has at most 255 bytes, and a few go to its extension and to temporary names.
_MAX_DOMAIN = 200

# How many characters of a date (RFC 3339) name a period of archives.
LENGTHS = {"month": 7, "year": 4}
# Where ``feeds serve`` answers queries, to browsers with the page of a search.
QUERY = "query"
# An attribute of what leads there, and is hidden until ``feeds serve`` serves the page: other
# servers have no searches.
QUERY_MARK = "data-query"


class Addresses(msgspec.Struct, frozen=True):
    """The parts of addresses that do not follow from the name alone; all others do.

    `topics` are by folded name; `providers` by domain, former domains included.
    """

    topics: dict[str, str] = {}
    providers: dict[str, str] = {}

    def topic(self, name: str) -> str:
        """Returns the address of a topic's feed, without extension; spellings do not matter."""
        part = self.topics.get(fold(name)) or slug(name, self.topics.values())
        return f"topics/{part}"

    def provider(self, domain: str) -> str:
        """Returns the address of a provider's feed, without extension."""
        part = self.providers.get(domain) or domain_slug(domain, self.providers.values())
        return f"providers/{part}"


def slug(name: str, reserved: Container[str] = ()) -> str:
    """Returns the address part for a topic or feed name: lower case letters, digits, ``-``, ``.``.

    It depends on the name alone. A space becomes ``-``. If anything else is lost (``C++``,
    ``Café``, also a hyphen, which would be taken for a space), or if the part is `reserved` for
    another name, eight or more hex digits of the name's SHA-256 are appended.
    """
    first = _first_slug(name)
    return (
        next(part for part in slugs(name) if part not in reserved) if first in reserved else first
    )


@lru_cache(maxsize=4096)
def _first_slug(name: str) -> str:
    return next(slugs(name))


def slugs(name: str) -> Iterator[str]:
    """Yields the address parts that a topic or feed name may have, the wanted one first.

    The next ones are for a name whose part is another's already; there is always one more.
    """
    folded = fold(name)
    if _PLAIN.fullmatch(folded) and len(folded) <= _MAX_LENGTH and not _MARKED.search(folded):
        yield folded.replace(" ", "-")
    yield from _marked(folded)


def domain_slug(domain: str, reserved: Container[str] = ()) -> str:
    """Returns the address part for a provider: its domain, unless that is reserved or too long."""
    return next(part for part in domain_slugs(domain) if part not in reserved)


def domain_slugs(domain: str) -> Iterator[str]:
    """Yields the address parts that a provider may have, the wanted one first."""
    if len(domain) <= _MAX_DOMAIN:
        yield domain
    yield from _marked(domain)


def _marked(folded: str) -> Iterator[str]:
    ascii_only = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode("ascii")
    stem = _OTHER.sub("-", ascii_only)[:_MAX_LENGTH].strip("-")
    digest = hashlib.sha256(folded.encode()).hexdigest()
    for digits in _DIGITS:
        yield f"{stem}-{digest[:digits]}" if stem else digest[:digits]
    yield from (f"{digest}-{number}" for number in count(2))


class ArchivePart(NamedTuple):
    """A sealed part of a feed's archives: its period, and its number there, from 1."""

    period: str
    number: int

    @property
    def name(self) -> str:
        """The end of its address: the period, and the number from the second part on."""
        return self.period if self.number == 1 else f"{self.period}-{self.number}"


class Archive(msgspec.Struct, frozen=True):
    """The place of a document among the archives of its feed, by addresses below out/.

    `older` and `newer` are the parts before and after it, ``""`` if there is none; the subscription
    document is after the newest. `current` is that document and `part` the part; ``""`` and None
    for the subscription document itself.
    """

    older: str = ""
    newer: str = ""
    current: str = ""
    part: ArchivePart | None = None

    def relations(self) -> Iterator[tuple[str, str]]:
        """Yields each relation to another document, and its address."""
        places = (("prev-archive", self.older), ("next-archive", self.newer))
        yield from ((rel, place) for rel, place in (*places, ("current", self.current)) if place)


def period_of(unix: int, archive: str) -> str:
    """Returns the month or year (UTC) of a time in seconds since 1970: ``2021-08`` or ``2021``."""
    return from_unix(unix).date().isoformat()[: LENGTHS[archive]]


def end_of(period: str) -> int:
    """Returns the first moment after a month or year, in seconds since 1970."""
    year, _, month = period.partition("-")
    years, months = divmod(int(year) * 12 + int(month or 12), 12)
    return to_unix(datetime(years, months + 1, 1, tzinfo=UTC))
