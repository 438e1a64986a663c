"""What a client accepts (RFC 9110, section 12.5): feeds or pages, and which content coding."""

from __future__ import annotations

import re
from functools import lru_cache

IDENTITY = ""

# The best first: of those that a client likes equally it gets the smallest.
_OURS = ("br", "zstd", "gzip")
CODINGS = (*_OURS, IDENTITY)
_ALIASES = {"x-gzip": "gzip", "identity": IDENTITY}
_FEEDS = {"application/atom+xml", "application/rss+xml"}
# The weight that a member of a list gives itself (RFC 9110, section 12.4.2).
_WEIGHT = re.compile(r"q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE | re.ASCII)


@lru_cache(maxsize=1024)
def choose(header: str | None) -> str | None:
    """Returns the coding for an Accept-Encoding header; None where the client takes none at all.

    Without the header a client takes anything, so it gets what everybody understands.
    """
    if header is None:
        return IDENTITY
    weights = {_ALIASES.get(name, name): weight for name, weight in weighted(header)}
    others = weights.get("*")
    wanted = {name: weights.get(name, others or 0.0) for name in _OURS}
    # Of what is not named, uncoded is welcome unless "*;q=0" says otherwise, but as the last.
    wanted[IDENTITY] = weights.get(IDENTITY, 0.0001 if others is None else min(others, 0.0001))
    best = max(wanted.values())
    return next(name for name in CODINGS if wanted[name] == best) if best > 0 else None


@lru_cache(maxsize=1024)
def is_browser(accept: str | None) -> bool:
    """Tells by its Accept header whether a client wants pages and does not name feeds."""
    names = {name for name, weight in weighted(accept or "") if weight > 0}
    return "text/html" in names and names.isdisjoint(_FEEDS)


def weighted(header: str) -> list[tuple[str, float]]:
    """Returns the members of a list with their weights, lower-cased; a bad weight counts as 0."""
    found = []
    for member in header.lower().split(","):
        name, semicolon, rest = member.partition(";")
        if name.strip():
            found.append((name.strip(), _weight(rest) if semicolon else 1.0))
    return found


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        if parameter.strip().startswith("q"):
            match = _WEIGHT.fullmatch(parameter.strip())
            return float(match[1]) if match else 0.0
    return 1.0
