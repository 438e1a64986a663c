"""The configuration as it holds, key by key, with where each value comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from feeds.common.times import show_duration
from feeds.common.urls import hide_secrets
from feeds.config.load import load_with_origins
from feeds.config.origins import Key, Origins, as_key
from feeds.config.schema import Table, fields_of, table_in


class Setting(msgspec.Struct, frozen=True):
    """A key and its value.

    `origin` is "default", "file" or "environment"; `place` is a line of the file or a variable, or
    "" for a default.
    """

    key: str
    value: Any
    origin: str
    place: str


def settings(path: Path, environment: Mapping[str, str] = os.environ) -> list[Setting]:
    """Returns every key of the configuration in the order of the model, credentials masked.

    Paths are absolute, and durations, domains and URLs are as the program uses them.

    Raises:
        ConfigError: the file cannot be read, or has faults.
    """
    loaded, origins, data = load_with_origins(path, environment)
    config = loaded.config
    if config.paths.objects:
        paths = msgspec.structs.replace(config.paths, out=config.paths.objects)
        config = msgspec.structs.replace(config, paths=paths)
    return [_setting(found, origins) for found in _walk(config, data, ())]


def plain(value: Any) -> Any:
    """Returns a value of the configuration as TOML and JSON write it."""
    if isinstance(value, timedelta):
        return show_duration(value)
    if isinstance(value, Path):
        return str(value)
    return [plain(one) for one in value] if isinstance(value, tuple) else value


class _Found(NamedTuple):
    """A value, its key as the file writes it, and whether the file or a variable sets it."""

    key: Key
    value: Any
    is_set: bool


def _setting(found: _Found, origins: Origins) -> Setting:
    name = ".".join(map(as_key, found.key))
    place = origins.place(found.key) if found.is_set else ""
    is_variable = place.startswith("environment variable ")
    origin = "environment" if is_variable else "file" if place else "default"
    return Setting(name, _masked(plain(found.value)), origin, place)


def _masked(value: Any) -> Any:
    """Returns a value without the user info and the queries of URLs in it."""
    if isinstance(value, list):
        return [_masked(one) for one in value]
    return hide_secrets(value, "") if isinstance(value, str) else value


def _walk(table: Table, data: Any, key: Key) -> Iterator[_Found]:
    """Yields every value of a table; `data` is the table as it was written."""
    for name, field in fields_of(type(table)).items():
        value, written = getattr(table, name), data.get(name)
        at = (*key, name)
        if isinstance(value, Table):
            yield from _walk(value, written or {}, at)
        elif isinstance(value, dict):
            for own, one in zip(written or (), value.values(), strict=True):
                yield from _walk(one, written[own], (*at, own))
        elif table_in(field.type):
            for number, one in enumerate(value):
                yield from _walk(one, written[number] if written else {}, (*at, number))
        else:
            yield _Found(at, value, name in data)
