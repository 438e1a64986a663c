"""Tables of config.toml: reads them by their types, finds all faults, makes their JSON Schema.

A field of a table has one of these types: another `Table`, a `dict` or a `tuple` of tables or
values, or an ``Annotated`` type with a function that reads the value. The function takes the value
from the file or a variable; it returns the converted value, or raises a ValueError that says what
is wanted.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, ClassVar, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec

from feeds.common.times import show_duration
from feeds.common.urls import shown_url
from feeds.config.origins import Key
from feeds.config.types import FLAGS, Reader

T = TypeVar("T", bound="Table")

Schema = dict[str, Any]

_SIZE = r"^\s*[0-9]{1,9}\s*([KkMmGg][Ii])?[Bb]?\s*$"
_DURATIONS: Schema = {"type": "string", "pattern": r"^\s*[0-9]{1,9}\s*[smhdwSMHDW]\s*$"}
_SIZES = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": _SIZE}]}
_SHARES = {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string"}]}

_LONGEST_SHOWN = 200
# Stands for a value that has a fault.
_FAULTY: Any = object()


class Table(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A table of config.toml: unknown keys are faults, and nothing changes once it is read.

    `derived` are the fields that are no keys: reading the file sets them by others.
    """

    derived: ClassVar[frozenset[str]] = frozenset()

    def clash(self, written: AbstractSet[str]) -> str:
        """Returns what is wrong with the keys together, "" if nothing is.

        `written` are the keys that the file or a variable sets.
        """
        return ""


class Many(NamedTuple):
    """A list of at least `least` members; with `or_one`, a text may stand for a list of one."""

    least: int = 0
    or_one: bool = False


class ConfigFault(NamedTuple):
    """The place of a faulty value, and what is found and wanted there."""

    keys: Key
    reason: str


def read_table(kind: type[T], data: Mapping[str, Any]) -> tuple[T | None, list[ConfigFault]]:
    """Returns the table that the data makes, None if it has faults; and all these faults."""
    reader = _TableReader(kind)
    table = reader.read(kind, data, ())
    return None if table is _FAULTY else table, reader.faults


@cache
def fields_of(kind: type[Table]) -> dict[str, msgspec.structs.FieldInfo]:
    """Returns the fields of a table by their keys."""
    fields = msgspec.structs.fields(kind)
    return {field.name: field for field in fields if field.name not in kind.derived}


def table_in(hint: Any) -> type[Table] | None:
    """Returns the table that a field holds, also in a list or a dict; None for plain values."""
    parts = (hint, *get_args(hint))
    return next((one for one in parts if isinstance(one, type) and issubclass(one, Table)), None)


