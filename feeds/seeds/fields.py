"""The keys of a seed, and typed values out of a mapping whose values are all text. Pure.

A `Fields` is one mapping of the front matter. Its methods return the value, or None if the field is
missing or wrong. Each fault is noted, with the path of the field, in a list that all `Fields` of
one seed share.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from feeds.common.model import Severity
from feeds.common.text import clean_block, clean_line, without_mark
from feeds.common.times import WANTED_DATE, parse_date
from feeds.common.urls import normal_url, wanted_url
from feeds.seeds.schema import KNOWN_KEYS
from feeds.seeds.yaml_reader import NULLS, Path

# Keys of other programs: they look like ours and are no slips.
_FOREIGN = {"created", "publisher", "publishers", "unpublished"}
_NEAR = 0.82
# In shorter words nearly everything is alike.
_MIN_LENGTH = 5
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{1,39}", re.ASCII)
_WORDS = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", re.ASCII)

_INTEGER = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)
FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_C1 = re.compile("[\x80-\x9f]")
_MAX_SHOWN = 80
WANTED_QUOTES = "text (put a text that holds ': ' in quotes)"

T = TypeVar("T")


class Note(NamedTuple):
    """A fault of one field; its line in the file is looked up later."""

    path: Path
    reason: str
    severity: Severity


class Fields:
    """One mapping of a seed's front matter."""

    def __init__(
        self,
        mapping: dict[str, Any],
        notes: list[Note],
        *,
        repair: bool,
        zone: tzinfo,
        path: Path = (),
    ) -> None:
        self.mapping = mapping
        self.notes = notes
        self.repair = repair
        self.zone = zone
        self.path = path

    def note(self, name: str, wanted: str, severity: Severity) -> None:
        """Notes that a field is missing, or that its value is not what is wanted."""
        value = self.mapping.get(name)
        reason = f"missing, wanted {wanted}"
        if value is not None and value != "":
            reason = f"found {show(value)}, wanted {wanted}"
        self.notes.append(Note((*self.path, name), reason, severity))

    def line(self, name: str, *, required: bool = False) -> str:
        """Returns one line of clean text, ``""`` if it is missing or wrong."""
        value = self.mapping.get(name, "")
        if isinstance(value, str):
            if not required and is_null(value):
                return ""
            text = clean_line(value, repair=self.repair)
            if text or not required:
                return text
        wanted = WANTED_QUOTES if isinstance(value, dict) and value else "text"
        self.note(name, wanted, "error" if required else "warning")
        return ""

    def block(self, text: str) -> str:
        """Returns clean text of several lines."""
        return clean_block(text, repair=self.repair)

    def integer(self, name: str, low: int, high: int, severity: Severity) -> int | None:
        """Returns a whole number from `low` to `high`, None if it is missing or wrong."""
        text = self.scalar(name)
        if text is not None and _INTEGER.fullmatch(text):
            number = int(text)
            if low <= number <= high:
                return number
        if text is not None or severity == "error":
            self.note(name, f"an integer from {low} to {high}", severity)
        return None

    def flag(self, name: str) -> bool | None:
        """Returns true or false, None if the field is missing or wrong."""
        text = self.scalar(name)
        if text is None:
            return None
        flag = FLAGS.get(text.lower())
        if flag is None:
            self.note(name, "true or false", "warning")
        return flag

    def date(self, name: str, severity: Severity) -> datetime | None:
        """Returns a time in UTC, None if it is missing or wrong."""
        text = self.scalar(name)
        time = parse_date(text, self.zone) if text is not None else None
        if time is None and (text is not None or severity == "error"):
            self.note(name, WANTED_DATE, severity)
        return time

    def url(self, name: str, severity: Severity) -> str | None:
        """Returns an absolute http(s) URL, None if it is missing or wrong."""
        text = self.scalar(name)
        if text is None:
            return None
        url = normal_url(text)
        if url is None:
            self.note(name, wanted_url(text), severity)
        return url

    def lines(self, name: str) -> Iterator[tuple[int, str]]:
        """Yields the texts of a list, clean, with their indices; empty ones are left out."""
        for number, value in self._members(name):
            if isinstance(value, str):
                text = "" if is_null(value) else clean_line(value, repair=self.repair)
                if text:
                    yield number, text
            else:
                wanted = WANTED_QUOTES if isinstance(value, dict) and value else "text"
                self._note_member(name, number, value, wanted)

    def parts(self, name: str) -> Iterator[tuple[int, Fields]]:
        """Yields the mappings of a list with their indices."""
        for number, value in self._members(name):
            if isinstance(value, dict):
                yield number, self.part(value, (name, number))
            else:
                self._note_member(name, number, value, "a mapping ('key: value' lines)")

    def part(self, mapping: dict[str, Any], path: Path) -> Fields:
        """Returns the fields of a mapping inside this one; `path` leads to it from here."""
        return Fields(
            mapping, self.notes, repair=self.repair, zone=self.zone, path=self.path + path
        )

    def whole(self, build: Callable[[Fields], T | None]) -> T | None:
        """Returns what `build` makes of an optional part, None if anything in the part is wrong."""
        before = len(self.notes)
        built = build(self)
        return built if len(self.notes) == before else None

    def scalar(self, name: str) -> str | None:
        """Returns a value as the seed writes it, None if it is missing or a YAML null."""
        value = self.mapping.get(name)
        if isinstance(value, str):
            text = value.strip()
            if text in NULLS and (not text or is_null(value)):
                return None
            if not text.isascii():
                text = _C1.sub("", without_mark(text)).strip()
            return text or None
        return None if value is None else show(value)

    def note_excess(self, name: str, number: int, limit: int) -> None:
        """Notes that a list is too long; `number` is the index of the first member left out."""
        reason = f"more than {limit} {name}: the rest from here on is dropped"
        self.notes.append(Note((*self.path, name, number), reason, "warning"))

    def _members(self, name: str) -> Iterator[tuple[int, Any]]:
        value = self.mapping.get(name)
        if isinstance(value, list):
            yield from enumerate(value)
        elif value is not None and not is_null(value):
            self.note(name, "a list ('- ' lines)", "warning")

    def _note_member(self, name: str, number: int, value: Any, wanted: str) -> None:
        reason = f"found {show(value)}, wanted {wanted}"
        self.notes.append(Note((*self.path, name, number), reason, "warning"))


