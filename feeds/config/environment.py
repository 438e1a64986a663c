"""What environment variables say of the configuration: ``FEEDS_``, table, ``__``, key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from feeds.config.lines import Key

ENV_PREFIX = "FEEDS_"
_BETWEEN = "__"
# Lists of tables: a variable cannot say which of them it means.
_ONLY_IN_THE_FILE = ("rules", "feeds")


def overlay(
    data: dict[str, Any], environment: Mapping[str, str], variables: dict[Key, str]
) -> list[str]:
    """Puts the variables into the data, and into `variables` which key each has set.

    Returns what is wrong with them. A name without two underscores after its prefix is somebody
    else's.
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
            return f"{'.'.join(keys)} is no table, so it has no key {steps[len(keys)]}"
        table = inner
    keys.append(_as_written(table, steps[-1]))
    variables[tuple(keys)] = name
    if any("\ud800" <= char <= "\udfff" for char in value):
        return "not UTF-8"
    table[keys[-1]] = _parsed(value)
    return ""


def _as_written(table: dict[str, Any], step: str) -> str:
    """Returns the key as the file has it: variables are upper case, topics need not be lower."""
    return next((key for key in table if key.lower() == step), step)


def _parsed(value: str) -> object:
    # Lists and tables are written as in TOML; for all else the model turns text into what it wants.
    if value.lstrip().startswith(("[", "{")):
        with suppress(ValueError, RecursionError):
            parsed = tomllib.loads(f"value = {value}")
            if parsed.keys() == {"value"}:
                return parsed["value"]
    return value
