"""Reading config.toml, with every fault in it at once."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from feeds.config.aliases import clashes
from feeds.config.lines import Key, key_lines
from feeds.config.model import Config
from feeds.config.repeats import repeats
from feeds.errors import ConfigError
from feeds.urls import shown_url

ENV_PREFIX = "FEEDS_"

# Pydantic speaks of Python; people write TOML.
_WANTED = {
    "dict_type": "wanted a table",
    "model_type": "wanted a table",
    "path_type": "wanted a path",
    "too_short": "wanted at least one",
    "tuple_type": "wanted a list",
}

_HOW_TO_GET_ONE = """\
no configuration: {path} does not exist. A file of these lines is enough to begin:

    [site]
    title = "My site"
    base_url = "https://feeds.example.org/"   # where out/ will be served

    [paths]
    seeds = ["seeds"]

Write it there, or name another file with --config PATH; the README lists every key."""


class Loaded(NamedTuple):
    """The configuration, and the folder that its relative paths start at."""

    config: Config
    path: Path

    @property
    def base(self) -> Path:
        """The folder of config.toml."""
        return self.path.parent

    def with_out(self, out: Path) -> Loaded:
        """Returns the same with another out/, relative to the current folder."""
        paths = self.config.paths.model_copy(update={"out": out.absolute()})
        return self._replace(config=self.config.model_copy(update={"paths": paths}))


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> Loaded:
    """Reads config.toml; variables such as ``FEEDS_SITE__BASE_URL`` go before what it says.

    Paths come back absolute.

    Raises:
        ConfigError: with one line for each fault: file, line, key, what is wrong, what is wanted.
    """
    text = _read(path)
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        reason = "too deeply nested" if isinstance(error, RecursionError) else str(error)
        raise ConfigError([f"{path}: not valid TOML: {reason}"]) from None
    origins = _Origins(path, key_lines(text))
    faults = _overlay(data, environment, origins)
    faults += [
        f"{origins.place(one.place)}: {one.kind}: {one.value!r} stands there twice"
        for one in repeats(data)
    ]
    config = None
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        found = [(_keys(fault), _reason(_keys(fault), fault)) for fault in _own(error.errors())]
        faults += [origins.fault(keys, reason) for keys, reason in found]
    if config is not None and not faults:
        faults += [f"{origins.place(one.place)}: {one.reason}" for one in clashes(config)]
    if config is None or faults:
        raise ConfigError(list(dict.fromkeys(faults)))
    path = Path(os.path.abspath(path))  # noqa: PTH100 (without following links, but without ..)
    paths = config.paths
    absolute = paths.model_copy(
        update={
            "seeds": tuple(_absolute(path.parent, folder) for folder in paths.seeds),
            "out": _absolute(path.parent, paths.out),
            "state": _absolute(path.parent, paths.state),
            "templates": paths.templates and _absolute(path.parent, paths.templates),
        }
    )
    cache = _absolute(path.parent, config.images.cache)
    if cache == absolute.out:
        reason = "wanted another folder than paths.out, where files come and go with the feeds"
        raise ConfigError([origins.fault(("images", "cache"), reason)])
    images = config.images.model_copy(update={"cache": cache})
    return Loaded(config.model_copy(update={"paths": absolute, "images": images}), path)


class _Origins:
    """Knows where each key was written: on which line, or in which environment variable."""

    def __init__(self, path: Path, lines: dict[Key, int]) -> None:
        self.path = path
        self.lines = lines
        self.variables: dict[Key, str] = {}

    def fault(self, keys: Key, reason: str) -> str:
        """Returns a fault as people read it."""
        name = ".".join(f'"{key}"' if " " in str(key) else str(key) for key in keys)
        return f"{self.place(keys)}: {name}: {reason}" if name else f"{self.path}: {reason}"

    def place(self, keys: Key) -> str:
        """Returns where a key, what is in it, or else what it is in, was written."""
        size = len(keys)
        for steps, name in self.variables.items():
            if steps[:size] == keys:
                return f"environment variable {name}"
        for steps, line in self.lines.items():
            if steps[:size] == keys:
                return f"{self.path}:{line}"
        return self.place(keys[:-1]) if keys else str(self.path)


def _absolute(base: Path, path: Path) -> Path:
    return Path(os.path.normpath(base / path))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError([_HOW_TO_GET_ONE.format(path=path)]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not UTF-8 at byte {error.start + 1}"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror or error}"]) from None


def _overlay(data: dict[str, Any], environment: Mapping[str, str], origins: _Origins) -> list[str]:
    """Puts the variables into the data, and returns what is wrong with them."""
    faults = []
    for name, value in sorted(environment.items()):
        steps = name.removeprefix(ENV_PREFIX).lower().split("__")
        if not name.startswith(ENV_PREFIX):
            continue
        if len(steps) == 1 and steps[0] not in Config.model_fields:
            continue  # FEEDS_VERSION and the like: somebody else's
        table, keys = data, []
        for step in steps[:-1]:
            keys.append(_as_written(table, step))
            inner = table.setdefault(keys[-1], {})
            if not isinstance(inner, dict):
                faults.append(f"environment variable {name}: {step} is no table")
                break
            table = inner
        else:
            keys.append(_as_written(table, steps[-1]))
            origins.variables[tuple(keys)] = name
            if any("\ud800" <= char <= "\udfff" for char in value):
                faults.append(f"environment variable {name}: not UTF-8")
            else:
                table[keys[-1]] = _variable_value(value)
    return faults


def _as_written(table: dict[str, Any], step: str) -> str:
    """Returns the key as the file has it: variables are upper case, topics need not be lower."""
    return next((key for key in table if key.lower() == step), step)


def _variable_value(value: str) -> object:
    # Lists and tables are written as in TOML; for all else the model turns text into what it wants.
    if value.lstrip().startswith(("[", "{")):
        with suppress(ValueError, RecursionError):
            return tomllib.loads(f"value = {value}")["value"]
    return value


def _own(faults: list[Any]) -> list[Any]:
    """Leaves out lists that are too short only because of faulty members."""
    places = [fault["loc"] for fault in faults]
    return [
        fault
        for fault in faults
        if fault["type"] != "too_short"
        or not any(
            one != fault["loc"] and one[: len(fault["loc"])] == fault["loc"] for one in places
        )
    ]


def _keys(fault: Any) -> Key:
    return tuple(step for step in fault["loc"] if step != "[key]")


def _reason(keys: Key, fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        known = _known_keys(keys[:-1])
        close = difflib.get_close_matches(str(keys[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
        return f"unknown key ({hint})"
    reason = str(fault["msg"]).removeprefix("Value error, ").replace("Input should be", "wanted")
    reason = _WANTED.get(fault["type"], reason)
    found = fault["input"]
    if isinstance(found, dict | BaseModel) or fault["type"] == "missing":
        return reason[0].lower() + reason[1:]
    if "hub" in keys:  # it may hold credentials
        found = shown_url(found) if isinstance(found, str) else type(found).__name__
    shown = repr(found) if isinstance(found, str | int | float | list | tuple) else str(found)
    return f"found {shown}, {reason[0].lower()}{reason[1:]}"


def _known_keys(keys: Key) -> list[str]:
    """Returns the keys that the table at this path may have."""
    kind: Any = Config
    for key in keys:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[str(key)].annotation
        else:  # dict[Name, Named] and tuple[Rule, ...]: the model is among the arguments
            kind = next(
                part
                for part in get_args(kind)
                if isinstance(part, type) and issubclass(part, BaseModel)
            )
    return list(kind.model_fields)
