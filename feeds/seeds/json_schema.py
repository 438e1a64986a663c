"""The JSON Schema of a seed's front matter, for editors: it accepts what `parse` accepts."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from feeds.common.model import Image, Item, Provider, Related
from feeds.config.schema import Schema, switch, whole_number
from feeds.seeds.fields import FLAGS
from feeds.seeds.schema import MAX_HEAT, MAX_MEMBERS, MAX_PIXELS

_Model = type[Item | Image | Related | Provider]

# The keys that fields of the model have in a seed, where these differ; "" for what is no key.
_KEYS: dict[Any, dict[str, str]] = {
    Item: {
        "id": "",
        "body": "",
        "published": "publishedDateTime",
        "updated": "updatedDateTime",
        "is_published": "published",
        "url": "webUrl",
        "original_url": "originalUrl",
        "amp_url": "ampWebUrl",
        "cdn_amp_url": "cdnAmpWebUrl",
        "withdrawn_reason": "withdrawnReason",
    },
    Image: {"cached": "isCached"},
    Related: {"url": "webUrl", "published": "publishedDateTime", "provider": ""},
    Provider: {},
}
_REQUIRED: dict[Any, list[str]] = {
    Item: ["title", "publishedDateTime", "quality", "provider"],
    Image: ["url"],
    Related: ["title"],
    Provider: ["domain"],
}
_RANGES = {
    "quality": (0, 100),
    "heat": (-1, MAX_HEAT),
    "width": (0, MAX_PIXELS),
    "height": (0, MAX_PIXELS),
}
# All values of a seed are read as text, and a key without a value as one that is not there.
_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_URL: Schema = {"type": ["string"]}
_NOTHING: Schema = {"enum": [None, "", "~", "null", "Null", "NULL"]}
_EITHER_URL: Schema = {"anyOf": [{"required": ["originalUrl"]}, {"required": ["webUrl"]}]}


def seed_schema() -> Schema:
    """Returns the schema of the front matter; `feeds check` judges URLs, dates and unknown keys."""
    schema = _mapping(Item) | _EITHER_URL
    schema["properties"]["secured"] = True
    of_related = schema["properties"]["related"]["anyOf"][0]["items"]
    of_related["properties"] |= {"originalUrl": _or_nothing(_URL), "provider": True}
    of_related |= _EITHER_URL
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "the front matter of a seed of feeds",
        **schema,
    }


def _mapping(model: _Model) -> Schema:
    properties: Schema = {}
    for field in msgspec.structs.fields(model):
        key = _KEYS[model].get(field.name, field.name)
        if key:
            schema = _value(key, field.type)
            properties[key] = schema if key in _REQUIRED[model] else _or_nothing(schema)
    return {"type": "object", "properties": properties, "required": _REQUIRED[model]}


def _value(key: str, kind: Any) -> Schema:
    if key in _RANGES:
        return whole_number(*_RANGES[key])
    if kind is bool:
        return switch(FLAGS)
    if kind is Provider:
        return _mapping(Provider)
    if key in MAX_MEMBERS:
        member = get_args(kind)[0]
        if member is str:  # repeats do not count, so there is no limit to tell
            return {"type": "array", "items": _or_nothing(_TEXT)}
        return {"type": "array", "items": _mapping(member), "maxItems": MAX_MEMBERS[key]}
    return _URL if key.lower().endswith("url") else _TEXT


def _or_nothing(schema: Schema) -> Schema:
    if schema in (_TEXT, _URL):
        return {"type": [*schema["type"], "null"]}
    return {"anyOf": [schema, _NOTHING]}
