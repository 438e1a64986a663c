"""Reads variables ``FEEDS_TABLE__KEY``, and tells in which line of config.toml each key stands."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

Key = tuple[str | int, ...]

_NAME = r"""(?:[\w-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = rf"{_NAME}(?:[ \t]*\.[ \t]*{_NAME})*"
_HEAD = re.compile(rf"[ \t]*(?:(?P<bracket>\[\[?)[ \t]*(?P<table>{_DOTTED})|(?P<key>{_DOTTED}))")
# The tokens that may hide the end of a statement: strings, comments and brackets.
_TOKEN = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|[][{}\n]''',
    re.DOTALL,
)
_DEPTH = {"[": 1, "{": 1, "]": -1, "}": -1}

_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TWICE = re.compile(r"Cannot declare (\(.*\)) twice")
_HINTS = {
    "Invalid value": 'Invalid value: a text stands in quotes, as in key = "text"',
    "Cannot overwrite a value": "Cannot overwrite a value: this key is given twice",
    "Illegal character '\\n'": "a text is not closed: wanted a quote at its end",
}
_AT_THE_END = {"Invalid value": "a value is missing, or not closed"}

ENV_PREFIX = "FEEDS_"
_BETWEEN = "__"
# Lists of tables: a variable cannot name one of them.
_ONLY_IN_THE_FILE = ("rules", "feeds")

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
# Keys that a model checks together: the variable that set one of them is blamed.
_TOGETHER: dict[Key, tuple[str, ...]] = {("schedule",): ("every", "cron")}


class Origins:
    """The place where each key was written: a line of the file, or an environment variable."""

    def __init__(self, path: Path, lines: Mapping[Key, int], variables: Mapping[Key, str]) -> None:
        self.path = path
        self.variables = variables
        self._places = {key: f"environment variable {name}" for key, name in variables.items()}
        for key, line in lines.items():
            self._places.setdefault(key, f"{path}:{line}")

    def fault(self, keys: Key, reason: str) -> str:
        """Returns the message of a fault: place, key and reason."""
        name = ".".join(map(as_key, keys))
        together = [(*keys, key) for key in _TOGETHER.get(keys, ())]
        blamed = next((one for one in together if one in self.variables), keys)
        return f"{self.place(blamed)}: {name}: {reason}" if name else f"{self.path}: {reason}"

    def told(self, keys: Key, reason: str) -> str:
        """Returns the message of a fault of which the reason names the key."""
        return f"{self.place(keys)}: {reason}"

    def knows(self, keys: Key) -> bool:
        """Tells whether a key, or the list around it, was written."""
        return keys in self._places or (isinstance(keys[-1], int) and keys[:-1] in self._places)

    def place(self, keys: Key) -> str:
        """Returns the place of a key, else of a key inside it, else of the table around it."""
        if not keys:
            return str(self.path)
        inside = (one for steps, one in self._places.items() if steps[: len(keys)] == keys)
        return self._places.get(keys) or next(inside, None) or self.place(keys[:-1])


def as_key(key: str | int) -> str:
    """Returns a key as TOML writes it, in quotes if it needs them."""
    text = str(key)
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


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
    if not position:
        is_deep = isinstance(error, RecursionError)
        place = str(_line_of(type(error), text))
        return (
            f"{place}: not valid TOML: {'too deeply nested' if is_deep else 'a number is too long'}"
        )
    words = reason[: position.start()]
    reason = (_HINTS if position[1] else _AT_THE_END).get(words, words)
    if twice := _TWICE.fullmatch(reason):
        reason = f"the table [{'.'.join(ast.literal_eval(twice[1]))}] is given twice"
    if position[1]:
        return f"{position[1]}:{position[2]}: not valid TOML: {reason}"
    parts = [(number, text[start:end].strip()) for number, start, end in statements(text)]
    starts = [number for number, part in parts if part and not part.startswith("#")]
    return f"{starts[-1] if starts else 1}: not valid TOML: {reason}"


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


def overlay(
    data: dict[str, Any], environment: Mapping[str, str], variables: dict[Key, str]
) -> list[str]:
    """Puts the values of variables into the data of config.toml, and returns the faults in them.

    Names without two underscores after the prefix belong to other programs and are ignored.
    Adds the name of the variable that set a key to `variables`, by key.
    """
    faults = []
    for name, value in sorted(environment.items()):
        steps = name.removeprefix(ENV_PREFIX).lower().split(_BETWEEN)
        if not name.startswith(ENV_PREFIX) or len(steps) == 1:
            continue
        fault = _misnamed(steps) or _put(data, steps, name, value, variables)
        if fault:
            faults.append(f"environment variable {name}: {fault}")
    return faults


def _misnamed(steps: list[str]) -> str:
    if steps[0] in _ONLY_IN_THE_FILE:
        return f"[[{steps[0]}]] can only stand in config.toml"
    if any(not step.strip("_") or step.startswith("_") for step in steps):
        return "wanted FEEDS_, a table, two underscores and a key, as in FEEDS_SITE__TITLE"
    return ""


def _put(
    data: dict[str, Any], steps: list[str], name: str, value: str, variables: dict[Key, str]
) -> str:
    table, keys = data, list[str]()
    for step in steps[:-1]:
        keys.append(_as_written(table, step))
        inner = table.setdefault(keys[-1], {})
        if not isinstance(inner, dict):
            return f"{'.'.join(keys)} is not a table, so it has no key {steps[len(keys)]}"
        table = inner
    keys.append(_as_written(table, steps[-1]))
    variables[tuple(keys)] = name
    if any("\ud800" <= char <= "\udfff" for char in value):
        return "not UTF-8"
    table[keys[-1]] = _parsed(value)
    return ""


def _as_written(table: dict[str, Any], step: str) -> str:
    """Returns the key as the file writes it, because variables are upper case and topics mixed."""
    return next((key for key in table if key.lower() == step), step)


def _parsed(value: str) -> object:
    # Lists and tables are TOML; any other text is converted by the model.
    if value.lstrip().startswith(("[", "{")):
        with suppress(ValueError, RecursionError):
            parsed = tomllib.loads(f"value = {value}")
            if parsed.keys() == {"value"}:
                return parsed["value"]
    return value