class _TableReader:
    """Reads values, and keeps the faults that it finds."""

    def __init__(self, root: type[Table]) -> None:
        self.root = root
        self.faults: list[ConfigFault] = []

    def read(self, hint: Any, value: Any, keys: Key) -> Any:
        """Returns a value as its type has it."""
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is Union:  # None stands for a key that is left out
            return self.read(arguments[0], value, keys)
        if origin is Annotated and isinstance(arguments[1], Many):
            return self._list(arguments[0], value, keys, arguments[1])
        if origin is Annotated:
            try:
                return arguments[1](value)
            except ValueError as error:
                return self._fault(keys, str(error), value)
        if origin is tuple:
            return self._list(hint, value, keys, Many())
        if origin is dict:
            return self._named(arguments, value, keys)
        return self._table(hint, value, keys)

    def _table(self, kind: type[Table], value: Any, keys: Key) -> Any:
        if not isinstance(value, dict):
            return self._fault(keys, "wanted a table", value)
        fields, before = fields_of(kind), len(self.faults)
        found = {}
        for name, field in fields.items():
            if name in value:
                found[name] = self.read(field.type, value[name], (*keys, name))
            elif field.required:
                self.faults.append(ConfigFault((*keys, name), "this key is required"))
        for name in value:
            if name not in fields:
                reason = _unknown(kind, name, self.root)
                self.faults.append(ConfigFault((*keys, name), reason))
        if len(self.faults) > before:
            return _FAULTY
        table = kind(**found)
        clash = table.clash(found.keys())
        if clash:
            self.faults.append(ConfigFault(keys, clash))
            return _FAULTY
        return table

    def _list(self, hint: Any, value: Any, keys: Key, many: Many) -> Any:
        if many.or_one and isinstance(value, str):
            value = [value] if value else []
            keys_of = [keys]
        elif not isinstance(value, list | tuple):
            return self._fault(keys, _wanted_list(hint, value, keys), value)
        else:
            keys_of = [(*keys, number) for number in range(len(value))]
        if len(value) < many.least:
            return self._fault(keys, "wanted at least one", value)
        kind = get_args(hint)[0]
        found = [self.read(kind, one, place) for one, place in zip(value, keys_of, strict=False)]
        return _FAULTY if any(one is _FAULTY for one in found) else tuple(found)

    def _named(self, arguments: Any, value: Any, keys: Key) -> Any:
        if not isinstance(value, dict):
            return self._fault(keys, "wanted a table", value)
        found = {}
        for name, inner in value.items():
            key = self.read(arguments[0], name, (*keys, name))
            found[key] = self.read(arguments[1], inner, (*keys, name))
        return _FAULTY if _FAULTY in found or _FAULTY in found.values() else found

    def _fault(self, keys: Key, reason: str, found: Any) -> Any:
        if not isinstance(found, dict | Table):
            reason = f"found {_shown(found, keys)}, {reason}"
        self.faults.append(ConfigFault(keys, reason))
        return _FAULTY


def _shown(found: Any, keys: Key) -> str:
    if "hub" in keys or (isinstance(found, str) and "://" in found):  # it may hold credentials
        found = shown_url(found) if isinstance(found, str) else type(found).__name__
    text = repr(found) if isinstance(found, str | int | float | list | tuple) else str(found)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _wanted_list(hint: Any, value: object, keys: Key) -> str:
    if table_in(hint):
        return f"wanted tables with two brackets, [[{keys[-1]}]]"
    return "wanted a list" + (f', as in ["{shown_url(value)}"]' if isinstance(value, str) else "")


def _unknown(kind: type[Table], name: str, root: type[Table]) -> str:
    known = fields_of(kind)
    inner = {key: field.type for key, field in fields_of(root).items()}
    tables = [key for key, one in inner.items() if table_in(one) is one and name in fields_of(one)]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    is_slip = kind is not root and difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    if tables and not is_slip:
        return f"unknown key (it belongs in [{'] or ['.join(tables)}])"
    hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
    return f"unknown key ({hint})"


def plain(value: Any) -> Any:
    """Returns a value of the configuration as TOML and JSON write it."""
    if isinstance(value, timedelta):
        return show_duration(value)
    if isinstance(value, Path):
        return str(value)
    return [plain(one) for one in value] if isinstance(value, tuple) else value


def json_schema(kind: type[Table]) -> Schema:
    """Returns the JSON Schema of config.toml, for editors: it accepts all that the model accepts.

    What keys may not say together is left to the program. The schema of seeds has numbers and
    switches of the same kind (2020-12).
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "config.toml of feeds",
        **_of(kind),
    }


def _of(hint: Any) -> Schema:
    """Returns the schema of a type of the model; see `feeds.config.schema`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Union:
        return _of(arguments[0])
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
        "description": (kind.__doc__ or "").partition("\n")[0],
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
    limits = reader.keywords if isinstance(reader, partial) else {}
    if "least" in limits:
        return whole_number(**limits)
    if "choices" in limits:
        return {"enum": list(limits["choices"])}
    if kind in (like := {bool: switch(FLAGS), int: _SIZES, float: _SHARES, timedelta: _DURATIONS}):
        return like[kind]
    # A path that may be left out is left out by false, and by all that is like it.
    text: Schema = {"type": "string"}
    return {"anyOf": [text, {"enum": [False, 0, [], {}]}]} if NoneType in get_args(kind) else text


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
