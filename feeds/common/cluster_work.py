"""What a worker of a Dask cluster does: one chunk after the other, if it has our versions."""

from __future__ import annotations

import pickle
import re
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

from feeds import __version__
from feeds.common.workers import answer

_NAME = re.compile(r"[\w.-]+", re.ASCII)

# Rapidyaml wants no other thread beside it (`feeds.seeds.quick_reader`).
_one_at_a_time = threading.Lock()


class ChunkDone(NamedTuple):
    """What a worker made of a chunk: a result, an error, or the versions that it has instead."""

    worker: str
    result: bytes | None = None
    error: Exception | None = None
    versions: dict[str, str] | None = None


@cache
def versions() -> dict[str, str]:
    """Returns the versions of all that decides bytes: of feeds, Python and what feeds needs."""
    from importlib import metadata  # on demand: most passes have no work for a cluster

    found = {"feeds": __version__, "Python": f"{sys.version_info[0]}.{sys.version_info[1]}"}
    with suppress(metadata.PackageNotFoundError):
        for wanted in metadata.requires("feeds") or ():
            name = _NAME.match(wanted)
            if name and "extra ==" not in wanted:
                found[name[0]] = metadata.version(name[0])
    return found


class Call:
    """Work on a chunk, which is done when its pickle is read; what that returns is an `ChunkDone`.

    So a worker without our modules fails at this chunk only: it dies of functions that it lacks.
    """

    def __init__(self, work: Callable[[list[Any]], bytes], part: list[Any]) -> None:
        self._payload = pickle.dumps((work, part), pickle.HIGHEST_PROTOCOL)

    def __reduce__(self) -> tuple[Callable[..., ChunkDone], tuple[dict[str, str], bytes]]:
        return _do_chunk, (versions(), self._payload)


def _do_chunk(wanted: dict[str, str], payload: bytes) -> ChunkDone:
    """Does the work on a chunk; this runs on a worker."""
    from distributed import get_worker

    worker = str(get_worker().name)
    if versions() != wanted:
        return ChunkDone(worker, versions=versions())
    with _one_at_a_time:
        return ChunkDone(worker, *answer(*pickle.loads(payload)))  # noqa: S301 (the coordinator's)


def differences(theirs: dict[str, str]) -> str:
    """Returns what of these versions is not as here, for people."""
    ours = versions()
    names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    return ", ".join(
        f"{name} {theirs.get(name, 'not installed')} (here {ours.get(name, 'not installed')})"
        for name in names[:3]
    )
