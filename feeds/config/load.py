"""Reads config.toml and reports all its faults at once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from feeds.common.errors import ConfigError
from feeds.common.objects import is_address, parse_address
from feeds.config.clashes import (
    BACKUP,
    CACHE,
    LOG,
    NO_FILES,
    OUT,
    STATE,
    TEMPLATES,
    find_alias_clashes,
    find_overlaps,
    find_repeats,
    find_servers,
)
from feeds.config.engine import TLS_FILES
from feeds.config.model import Config
from feeds.config.origins import Key, Origins, key_lines, overlay, syntax_fault
from feeds.config.schema import read_table

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
        _refuse_overlaps(config, self.path, {**self.places, OUT: "--out"})
        return self._replace(config=config)

    def refuse_objects(self) -> None:
        """Makes sure that there is a folder to serve.

        Raises:
            ConfigError: the documents are objects.
        """
        if self.config.paths.objects:
            place = self.places.get(OUT, self.path)
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
    origins = Origins(path, key_lines(text))
    faults = overlay(data, environment, origins.variables)
    faults += [f"{origins.place(one.place)}: {one.reason}" for one in find_repeats(data)]
    config, found = read_table(Config, data)
    faults += [origins.fault(*fault) for fault in found]
    if config is not None and not faults:
        faults += [
            f"{origins.place(one.place)}: {one.reason}" for one in find_alias_clashes(config)
        ]
    if config is None or faults:
        raise ConfigError(list(dict.fromkeys(faults)))
    path = Path(os.path.abspath(path))  # noqa: PTH100 (without following links, but without ..)
    config = _with_absolute_paths(config, path.parent, data)
    if config.paths.objects:
        faults = [f"{origins.place(one.place)}: {one.reason}" for one in find_servers(config, data)]
        if faults:
            raise ConfigError(faults)
    seeds = [("paths", "seeds", number) for number in range(len(config.paths.seeds))]
    keys = [BASE_URL, OUT, STATE, BACKUP, CACHE, TEMPLATES, LOG, *seeds]
    loaded = Loaded(config, path, {key: origins.place(key) for key in keys if origins.knows(key)})
    _refuse_overlaps(config, path, loaded.places)
    return loaded, origins, data


def _with_absolute_paths(config: Config, base: Path, data: Mapping[str, Any]) -> Config:
    paths, state = config.paths, config.state
    state_file, written = _absolute(base, paths.state), data.get("paths", {}).get("out", "")
    objects = parse_address(written) if is_address(written) else ""
    is_bucket = isinstance(objects, str) and objects
    paths = replace(
        paths,
        seeds=tuple(one if isinstance(one, str) else _absolute(base, one) for one in paths.seeds),
        out=state_file.parent / _MADE_IN if is_bucket else _absolute(base, paths.out),
        objects=objects if is_bucket else "",
        state=state_file,
        templates=paths.templates and _absolute(base, paths.templates),
    )
    if isinstance(state.backup, Path):
        state = replace(state, backup=_absolute(base, state.backup))
    images = replace(config.images, cache=_absolute(base, config.images.cache))
    engine = {name: getattr(config.engine, name) for name in TLS_FILES}
    engine = {name: path and _absolute(base, path) for name, path in engine.items()}
    log = config.serve.access_log
    if log not in NO_FILES:
        log = str(_absolute(base, Path(log).expanduser()))
    serve = replace(config.serve, access_log=log)
    tables = {"paths": paths, "state": state, "images": images, "serve": serve}
    return replace(config, **tables, engine=replace(config.engine, **engine))


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
