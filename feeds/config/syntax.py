"""Where a text stops to be TOML, and why, in words for people."""

from __future__ import annotations

import ast
import re
import tomllib

from feeds.config.lines import statements

_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TWICE = re.compile(r"Cannot declare (\(.*\)) twice")
_HINTS = {"Invalid value": 'Invalid value: a text stands in quotes, as in key = "text"'}
_AT_THE_END = {"Invalid value": "a value is missing, or not closed"}


def syntax_fault(text: str, error: Exception) -> str:
    """Returns ``line:column: reason`` of what tomllib raised for this text; some have no column.

    What is missed at the end of the text is told of the line where the last statement begins.
    """
    reason, position = str(error), _POSITION.search(str(error))
    if position:
        words = reason[: position.start()]
        reason = (_HINTS if position[1] else _AT_THE_END).get(words, words)
        twice = _TWICE.fullmatch(reason)
        if twice:
            reason = f"the table [{'.'.join(ast.literal_eval(twice[1]))}] stands there twice"
        if position[1]:
            return f"{position[1]}:{position[2]}: not valid TOML: {reason}"
        starts = [number for number, start, end in statements(text) if _says(text[start:end])]
        return f"{starts[-1] if starts else 1}: not valid TOML: {reason}"
    reason = "too deeply nested" if isinstance(error, RecursionError) else "a number is too long"
    return f"{_line_of(type(error), text)}: not valid TOML: {reason}"


def _says(statement: str) -> bool:
    return not statement.lstrip().startswith("#") and bool(statement.strip())


def _line_of(kind: type[Exception], text: str) -> int:
    """Returns the line of the first statement that raises this error without a position."""
    for number, start, end in statements(text):
        try:
            tomllib.loads(text[start:end])
        except tomllib.TOMLDecodeError:
            continue
        except kind:
            return number
    return 1
