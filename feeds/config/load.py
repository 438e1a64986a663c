"""Reads config.toml, reports all its faults at once, and tells where each value comes from."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from itertools import starmap
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from feeds.common.buckets import is_address, parse_address
from feeds.common.errors import ConfigError
from feeds.common.urls import hide_secrets
from feeds.config import clashes
from feeds.config.model import Config
from feeds.config.origins import Key, Origins, as_key, key_lines, overlay, syntax_fault
from feeds.config.schema import Table, fields_of, plain, read_table, table_in

T = TypeVar("T", bound=Table)

BASE_URL: Key = ("site", "base_url")

# Beside the state file: where documents are made that are put into a bucket.
_MADE_IN = "out"
_HOW_TO_GET_ONE = (
    "no configuration: {path} does not exist. 'feeds init' makes one, with a first seed; "
    "--config PATH names one that is elsewhere."
)


class Loaded(NamedTuple):
    """The configuration, with absolute paths, and the path of its file.

    `places` says where the keys of paths, and `site.base_url`, were written, for messages.
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
        paths = replace(self.config.paths, out=_absolute(Path.cwd(), out), objects="")
        config = replace(self.config, paths=paths)
        _refuse(clashes.find_overlaps(config, self.path, {**self.places, clashes.OUT: "--out"}))
        return self._replace(config=config)

    def refuse_objects(self) -> None:
        """Makes sure that there is a folder to serve.

        Raises:
            ConfigError: the documents are objects.
        """
        if self.config.paths.objects:
            place = self.places.get(clashes.OUT, self.path)
            reason = f"{self.config.paths.objects} is served by its bucket, not by feeds"
            advice = "put a CDN or a web server before it, or serve another folder by --out"
            raise ConfigError([f"{place}: paths.out: {reason}: {advice}"])


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> Loaded:
    """Returns the configuration in config.toml, with absolute paths.

    Variables such as ``FEEDS_SITE__BASE_URL`` override the file.

    Raises:
        ConfigError: the file cannot be read, or has faults; each has a line with file, line, key,
            the value found and the one wanted.
    """
    return load_with_origins(path, environment)[0]


def load_with_origins(
    path: Path, environment: Mapping[str, str]
) -> tuple[Loaded, Origins, dict[str, Any]]:
    """Returns also where each key was written, and the data: the file with variables in it.

    Raises:
        ConfigError: as `load_config`.
    """
    text = _read(path)
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        raise ConfigError([f"{path}:{syntax_fault(text, error)}"]) from None
    variables: dict[Key, str] = {}
    faults = overlay(data, environment, variables)
    origins = Origins(path, key_lines(text), variables)
    faults += starmap(origins.told, clashes.find_repeats(data))
    config, found = read_table(Config, data)
    faults += [origins.fault(*fault) for fault in found]
    if config is not None and not faults:
        faults += starmap(origins.told, clashes.find_alias_clashes(config))
    if config is None or faults:
        raise ConfigError(list(dict.fromkeys(faults)))
    path = Path(os.path.abspath(path))  # noqa: PTH100 (without following links, but without ..)
    config = _with_places(config, path.parent, data.get("paths", {}).get("out", ""))
    _refuse(starmap(origins.told, clashes.find_servers(config, data)))
    seeds = [("paths", "seeds", number) for number in range(len(config.paths.seeds))]
    keys = [BASE_URL, *clashes.PLACES, *seeds]
    loaded = Loaded(config, path, {key: origins.place(key) for key in keys if origins.knows(key)})
    _refuse(clashes.find_overlaps(config, path, loaded.places))
    return loaded, origins, data


def _with_places(config: Config, base: Path, written: Any) -> Config:
    """Returns the configuration with absolute paths; `written` is what stands as paths.out."""
    config = _with_absolute_paths(config, base)
    objects = parse_address(written) if is_address(written) else ""
    if isinstance(objects, str) and objects:
        out = config.paths.state.parent / _MADE_IN
        config = replace(config, paths=replace(config.paths, out=out, objects=objects))
    log = config.serve.access_log
    if log not in clashes.NO_FILES:
        log = str(_absolute(base, Path(log).expanduser()))
    return replace(config, serve=replace(config.serve, access_log=log))


def _with_absolute_paths(table: T, base: Path) -> T:
    """Returns a table of which all paths, and those of the tables in it, are absolute."""

    def absolute(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(absolute, value))
        if isinstance(value, Path):
            return _absolute(base, value)
        return _with_absolute_paths(value, base) if isinstance(value, Table) else value

    return replace(
        table, **{name: absolute(getattr(table, name)) for name in fields_of(type(table))}
    )


def _refuse(faults: Iterable[str]) -> None:
    if found := list(faults):
        raise ConfigError(found)


def _absolute(base: Path, path: Path) -> Path:
    return Path(os.path.normpath(base / path))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        above = next((one for one in path.absolute().parents if (one / path.name).exists()), None)
        there = f" There is one in {above}." if above else ""
        raise ConfigError([_HOW_TO_GET_ONE.format(path=path) + there]) from None
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, len(before.rpartition(b"\n")[2].decode()) + 1
        fault = f"{path}:{line}:{column}: not UTF-8 at byte {error.start + 1}"
        raise ConfigError([f"{fault}: save the file as UTF-8"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror or error}"]) from None


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
        config = replace(config, paths=replace(config.paths, out=config.paths.objects))
    return list(_settings(config, data, (), origins))


def _settings(table: Table, data: Any, key: Key, origins: Origins) -> Iterator[Setting]:
    """Yields every value of a table; `data` is the table as it was written."""
    for name, field in fields_of(type(table)).items():
        value, written, at = getattr(table, name), data.get(name), (*key, name)
        if isinstance(value, Table):
            yield from _settings(value, written or {}, at, origins)
        elif isinstance(value, dict):
            for own, one in zip(written or (), value.values(), strict=True):
                yield from _settings(one, written[own], (*at, own), origins)
        elif table_in(field.type):
            for number, one in enumerate(value):
                yield from _settings(one, written[number], (*at, number), origins)
        else:
            place = origins.place(at) if name in data else ""
            is_variable = place.startswith("environment variable ")
            origin = "environment" if is_variable else "file" if place else "default"
            yield Setting(".".join(map(as_key, at)), _masked(plain(value)), origin, place)


def _masked(value: Any) -> Any:
    """Returns a value without the user info and the queries of URLs in it."""
    if isinstance(value, list):
        return [_masked(one) for one in value]
    return hide_secrets(value, "") if isinstance(value, str) else value
