"""Reads config.toml and reports all its faults at once."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from feeds.common.errors import ConfigError
from feeds.common.urls import shown_url
from feeds.config.clashes import (
    CACHE,
    OUT,
    STATE,
    TEMPLATES,
    find_alias_clashes,
    find_overlaps,
    find_repeats,
)
from feeds.config.model import Config
from feeds.config.origins import Key, Origins, key_lines, overlay, syntax_fault

# Pydantic names types of Python, but people write TOML.
_WANTED = {
    "bool_parsing": "wanted true or false",
    "bool_type": "wanted true or false",
    "dict_type": "wanted a table",
    "int_from_float": "wanted a whole number",
    "int_parsing": "wanted a whole number",
    "int_type": "wanted a whole number",
    "model_type": "wanted a table",
    "path_type": "wanted a path",
    "string_type": "wanted a text, in quotes",
    "too_short": "wanted at least one",
    "tuple_type": "wanted a list",
}
_LONGEST_SHOWN = 200

_HOW_TO_GET_ONE = """\
no configuration: {path} does not exist. A file of these lines is enough to begin:

    [site]
    title = "My site"
    base_url = "https://feeds.example.org/"   # where out/ will be served

    [paths]
    seeds = ["seeds"]

Write it there, or name another file with --config PATH; the documentation lists every key."""


class Loaded(NamedTuple):
    """The configuration, with absolute paths, and the path of its file.

    `places` says where the keys of paths were written, for messages.
    """

    config: Config
    path: Path
    places: Mapping[Key, str] = {}

    @property
    def base(self) -> Path:
        """The folder of config.toml."""
        return self.path.parent

    def with_out(self, out: Path | None) -> Loaded:
        """Returns the same configuration with another out/, relative to the current folder.

        None stands for the same out/.

        Raises:
            ConfigError: this folder overlaps with another one of the configuration.
        """
        if out is None:
            return self
        paths = self.config.paths.model_copy(update={"out": _absolute(Path.cwd(), out)})
        config = self.config.model_copy(update={"paths": paths})
        _refuse_overlaps(config, self.path, {**self.places, OUT: "--out"})
        return self._replace(config=config)


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> Loaded:
    """Returns the configuration in config.toml, with absolute paths.

    Variables such as ``FEEDS_SITE__BASE_URL`` override the file.

    Raises:
        ConfigError: has a line for each fault: file, line, key, the value found and the one wanted.
    """
    text = _read(path)
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        raise ConfigError([f"{path}:{syntax_fault(text, error)}"]) from None
    origins = Origins(path, key_lines(text))
    faults = overlay(data, environment, origins.variables)
    faults += [f"{origins.place(one.place)}: {one.reason}" for one in find_repeats(data)]
    config = None
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        found = [(_keys(fault), _reason(_keys(fault), fault)) for fault in _own(error.errors())]
        faults += [origins.fault(keys, reason) for keys, reason in found]
    if config is not None and not faults:
        faults += [
            f"{origins.place(one.place)}: {one.reason}" for one in find_alias_clashes(config)
        ]
    if config is None or faults:
        raise ConfigError(list(dict.fromkeys(faults)))
    path = Path(os.path.abspath(path))  # noqa: PTH100 (without following links, but without ..)
    config = _with_absolute_paths(config, path.parent)
    seeds = [("paths", "seeds", number) for number in range(len(config.paths.seeds))]
    keys = [OUT, STATE, CACHE, TEMPLATES, *seeds]
    loaded = Loaded(config, path, {key: origins.place(key) for key in keys if origins.knows(key)})
    _refuse_overlaps(config, path, loaded.places)
    return loaded


def _with_absolute_paths(config: Config, base: Path) -> Config:
    paths = config.paths
    absolute = {
        "seeds": tuple(_absolute(base, folder) for folder in paths.seeds),
        "out": _absolute(base, paths.out),
        "state": _absolute(base, paths.state),
        "templates": paths.templates and _absolute(base, paths.templates),
    }
    cache = {"cache": _absolute(base, config.images.cache)}
    return config.model_copy(
        update={
            "paths": paths.model_copy(update=absolute),
            "images": config.images.model_copy(update=cache),
        }
    )


def _refuse_overlaps(config: Config, path: Path, places: Mapping[Key, str]) -> None:
    faults = list(find_overlaps(config, path, places))
    if faults:
        raise ConfigError(faults)


def _absolute(base: Path, path: Path) -> Path:
    return Path(os.path.normpath(base / path))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError([_HOW_TO_GET_ONE.format(path=path)]) from None
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, len(before.rpartition(b"\n")[2].decode()) + 1
        fault = f"{path}:{line}:{column}: not UTF-8 at byte {error.start + 1}"
        raise ConfigError([f"{fault}: save the file as UTF-8"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror or error}"]) from None


def _own(faults: list[Any]) -> list[Any]:
    """Returns the faults without those of lists that are too short because of faulty members."""
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
    keys = tuple(fault["loc"])
    return keys[:-1] if len(keys) > 2 and keys[-1] == "[key]" else keys


def _reason(keys: Key, fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        known = _known_keys(keys[:-1])
        tables = [name for name in known if len(keys) == 1 and _has_key(name, str(keys[0]))]
        if tables:
            return f"unknown key (it belongs in [{'] or ['.join(tables)}])"
        close = difflib.get_close_matches(str(keys[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
        return f"unknown key ({hint})"
    reason = str(fault["msg"]).removeprefix("Value error, ").replace("Input should be", "wanted")
    reason = _WANTED.get(fault["type"], reason)
    found = fault["input"]
    if fault["type"] == "too_short" and isinstance(found, str):
        reason = "wanted a text that is not empty"
    if isinstance(found, dict | BaseModel) or fault["type"] == "missing":
        return reason[0].lower() + reason[1:]
    if "hub" in keys:  # it may hold credentials
        found = shown_url(found) if isinstance(found, str) else type(found).__name__
    shown = repr(found) if isinstance(found, str | int | float | list | tuple) else str(found)
    if len(shown) > _LONGEST_SHOWN:
        shown = f"{shown[:_LONGEST_SHOWN]}…"
    return f"found {shown}, {reason[0].lower()}{reason[1:]}"


def _has_key(table: str, key: str) -> bool:
    kind = Config.model_fields[table].annotation
    return isinstance(kind, type) and issubclass(kind, BaseModel) and key in kind.model_fields


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
