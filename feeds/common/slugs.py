"""Slugs: the parts of the addresses of feeds that are made of names."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Container, Iterator
from functools import lru_cache
from itertools import count

import msgspec

from feeds.common.text import fold

_PLAIN = re.compile(r"[a-z0-9]+(?:[ .][a-z0-9]+)*", re.ASCII)
# A name that looks as if it had been marked is marked once more.
_MARKED = re.compile(r"(?:^| )[0-9a-f]{8}$", re.ASCII)
_OTHER = re.compile(r"[^a-z0-9]+", re.ASCII)
_MAX_LENGTH = 60
# How many hex digits of a digest mark a name: more if fewer mark another name already.
_DIGITS = (8, 16, 32, 64)
# A file name has at most 255 bytes, and a few go to its extension and to temporary names.
_MAX_DOMAIN = 200

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
