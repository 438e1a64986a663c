"""Lists folders of plain files: quickly, since every pass looks at every seed."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from feeds.seeds.limits import MAX_BYTES
from feeds.seeds.scan import SUFFIXES, ScannedFile

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
    path is a problem, and if a folder cannot be listed, or goes while it is.

    Args:
        folders: the folders of `paths.seeds`.
        parser: the way in which the seeds are read.
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
