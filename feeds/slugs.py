"""Names in addresses. Contains no business logic."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Container

import msgspec

from feeds.text import fold

_PLAIN = re.compile(r"[a-z0-9]+(?:[ .][a-z0-9]+)*", re.ASCII)
# A name that looks as if it had been marked is marked once more.
_MARKED = re.compile(r"(?:^| )[0-9a-f]{8}$", re.ASCII)
_OTHER = re.compile(r"[^a-z0-9]+", re.ASCII)
_MAX_LENGTH = 60
# A file name has at most 255 bytes, and a few go to its extension and to temporary names.
_MAX_DOMAIN = 200

# Where ``feeds serve`` answers queries, and has the form that writes them.
QUERY = "query"
# An attribute of what begins with a link to that form where ``feeds serve`` serves the index: other
# servers have no form.
QUERY_MARK = "data-query"


class Addresses(msgspec.Struct, frozen=True):
    """The slugs that config.toml gives, by folded topic and by domain; all else follows by rule."""

    topics: dict[str, str] = {}
    providers: dict[str, str] = {}

    def topic(self, name: str) -> str:
        """Returns the address of a topic's feed, without extension, in whatever spelling."""
        part = self.topics.get(fold(name)) or slug(name, self.topics.values())
        return f"topics/{part}"

    def provider(self, domain: str) -> str:
        """Returns the address of a provider's feed, without extension."""
        part = self.providers.get(domain) or domain_slug(domain, self.providers.values())
        return f"providers/{part}"


def slug(name: str, reserved: Container[str] = ()) -> str:
    """Returns the address part for a topic or feed name: lower case letters, digits, ``-``, ``.``.

    It depends on the name alone and differs for names that differ (as `feeds.text.fold` compares
    them), so a new topic never moves the address of another. Only a space becomes ``-`` without a
    trace; where anything else is lost (``C++``, ``Café``, also a hyphen, which would be taken for a
    space), or where config.toml gave the plain form to another name (`reserved`), eight hex digits
    of the name's SHA-256 are appended.
    """
    folded = fold(name)
    if _PLAIN.fullmatch(folded) and len(folded) <= _MAX_LENGTH and not _MARKED.search(folded):
        plain = folded.replace(" ", "-")
        if plain not in reserved:
            return plain
    return _marked(folded)


def domain_slug(domain: str, reserved: Container[str] = ()) -> str:
    """Returns the address part for a provider: its domain, unless that is reserved or too long."""
    if len(domain) <= _MAX_DOMAIN and domain not in reserved:
        return domain
    return _marked(domain)


def _marked(folded: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode("ascii")
    stem = _OTHER.sub("-", ascii_only)[:_MAX_LENGTH].strip("-")
    digest = hashlib.sha256(folded.encode()).hexdigest()[:8]
    return f"{stem}-{digest}" if stem else digest
