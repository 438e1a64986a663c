"""Seeds in objects: lists what is below an address, looks at some keys, reads many at once.

A seed's path is the address of its object, such as ``s3://bucket/seeds/2026/a.md``. Its fingerprint
is made of what a listing says of it, so nothing is read to find out whether it changed. A bucket
that fails after all patience stops the pass, as a folder does that cannot be listed.
"""

from __future__ import annotations

import time
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from feeds.common.errors import ObjectMissingError, ObjectsError, SeedsFolderError
from feeds.common.files import Fingerprint
from feeds.common.interrupts import ask_all
from feeds.common.model import Problem
from feeds.common.objects import PATIENCE_S, ObjectInfo, Objects, is_object, split_address
from feeds.seeds.limits import why_too_large
from feeds.seeds.listing import Listing
from feeds.seeds.scan import SUFFIXES, ScannedFile, display_path, is_below

A = TypeVar("A")
R = TypeVar("R")

# So many objects are asked for at a time: an answer costs little work, but 10 to 50 ms of waiting.
_AT_ONCE = 16
# The library repeats a request that got no answer, but not one whose answer broke off.
_PAUSES_S = (1.0, 3.0)


class Fetched(NamedTuple):
    """The bytes of an object, None if it is gone; `tag` is that of its `Fingerprint`."""

    data: bytes | None
    tag: int = 0


def list_objects(
    prefixes: Sequence[str], base: Path, parser: str
) -> tuple[list[Listing], list[ScannedFile]]:
    """Returns the seeds below these addresses of `paths.seeds`, folder by folder, and problems.

    Args:
        prefixes: the addresses; what is below two of them counts for the first.
        base: the folder of config.toml; see `scan`.
        parser: the way in which the seeds are read.

    Raises:
        SeedsFolderError: an address cannot be listed to its end.
    """
    listings: list[Listing] = []
    problems: list[ScannedFile] = []

    ask = _patient("list seeds", partial(_list, prefixes, base, parser))
    for found in ask_all(ask, range(len(prefixes)), 1):
        listings += found[0]
        problems += found[1]
    return listings, problems


def _list(
    prefixes: Sequence[str], base: Path, parser: str, number: int
) -> tuple[list[Listing], list[ScannedFile]]:
    prefix, others = prefixes[number], prefixes[:number]
    problems: list[ScannedFile] = []
    names: dict[str, list[str]] = defaultdict(list)
    numbers: dict[str, array[int]] = defaultdict(lambda: array("q"))
    for found in _below(prefix, prefix, base):
        if any(is_below(found.path, other) for other in others):
            continue
        if found.problem:
            problems.append(found)
            continue
        folder, _, name = found.path.rpartition("/")
        names[folder].append(name)
        numbers[folder].extend((found.size, found.mtime_ns, found.inode, 1))
    return [
        Listing.of(folder, prefix, names[folder], numbers[folder], parser)
        for folder in sorted(names)
    ], problems


def look_at_objects(
    paths: Iterable[str], prefixes: Sequence[str], base: Path
) -> Iterator[ScannedFile]:
    """Yields the seeds, and problems, at and below addresses that are below one of `prefixes`.

    Raises:
        SeedsFolderError: nothing can be told of an address.
    """

    def look(path: str) -> list[ScannedFile]:
        prefix = next(prefix for prefix in prefixes if is_below(path, prefix))
        bucket, key = _bucket_of(path)
        one = bucket.look(key) if key.endswith(SUFFIXES) else None
        return list(_seeds(bucket, [one], prefix, base) if one else _below(path, prefix, base))

    for found in ask_all(_patient("look at seeds", look), paths, _AT_ONCE):
        yield from found


def fetch_objects(paths: Iterable[str]) -> dict[str, Fetched]:
    """Returns the bytes of those of these seeds that are objects, by path.

    Raises:
        SeedsFolderError: one of them is there, but cannot be read. That may concern others as well,
            so it is no problem of this seed.
    """
    objects = list(filter(is_object, paths))
    ask = _patient("read seeds", _fetch)
    return dict(zip(objects, ask_all(ask, objects, _AT_ONCE), strict=True))


def _below(address: str, prefix: str, base: Path) -> Iterator[ScannedFile]:
    bucket, key = _bucket_of(address)
    return _seeds(bucket, bucket.list(key.rstrip("/")), prefix, base)


def _seeds(
    bucket: Objects, found: Iterable[ObjectInfo], prefix: str, base: Path
) -> Iterator[ScannedFile]:
    """Yields those of the objects that are seeds; hidden ones are as hidden files."""
    for key, size, etag in found:
        path = f"{bucket}{key}"
        if not key.endswith(SUFFIXES) or "/." in path[len(prefix) - 1 :]:
            continue
        reason = why_too_large(size)
        problem = Problem(display_path(path, str(base)), 0, 0, "", reason) if reason else None
        yield ScannedFile(path, prefix, *Fingerprint.of_object(size, etag), problem)


def _fetch(path: str) -> Fetched:
    bucket, key = _bucket_of(path)
    try:
        data, etag = bucket.get(key)
    except ObjectMissingError:
        return Fetched(None)
    return Fetched(data, Fingerprint.of_object(len(data), etag).inode)


def _bucket_of(address: str) -> tuple[Objects, str]:
    bucket, key = split_address(address)
    return _opened(bucket), key


@cache
def _opened(address: str) -> Objects:
    return Objects(address)


def _patient(what: str, ask: Callable[[A], R]) -> Callable[[A], R]:
    """Returns a function that asks again, a few times, before the bucket's error is ours."""

    def asked(about: A) -> R:
        end, pauses = time.monotonic() + PATIENCE_S, iter(_PAUSES_S)
        while True:
            try:
                return ask(about)
            except ObjectsError as error:
                pause = next(pauses, None)
                if pause is None or time.monotonic() > end:
                    raise SeedsFolderError(f"cannot {what}: {error} (paths.seeds)") from None
            time.sleep(pause)

    return asked
