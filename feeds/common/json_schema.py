"""What the JSON Schemas (2020-12) of seeds and of config.toml share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]


def whole_number(least: int, most: int | None) -> Schema:
    """Returns the schema of a whole number in this range, which may stand in quotes."""
    limits = {"minimum": least} if most is None else {"minimum": least, "maximum": most}
    quoted = {"type": "string", "pattern": r"^\s*[+-]?[0-9]{1,18}\s*$"}
    return {"anyOf": [{"type": "integer", **limits}, quoted]}


def switch(words: Iterable[str]) -> Schema:
    """Returns the schema of true or false, for which a word may stand, in any case."""
    pattern = "|".join(map(_in_any_case, words))
    return {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": rf"^\s*({pattern})\s*$"}]}


def _in_any_case(word: str) -> str:
    """Returns a pattern: the dialect of JSON Schema (ECMA-262) has no flags."""
    return "".join(f"[{char}{char.upper()}]" if char.isalpha() else char for char in word)
