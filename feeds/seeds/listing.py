"""Lists seeds quickly: folders of plain files, which every pass looks at, and objects in buckets.

The path of a seed in an object is its address, such as ``s3://bucket/seeds/2026/a.md``. Its
fingerprint is made of what a listing says of it, so nothing is read to find out whether it changed.
A bucket that fails after all patience stops the pass, as a folder does that cannot be listed.
"""

from __future__ import annotations

import hashlib
import os
import time
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple, TypeVar

from feeds.common.buckets import PATIENCE_S, ObjectInfo, Objects, is_object, split_address
from feeds.common.errors import ObjectMissingError, ObjectsError, SeedsFolderError
from feeds.common.files import Fingerprint
from feeds.common.interrupts import ask_all
from feeds.common.model import Problem
from feeds.common.text import display_path
from feeds.seeds.limits import MAX_BYTES, why_too_large
from feeds.seeds.scan import SUFFIXES, ScannedFile, is_below

A = TypeVar("A")
R = TypeVar("R")

# So many objects are asked for at a time: an answer costs little work, but 10 to 50 ms of waiting.
_AT_ONCE = 16
# The library repeats a request that got no answer, but not one whose answer broke off.
_PAUSES_S = (1.0, 3.0)

# What is asked of each file, in this order: three numbers of a `Fingerprint`, and how many names
# it has.
_ask = attrgetter("st_size", "st_mtime_ns", "st_ino", "st_nlink")
_ASKED = 4


class _NotPlainError(Exception):
    """A folder holds something that only `scan` can judge."""


class Listing(NamedTuple):
    """The seed files in one folder, not those below it, in the order in which the system has them.

    `folder` is the one of `paths.seeds`. `names` is one text, since there may be a million, and
    `numbers` holds what was asked of one file after the other. `digest` is the same as long as the
    files are the same, and read in the same way.
    """

    path: str
    folder: str
    names: str
    numbers: array[int]
    digest: bytes
    is_plain: bool = True

    @classmethod
    def of(
        cls, path: str, folder: str, names: list[str], numbers: array[int], parser: str
    ) -> Listing:
        """Returns what stands in one folder, with its digest.

        Raises:
            UnicodeEncodeError: a name is not UTF-8: its other bytes come as lone surrogates.
        """
        joined = "/".join(names)
        digest = hashlib.sha256(f"{parser}\0{path}\0{joined}".encode())
        digest.update(numbers)
        return cls(path, folder, joined, numbers, digest.digest())

    @property
    def size(self) -> int:
        """How many files there are."""
        return len(self.numbers) // _ASKED

    def files(self) -> Iterator[ScannedFile]:
        """Yields the files by name."""
        prefix = self.path.rstrip("/") + "/"
        columns = (self.numbers[place::_ASKED] for place in range(3))
        names = self.names.split("/") if self.names else ()
        for name, *fingerprint in sorted(zip(names, *columns, strict=True)):
            yield ScannedFile(prefix + name, self.folder, *fingerprint)


def list_plain(folders: list[Path], parser: str) -> list[Listing] | None:
    """Returns what `scan` would find, folder by folder; None if only `scan` can tell.

    That is so if there is a link, a file with two names or a folder that is reached twice, if a
    path is a problem, and if a folder cannot be listed, or goes while it is. `parser` names the way
    in which the seeds are read.
    """
    seen: set[tuple[int, int]] = set()
    try:
        return [listing for folder in folders for listing in _walk(str(folder), parser, seen)]
    except (OSError, OverflowError, UnicodeEncodeError, _NotPlainError):
        return None


def _walk(folder: str, parser: str, seen: set[tuple[int, int]]) -> Iterator[Listing]:
    paths = [folder]
    while paths:
        path = paths.pop()
        # By its descriptor, so that the system has not to go down the whole path for each file.
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) in seen:
                raise _NotPlainError
            seen.add((status.st_dev, status.st_ino))
            names, numbers, below = _list(descriptor)
        finally:
            os.close(descriptor)
        yield Listing.of(path, folder, names, numbers, parser)
        paths += [f"{path.rstrip('/')}/{name}" for name in sorted(below, reverse=True)]


def _list(descriptor: int) -> tuple[list[str], array[int], list[str]]:
    """Returns the names of the seed files in a folder, what was asked of them, and its folders."""
    names: list[str] = []
    numbers: list[int] = []
    below: list[str] = []
    with os.scandir(descriptor) as entries:
        for entry in entries:
            name = entry.name
            if name[0] == ".":
                continue
            if name.endswith(SUFFIXES) and entry.is_file(follow_symlinks=False):
                names.append(name)
            elif entry.is_dir(follow_symlinks=False):
                below.append(name)
            elif entry.is_symlink() or name.endswith(SUFFIXES):
                raise _NotPlainError
    # Each pass does this for each seed, so it is done in the quickest way, which is not
    # `entry.stat`.
    look = os.stat
    for name in names:
        numbers += _ask(look(name, dir_fd=descriptor, follow_symlinks=False))
    if max(numbers[::_ASKED], default=0) > MAX_BYTES or numbers[3::_ASKED].count(1) != len(names):
        raise _NotPlainError
    return names, array("q", numbers), below


class Fetched(NamedTuple):
    """The bytes of an object, None if it is gone; `tag` is that of its `Fingerprint`."""

    data: bytes | None
    tag: int = 0


def list_objects(
    prefixes: Sequence[str], base: Path, parser: str
) -> tuple[list[Listing], list[ScannedFile]]:
    """Returns the seeds below these addresses of `paths.seeds`, folder by folder, and problems.

    What is below two of them counts for the first. `base` is the folder of config.toml, `parser`
    the way in which the seeds are read.

    Raises:
        SeedsFolderError: an address cannot be listed to its end.
    """
    listings: list[Listing] = []
    problems: list[ScannedFile] = []
    ask = _patient("list seeds", partial(_list_prefix, prefixes, base, parser))
    for found in ask_all(ask, range(len(prefixes)), 1):
        listings += found[0]
        problems += found[1]
    return listings, problems


def _list_prefix(
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