def is_null(value: object) -> bool:
    """Tells whether a value is a YAML null: empty, or one of its words without quotes."""
    # In quotes it would be a QuotedNull.
    return type(value) is str and value.strip() in NULLS


def show(value: object) -> str:
    """Returns a value as problems show it: text quoted and cut to 80 characters, else its kind."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    return repr(text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…")


@lru_cache(maxsize=4096)
def suggestion(key: str) -> str | None:
    """Returns the known key that resembles an unknown one, None if none does.

    Two keys resemble each other if they differ in case, hyphens, underscores or a plural s, or by
    two swapped letters, or by one letter too many, too few or wrong.
    """
    if key in KNOWN_KEYS or not _KEY.fullmatch(key) or key.lower() in _FOREIGN:
        return None
    near = max(sorted(KNOWN_KEYS), key=lambda known: _likeness(key, known))
    return near if _likeness(key, near) >= _NEAR else None


def _likeness(key: str, known: str) -> float:
    """Returns how alike two keys are: 1 is the same word, from _NEAR on it is a slip."""
    one, other = _plain(key), _plain(known)
    if one == other or _singular(one) == _singular(other):
        return 1.0
    if len(_WORDS.findall(key)) > len(_WORDS.findall(known)) and one.startswith(other):
        return 0.0  # as in providerId
    if len(other) < _MIN_LENGTH and one[0] != other[0]:
        return 0.0
    ratio = SequenceMatcher(None, one, other, autojunk=False).ratio()
    return max(ratio, _NEAR) if _is_one_slip(one, other) else ratio


def _plain(key: str) -> str:
    return re.sub("[_ -]", "", key).lower()


def _singular(word: str) -> str:
    return word[:-3] + "y" if word.endswith("ies") else word.removesuffix("s")


def _is_one_slip(one: str, other: str) -> bool:
    """Tells whether two neighbours are swapped, or one letter of a longer word is wrong."""
    if len(one) != len(other):
        return False
    places = [place for place, pair in enumerate(zip(one, other, strict=True)) if len({*pair}) > 1]
    if len(places) == 1:
        return len(one) >= _MIN_LENGTH
    return (
        len(places) == 2
        and places[1] == places[0] + 1
        and one[places[0] : places[1] + 1] == other[places[0] : places[1] + 1][::-1]
    )
