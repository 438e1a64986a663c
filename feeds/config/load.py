"""Reading config.toml, with every fault in it at once."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from feeds.config.lines import key_lines
from feeds.config.model import Config
from feeds.errors import ConfigError

ENV_PREFIX = "FEEDS_"

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
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: not valid TOML: {error}"]) from None
    variables = _overlay(data, environment)
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        lines = key_lines(text)
        faults = [_fault(path, lines, variables, fault) for fault in error.errors()]
        raise ConfigError(faults) from None
    path = Path(os.path.abspath(path))  # noqa: PTH100 (without following links, but without ..)
    paths = config.paths
    absolute = paths.model_copy(
        update={
            "seeds": tuple(_absolute(path.parent, folder) for folder in paths.seeds),
            "out": _absolute(path.parent, paths.out),
            "state": _absolute(path.parent, paths.state),
        }
    )
    return Loaded(config.model_copy(update={"paths": absolute}), path)


def _absolute(base: Path, path: Path) -> Path:
    return Path(os.path.normpath(base / path.expanduser()))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError([_HOW_TO_GET_ONE.format(path=path)]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not UTF-8 at byte {error.start + 1}"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror or error}"]) from None


def _overlay(data: dict[str, Any], environment: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Puts the variables into the data; returns which variable stands behind which key."""
    variables: dict[tuple[str, ...], str] = {}
    for name, value in sorted(environment.items()):
        steps = tuple(name.removeprefix(ENV_PREFIX).lower().split("__"))
        if not name.startswith(ENV_PREFIX):
            continue
        if len(steps) == 1 and steps[0] not in Config.model_fields:
            continue  # FEEDS_VERSION and the like: somebody else's
        table = data
        for step in steps[:-1]:
            inner = table.setdefault(step, {})
            if not isinstance(inner, dict):
                raise ConfigError([f"environment variable {name}: {step} is no table"])
            table = inner
        table[steps[-1]] = _variable_value(name, value)
        variables[steps] = name
    return variables


def _variable_value(name: str, value: str) -> object:
    # Lists and tables are written as in TOML; for all else the model turns text into what it wants.
    if not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"environment variable {name}: not a TOML value: {error}"]) from None


def _fault(
    path: Path,
    lines: dict[tuple[str | int, ...], int],
    variables: dict[tuple[str, ...], str],
    fault: Any,
) -> str:
    keys = tuple(step for step in fault["loc"] if step != "[key]")
    place = _place(path, lines, variables, keys)
    name = ".".join(f'"{key}"' if " " in str(key) else str(key) for key in keys)
    return f"{place}: {name}: {_reason(keys, fault)}".replace(": : ", ": ")


def _place(
    path: Path,
    lines: dict[tuple[str | int, ...], int],
    variables: dict[tuple[str, ...], str],
    keys: tuple[str | int, ...],
) -> str:
    """Returns where a key, or the table that it is missing in, was written."""
    for length in range(len(keys), 0, -1):
        known = keys[:length]
        if variable := next((name for steps, name in variables.items() if steps == known), None):
            return f"environment variable {variable}"
        if known in lines:
            return f"{path}:{lines[known]}"
    inside = (name for steps, name in variables.items() if keys and steps[: len(keys)] == keys)
    return next((f"environment variable {name}" for name in inside), str(path))


def _reason(keys: tuple[str | int, ...], fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        known = _known_keys(keys[:-1])
        close = difflib.get_close_matches(str(keys[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
        return f"unknown key ({hint})"
    reason = str(fault["msg"]).removeprefix("Value error, ").replace("Input should be", "wanted")
    reason = reason.replace("a valid tuple", "a list")
    found = fault["input"]
    shown = "" if isinstance(found, dict | BaseModel) else f"found {found!r}, "
    return shown + reason[0].lower() + reason[1:]


def _known_keys(keys: tuple[str | int, ...]) -> list[str]:
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
