"""Puts environment variables over config.toml: ``FEEDS_``, table, ``__``, key.

pydantic-settings has a nested delimiter too, and its values can be made TOML. Tried with 2.16, it
drops a misspelt table (``FEEDS_STIE__TITLE``) in silence, adds a topic ``ai`` beside the ``AI`` of
the file, reports a bad value without its key, and does not tell which variable set a key. So these
variables are read here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from feeds.config.lines import Key

ENV_PREFIX = "FEEDS_"
_BETWEEN = "__"
# Lists of tables: a variable cannot name one of them.
_ONLY_IN_THE_FILE = ("rules", "feeds")


def overlay(
    data: dict[str, Any], environment: Mapping[str, str], variables: dict[Key, str]
) -> list[str]:
    """Puts the values of variables into the data of config.toml, and returns the faults in them.

    Names without two underscores after the prefix belong to other programs and are ignored.

    Args:
        data: config.toml as it was written; changed in place.
        environment: the variables by name.
        variables: is filled with the name of the variable that set each key.
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
