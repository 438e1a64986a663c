"""Finds paths of the configuration that overlap although they must be apart."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from feeds.config.lines import Key
from feeds.config.model import Config

OUT: Key = ("paths", "out")
STATE: Key = ("paths", "state")
CACHE: Key = ("images", "cache")
TEMPLATES: Key = ("paths", "templates")
CONFIG: Key = ()
_INSIDE, _SAME = "inside", "the same as"
_AROUND = {_INSIDE: "around"}
# The files that `feeds serve` keeps beside the state file, and those of SQLite beside them.
_TAKEN = {f"{name}.db{side}" for name in ("versions", "search") for side in ("", "-wal", "-shm")}


def overlaps(config: Config, file: Path, places: Mapping[Key, str]) -> Iterator[str]:
    """Yields a message for each pair of paths that overlap, with both keys and their places.

    Links are followed, and two names of one folder count as one. Seeds folders may be inside one
    another, and the state file inside the image cache. Both may be in a dot folder of the seeds,
    unless `schedule.watch` is on.

    Args:
        config: the configuration, with absolute paths.
        file: config.toml.
        places: where keys were written; keys with their default are missing.
    """
    paths = config.paths
    seeds = [(("paths", "seeds", number), folder) for number, folder in enumerate(paths.seeds)]
    state, cache = (STATE, paths.state), (CACHE, config.images.cache)
    own = [(CONFIG, file), *seeds, state]
    if paths.templates:
        own.append((TEMPLATES, paths.templates))
    served = (OUT, paths.out)
    # Nothing may be inside the folder that is served, nor below a file.
    inside = [(one, served) for one in (*own, cache)]
    if config.images.base_url:
        inside += [(one, cache) for one in own]
    inside += [(one, state) for one in (*own, served, cache) if one is not state]
    inside += [(served, folder) for folder in seeds]
    # Dot folders are skipped when seeds are read, but not when they are watched.
    inside += [
        (one, folder)
        for folder in seeds
        for one in (state, cache)
        if config.schedule.watch or not _is_hidden(one[1], folder[1])
    ]
    inside.append((served, cache))
    found: dict[frozenset[Key], str] = {}
    for one, around in inside:
        relation = _relation(one[1], around[1])
        if relation:
            fault = _fault(one, relation, around, file, places)
            found.setdefault(frozenset({one[0], around[0]}), fault)
    yield from found.values()
    if paths.state.name.lower() in _TAKEN:
        place = places.get(STATE, str(file))
        yield f"{place}: paths.state: the server keeps a file of its own called {paths.state.name}"


def _fault(
    one: tuple[Key, Path],
    relation: str,
    around: tuple[Key, Path],
    file: Path,
    places: Mapping[Key, str],
) -> str:
    """Returns the message; it begins with a key that was written, rather than a default."""
    if one[0] == CONFIG or (one[0] not in places and around[0] in places):
        one, relation, around = around, _AROUND.get(relation, relation), one
    (key, path), (other, its_path) = one, around
    where = f"({its_path}, {places.get(other, 'by default')})"
    its_name = "the configuration" if other == CONFIG else _name(other)
    start = places.get(key, str(file))
    where = f"({file})" if other == CONFIG else where
    return f"{start}: {_name(key)}: {path} is {relation} {its_name} {where}: wanted separate paths"


def _name(key: Key) -> str:
    return ".".join(map(str, key))


def _relation(path: Path, around: Path) -> str:
    """Returns "the same as" or "inside" for a path and another, "" if they are apart."""
    real, other = Path(os.path.realpath(path)), Path(os.path.realpath(around))
    if real == other or _is_same(real, other):
        return _SAME
    # A link inside the folder may lead out of it.
    above = {*real.parents, *map(Path, map(os.path.realpath, path.parents))}
    return _INSIDE if any(one == other or _is_same(one, other) for one in above) else ""


def _is_hidden(path: Path, folder: Path) -> bool:
    """Tells whether a path is in a dot folder below another."""
    real, other = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    inside = real.relative_to(other).parts if real.is_relative_to(other) else ()
    return any(part.startswith(".") for part in inside)


def _is_same(path: Path, other: Path) -> bool:
    """Tells whether two names are one file, as with mounts and disks that ignore case."""
    try:
        return os.path.samestat(path.stat(), other.stat())
    except (OSError, ValueError):
        return False
