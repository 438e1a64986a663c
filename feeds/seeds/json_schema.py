"""The JSON Schema of a seed's front matter, for editors: it accepts what `parse` accepts."""

from __future__ import annotations

from typing import Any

from msgspec import inspect

from feeds.config.schema import Schema, switch, whole_number
from feeds.seeds.fields import FLAGS
from feeds.seeds.limits import MAX_MEMBERS
from feeds.seeds.schema import Seed

# What usually stands in a related story and is not read may be anything.
_UNREAD = ("excerpt", "type", "ampWebUrl", "cdnAmpWebUrl", "images")
# All values of a seed are read as text, and a key without a value as one that is not there.
_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_URL: Schema = {"type": ["string"]}
_NOTHING: Schema = {"enum": [None, "", "~", "null", "Null", "NULL"]}
_EITHER_URL: Schema = {"anyOf": [{"required": ["originalUrl"]}, {"required": ["webUrl"]}]}


def seed_schema() -> Schema:
    """Returns the schema of the front matter; `feeds check` judges URLs, dates and unknown keys."""
    schema = _mapping(inspect.type_info(Seed)) | _EITHER_URL
    schema["properties"]["secured"] = True
    of_related = schema["properties"]["related"]["anyOf"][0]["items"]
    of_related["properties"]["provider"] = True
    for key in _UNREAD:
        del of_related["properties"][key]
    of_related |= _EITHER_URL
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "the front matter of a seed of feeds",
        **schema,
    }


def _mapping(model: Any) -> Schema:
    properties: Schema = {}
    for field in model.fields:
        kind = field.type.types[0] if isinstance(field.type, inspect.UnionType) else field.type
        schema = _value(field.encode_name, kind)
        properties[field.encode_name] = schema if field.required else _or_nothing(schema)
    required = [field.encode_name for field in model.fields if field.required]
    return {"type": "object", "properties": properties, "required": required}


def _value(key: str, kind: Any) -> Schema:
    match kind:
        case inspect.IntType(ge=int(low), le=int(high)):
            return whole_number(low, high)
        case inspect.BoolType():
            return switch(FLAGS)
        case inspect.StructType():
            return _mapping(kind)
        case inspect.ListType(item_type=inspect.StrType()):
            # Repeats do not count, so there is no limit to tell.
            return {"type": "array", "items": _or_nothing(_TEXT)}
        case inspect.ListType():
            members = _mapping(kind.item_type)
            return {"type": "array", "items": members, "maxItems": MAX_MEMBERS[key]}
    return _URL if key.lower().endswith("url") else _TEXT


def _or_nothing(schema: Schema) -> Schema:
    if schema in (_TEXT, _URL):
        return {"type": [*schema["type"], "null"]}
    return {"anyOf": [schema, _NOTHING]}
