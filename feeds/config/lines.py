"""On which line of a TOML text each key stands; tomllib does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

Key = tuple[str | int, ...]

_NAME = r"""(?:[\w-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = rf"{_NAME}(?:[ \t]*\.[ \t]*{_NAME})*"
_HEAD = re.compile(rf"[ \t]*(?:(?P<bracket>\[\[?)[ \t]*(?P<table>{_DOTTED})|(?P<key>{_DOTTED}))")
# What a line end has to be looked for behind: strings and comments whole, brackets one by one.
_TOKEN = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|[][{}\n]''',
    re.DOTALL,
)
_DEPTH = {"[": 1, "{": 1, "]": -1, "}": -1}


def key_lines(text: str) -> dict[Key, int]:
    """Returns the line, from 1, of each table and key in a text that tomllib accepts.

    The keys of inline tables are not among them; what these stand in is.
    """
    lines: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    table: Key = ()
    for number, start, _ in statements(text):
        head = _HEAD.match(text, start)
        if head and head["key"]:
            lines.setdefault((*table, *_keys(head["key"])), number)
        elif head:
            table = _keys(head["table"])
            lines.setdefault(table, number)
            if head["bracket"] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
                lines[table] = number
    return lines


def statements(text: str) -> Iterator[tuple[int, int, int]]:
    """Yields of each statement and empty line its line, from 1, and where it begins and ends."""
    number, start = 1, 0
    while start < len(text):
        end = _end(text, start)
        yield number, start, end
        number += text.count("\n", start, end)
        start = end


def _end(text: str, start: int) -> int:
    """Returns where the statement that starts here has ended, with its line."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        depth += _DEPTH.get(token[0], 0)
        if token[0] == "\n" and not depth:
            return token.end()
    return len(text)


def _keys(dotted: str) -> Key:
    value: object = tomllib.loads(f"{dotted} = 0")
    keys: list[str | int] = []
    while isinstance(value, dict):
        key, value = next(iter(value.items()))
        keys.append(key)
    return tuple(keys)
