"""The keys of a seed, and what a key was meant to be that is none of them. Pure."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache

KNOWN = {
    *("title", "publishedDateTime", "quality", "provider", "originalUrl", "webUrl", "excerpt"),
    *("updatedDateTime", "heat", "published", "topics", "tags", "category", "type", "locale"),
    *("ampWebUrl", "cdnAmpWebUrl", "images", "related", "secured"),
}
# Keys that others use, which are no slips although they are written alike.
_OTHERS = {"created", "publisher", "publishers", "unpublished"}
_NEAR = 0.82
# In shorter words nearly everything is alike.
_LONG_ENOUGH = 5

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{1,39}", re.ASCII)
_WORDS = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", re.ASCII)


@lru_cache(maxsize=4096)
def suggestion(key: str) -> str | None:
    """Returns the known key that an unknown one comes near to, None where it comes near none.

    Near is another case, hyphens or underscores, a singular or plural, two letters that changed
    places, and a letter too many, too few or wrong.
    """
    if key in KNOWN or not _KEY.fullmatch(key) or key.lower() in _OTHERS:
        return None
    near = max(sorted(KNOWN), key=lambda known: _likeness(key, known))
    return near if _likeness(key, near) >= _NEAR else None


def _likeness(key: str, known: str) -> float:
    """Returns 1 for the same word, _NEAR or more for a slip."""
    one, other = _plain(key), _plain(known)
    if one == other or _singular(one) == _singular(other):
        return 1.0
    if len(_WORDS.findall(key)) > len(_WORDS.findall(known)) and one.startswith(other):
        return 0.0  # as in providerId
    if len(other) < _LONG_ENOUGH and one[0] != other[0]:
        return 0.0
    ratio = SequenceMatcher(None, one, other, autojunk=False).ratio()
    return max(ratio, _NEAR) if _is_one_slip(one, other) else ratio


def _plain(key: str) -> str:
    return re.sub("[_ -]", "", key).lower()


def _singular(word: str) -> str:
    return word[:-3] + "y" if word.endswith("ies") else word.removesuffix("s")


def _is_one_slip(one: str, other: str) -> bool:
    """Tells whether two neighbours changed places, or one letter is another in a longer word."""
    if len(one) != len(other):
        return False
    places = [place for place, pair in enumerate(zip(one, other, strict=True)) if len({*pair}) > 1]
    if len(places) == 1:
        return len(one) >= _LONG_ENOUGH
    return (
        len(places) == 2
        and places[1] == places[0] + 1
        and one[places[0] : places[1] + 1] == other[places[0] : places[1] + 1][::-1]
    )
