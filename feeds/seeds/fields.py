"""Reading typed values out of a mapping that is all text. Contains no business logic.

A `Fields` is one mapping of the front matter. Its methods return the value, or None where the field
is missing or wrong; what is wrong is noted, with the path of the field, in a list that all `Fields`
of one seed share.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from typing import Any, NamedTuple, TypeVar

from feeds.common.model import Severity
from feeds.common.text import clean_block, clean_line, without_mark
from feeds.common.times import WANTED_DATE, parse_date
from feeds.common.urls import normal_url, wanted_url
from feeds.seeds.yaml_reader import NULLS, Path

_INTEGER = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)
_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_C1 = re.compile("[\x80-\x9f]")
_SHOWN = 80
WANTED_QUOTES = "text (put a text that holds ': ' in quotes)"

T = TypeVar("T")


class Note(NamedTuple):
    """Something wrong with one field, still without its line."""

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
        """Notes that a field is missing or does not hold what is wanted."""
        value = self.mapping.get(name)
        reason = f"missing, wanted {wanted}"
        if value is not None and value != "":
            reason = f"found {show(value)}, wanted {wanted}"
        self.notes.append(Note((*self.path, name), reason, severity))

    def line(self, name: str, *, required: bool = False) -> str:
        """Returns one line of clean text, ``""`` where there is none or it is wrong."""
        value = self.mapping.get(name, "")
        if isinstance(value, str):
            if not required and is_null(value):
                return ""
            text = clean_line(value, repair=self.repair)
            if text or not required:
                return text
        if required or value is not None:
            wanted = WANTED_QUOTES if isinstance(value, dict) and value else "text"
            self.note(name, wanted, "error" if required else "warning")
        return ""

    def block(self, text: str) -> str:
        """Returns clean text of several lines."""
        return clean_block(text, repair=self.repair)

    def integer(self, name: str, low: int, high: int, severity: Severity) -> int | None:
        """Returns a whole number from `low` to `high`, None where missing or wrong."""
        text = self.scalar(name)
        if text is not None and _INTEGER.fullmatch(text):
            number = int(text)
            if low <= number <= high:
                return number
        if text is not None or severity == "error":
            self.note(name, f"an integer from {low} to {high}", severity)
        return None

    def flag(self, name: str) -> bool | None:
        """Returns true or false, None where missing or wrong."""
        text = self.scalar(name)
        if text is None:
            return None
        flag = _FLAGS.get(text.lower())
        if flag is None:
            self.note(name, "true or false", "warning")
        return flag

    def date(self, name: str, severity: Severity) -> datetime | None:
        """Returns a time in UTC, None where missing or wrong."""
        text = self.scalar(name)
        time = parse_date(text, self.zone) if text is not None else None
        if time is None and (text is not None or severity == "error"):
            self.note(name, WANTED_DATE, severity)
        return time

    def url(self, name: str, severity: Severity) -> str | None:
        """Returns an absolute http(s) URL, None where missing or wrong."""
        text = self.scalar(name)
        if text is None:
            return None
        url = normal_url(text)
        if url is None:
            self.note(name, wanted_url(text), severity)
        return url

    def lines(self, name: str) -> Iterator[tuple[int, str]]:
        """Yields the clean texts of a list with their places; empty ones are passed over."""
        for number, value in self._members(name):
            if isinstance(value, str):
                text = "" if is_null(value) else clean_line(value, repair=self.repair)
                if text:
                    yield number, text
            else:
                wanted = WANTED_QUOTES if isinstance(value, dict) and value else "text"
                self._note_member(name, number, value, wanted)

    def parts(self, name: str) -> Iterator[tuple[int, Fields]]:
        """Yields the mappings in a list of mappings with their places."""
        for number, value in self._members(name):
            if isinstance(value, dict):
                yield number, self.part(value, (name, number))
            else:
                self._note_member(name, number, value, "a mapping ('key: value' lines)")

    def part(self, mapping: dict[str, Any], path: Path) -> Fields:
        """Returns a mapping inside this one, at `path` from here."""
        return Fields(
            mapping, self.notes, repair=self.repair, zone=self.zone, path=self.path + path
        )

    def whole(self, build: Callable[[Fields], T | None]) -> T | None:
        """Builds an optional part; where anything in it is wrong the part is dropped as a whole."""
        before = len(self.notes)
        built = build(self)
        return built if len(self.notes) == before else None

    def scalar(self, name: str) -> str | None:
        """Returns a value as the seed writes it, None where it is missing or a null of YAML."""
        value = self.mapping.get(name)
        if isinstance(value, str):
            text = value.strip()
            if not text.isascii():
                text = _C1.sub("", without_mark(text)).strip()
            return text if text and not is_null(value) else None
        return None if value is None else show(value)

    def _members(self, name: str) -> Iterator[tuple[int, Any]]:
        value = self.mapping.get(name)
        if isinstance(value, list):
            yield from enumerate(value)
        elif value is not None and not is_null(value):
            self.note(name, "a list ('- ' lines)", "warning")

    def note_excess(self, name: str, number: int, limit: int) -> None:
        """Notes that a list has more members than are used; `number` is the first that is not."""
        reason = f"more than {limit} {name}: the rest from here on is dropped"
        self.notes.append(Note((*self.path, name, number), reason, "warning"))

    def _note_member(self, name: str, number: int, value: Any, wanted: str) -> None:
        reason = f"found {show(value)}, wanted {wanted}"
        self.notes.append(Note((*self.path, name, number), reason, "warning"))


def is_null(value: object) -> bool:
    """Tells whether a value is a null of YAML: empty, or one of its words without quotes."""
    # A null in quotes has a class of its own.
    return value.__class__ is str and str(value).strip() in NULLS


def show(value: object) -> str:
    """Returns a value as it is shown in a problem: text in quotes and cut, the rest by its kind."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
