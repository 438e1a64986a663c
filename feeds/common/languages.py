"""Checks language tags against the registry of subtags (RFC 5646)."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files

_REGION = re.compile(r"[a-z]{2}|[0-9]{3}")
_VARIANT = re.compile(r"[a-z0-9]{5,8}|[0-9][a-z0-9]{3}")


@lru_cache(maxsize=4096)
def unregistered(tag: str) -> str:
    """Returns the part of a language tag that is not registered, for people; ``""`` if all is.

    Deprecated subtags are registered. Private use (``x-...``) and extensions are only looked at for
    their form (sections 2.2.6 and 2.2.7).
    """
    first, *subtags = tag.lower().split("-")
    if tag.lower() in _registry()["grandfathered"]:
        return ""
    if first == "x":
        return _rest([first, *subtags])
    return _language(first, subtags) or _variants(subtags) or _rest(subtags)


def _language(first: str, subtags: list[str]) -> str:
    """Takes the language, and its script and region if there are any, from the front."""
    registry = _registry()
    if first not in registry["language"]:
        return f"{first!r} is not a registered language"
    while subtags and f"{first}-{subtags[0]}" in registry["extlang"]:
        subtags.pop(0)
    if subtags and len(subtags[0]) == 4 and subtags[0].isalpha():
        script = subtags.pop(0)
        if script not in registry["script"]:
            return f"{script.title()!r} is not a registered script"
    if subtags and _REGION.fullmatch(subtags[0]):
        region = subtags.pop(0)
        if region not in registry["region"]:
            hint = " (the United Kingdom is GB)" if region == "uk" else ""
            return f"{region.upper()!r} is not a registered region{hint}"
    return ""


def _variants(subtags: list[str]) -> str:
    """Takes the variants from the front; each may stand once."""
    seen: set[str] = set()
    while subtags and _VARIANT.fullmatch(subtags[0]):
        variant = subtags.pop(0)
        if variant not in _registry()["variant"]:
            return f"{variant!r} is not a registered variant"
        if variant in seen:
            return f"{variant!r} stands twice"
        seen.add(variant)
    return ""


def _rest(subtags: list[str]) -> str:
    """Judges extensions, which begin with one letter or digit each, and private use."""
    seen: set[str] = set()
    while subtags:
        singleton = subtags.pop(0)
        if len(singleton) != 1 or singleton in seen:
            return f"{singleton!r} is out of place"
        seen.add(singleton)
        form, count = re.compile(f"[a-z0-9]{{{1 if singleton == 'x' else 2},8}}"), len(subtags)
        while subtags and form.fullmatch(subtags[0]):
            subtags.pop(0)
        if count == len(subtags):
            return f"nothing follows {singleton!r}"
    return ""


@cache
def _registry() -> dict[str, frozenset[str]]:
    text = files("feeds.common").joinpath("subtags.txt").read_text(encoding="ascii")
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {kind: frozenset(subtags) for kind, *subtags in lines}
