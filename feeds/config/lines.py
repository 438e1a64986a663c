"""Finds the lines of a TOML text: that of each key, which tomllib does not tell, and of a fault."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator

Key = tuple[str | int, ...]

_NAME = r"""(?:[\w-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = rf"{_NAME}(?:[ \t]*\.[ \t]*{_NAME})*"
_HEAD = re.compile(rf"[ \t]*(?:(?P<bracket>\[\[?)[ \t]*(?P<table>{_DOTTED})|(?P<key>{_DOTTED}))")
# The tokens that may hide the end of a statement: strings and comments, and single brackets.
_TOKEN = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|[][{}\n]''',
    re.DOTALL,
)
_DEPTH = {"[": 1, "{": 1, "]": -1, "}": -1}

_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TWICE = re.compile(r"Cannot declare (\(.*\)) twice")
_HINTS = {"Invalid value": 'Invalid value: a text stands in quotes, as in key = "text"'}
_AT_THE_END = {"Invalid value": "a value is missing, or not closed"}


def key_lines(text: str) -> dict[Key, int]:
    """Returns the line, from 1, of each table and key in a text that tomllib accepts.

    The keys of inline tables are left out; the key of the inline table itself is included.
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
    """Yields the line, from 1, and the offsets of each statement and empty line."""
    number, start = 1, 0
    while start < len(text):
        end = _end(text, start)
        yield number, start, end
        number += text.count("\n", start, end)
        start = end


def _end(text: str, start: int) -> int:
    """Returns the offset after the statement that starts here, its line end included."""
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


def syntax_fault(text: str, error: Exception) -> str:
    """Returns ``line:column: reason`` for an error of tomllib, ``line: reason`` without a column.

    If the text ends too early, the line is the first one of its last statement.
    """
    reason, position = str(error), _POSITION.search(str(error))
    if position:
        words = reason[: position.start()]
        reason = (_HINTS if position[1] else _AT_THE_END).get(words, words)
        twice = _TWICE.fullmatch(reason)
        if twice:
            reason = f"the table [{'.'.join(ast.literal_eval(twice[1]))}] is given twice"
        if position[1]:
            return f"{position[1]}:{position[2]}: not valid TOML: {reason}"
        starts = [
            number for number, start, end in statements(text) if _is_statement(text[start:end])
        ]
        return f"{starts[-1] if starts else 1}: not valid TOML: {reason}"
    reason = "too deeply nested" if isinstance(error, RecursionError) else "a number is too long"
    return f"{_line_of(type(error), text)}: not valid TOML: {reason}"


def _is_statement(statement: str) -> bool:
    return not statement.lstrip().startswith("#") and bool(statement.strip())


def _line_of(kind: type[Exception], text: str) -> int:
    """Returns the line of the first statement that alone raises this kind of error."""
    for number, start, end in statements(text):
        try:
            tomllib.loads(text[start:end])
        except tomllib.TOMLDecodeError:
            continue
        except kind:
            return number
    return 1
