"""The JSON Schema of config.toml, for editors: it accepts all that the model accepts.

The schema of seeds has numbers and switches of the same kind (2020-12).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, get_args, get_origin

import msgspec

from feeds.config.effective import plain
from feeds.config.model import Config
from feeds.config.schema import Many, Table, fields_of, table_in
from feeds.config.types import FLAGS, Reader

Schema = dict[str, Any]

_SIZE = r"^\s*[0-9]{1,9}\s*([KkMmGg][Ii])?[Bb]?\s*$"
_DURATION = r"^\s*[0-9]{1,9}\s*[smhdwSMHDW]\s*$"
_LIKE_SIZES = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": _SIZE}]}
_LIKE_SHARES = {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string"}]}


def config_schema() -> Schema:
    """Returns the schema of config.toml; what keys may not say together is left to the program."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "config.toml of feeds",
        **_of(Config),
    }


def _of(hint: Any) -> Schema:
    """Returns the schema of a type of the model; see `feeds.config.schema`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated and isinstance(arguments[1], Many):
        return _of_list(arguments[0], arguments[1])
    if origin is Annotated:
        return _of_value(arguments[0], arguments[1])
    if origin is tuple:
        return _of_list(hint, Many())
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(arguments[1])}
    return _of_table(hint)


def _of_table(kind: type[Table]) -> Schema:
    fields = fields_of(kind)
    return {
        "type": "object",
        "description": inspect.cleandoc(kind.__doc__ or "").partition("\n")[0],
        "properties": {name: _of_field(field) for name, field in fields.items()},
        "required": [name for name, field in fields.items() if field.required],
        "additionalProperties": False,
    }


def _of_field(field: msgspec.structs.FieldInfo) -> Schema:
    schema = _of(field.type)
    is_told = field.default not in (msgspec.NODEFAULT, None) and table_in(field.type) is None
    return {**schema, "default": plain(field.default)} if is_told else schema


def _of_list(hint: Any, many: Many) -> Schema:
    member = _of(get_args(hint)[0])
    schema: Schema = {"type": "array", "items": member, "minItems": many.least}
    return {"anyOf": [{"type": "string"}, schema]} if many.or_one else schema


def _of_value(kind: Any, reader: Reader) -> Schema:
    kinds = set(get_args(kind) or (kind,))
    limits = reader.keywords if isinstance(reader, partial) else {}
    if bool in kinds:
        return switch(FLAGS)
    if float in kinds:
        return _LIKE_SHARES
    if int in kinds:
        return whole_number(limits["least"], limits["most"]) if limits else _LIKE_SIZES
    if timedelta in kinds:
        return {"type": "string", "pattern": _DURATION}
    if "choices" in limits:
        return {"enum": list(limits["choices"])}
    # A path that may be left out is left out by false, and by all that is like it.
    text: Schema = {"type": "string"}
    return {"anyOf": [text, {"enum": [False, 0, [], {}]}]} if type(None) in kinds else text


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
