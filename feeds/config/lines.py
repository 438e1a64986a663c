"""On which line of a TOML text each key stands; tomllib does not tell."""

from __future__ import annotations

import re
import tomllib

Key = tuple[str | int, ...]

_TABLE = re.compile(r"\s*(\[\[?)(.+?)\]\]?\s*(?:#.*)?$")
_PAIR = re.compile(
    r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*="""
)


def key_lines(text: str) -> dict[Key, int]:
    """Returns the line, from 1, of each table and key in a text that tomllib accepts.

    A line inside a multi-line value may be taken for a key; that only adds keys nobody asks for.
    """
    lines: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    table: Key = ()
    for number, line in enumerate(text.splitlines(), 1):
        if match := _TABLE.match(line):
            table = _keys(match[2])
            if match[1] == "[[" and table:
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            lines.setdefault(table, number)
        elif match := _PAIR.match(line):
            lines.setdefault((*table, *_keys(match[1])), number)
    return lines


def _keys(dotted: str) -> Key:
    try:
        value: object = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    keys: list[str | int] = []
    while isinstance(value, dict):
        key, value = next(iter(value.items()))
        keys.append(key)
    return tuple(keys)
