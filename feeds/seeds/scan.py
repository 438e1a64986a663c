"""Which seed files there are, and which of them changed.

Symbolic links are followed inside their folder. Everything that matches the patterns and is no
readable regular file is a problem with its reason; nothing is opened here, so nothing can block.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds.errors import SeedsFolderError
from feeds.model import Problem
from feeds.seeds.frontmatter import MAX_BYTES

SUFFIXES = (".txt", ".md", ".markdown", ".yaml", ".yml")

_KINDS = (
    (stat.S_ISFIFO, "a named pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)
# What `_look_behind` returns for a link to a folder that is to be listed.
_FOLDER = object()


class Found(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a scan met at `path`, below `folder` of `paths.seeds`: a file to read, or a problem.

    `size` is in bytes; the three numbers are those of a `Fingerprint`.
    """

    path: str
    folder: str
    size: int = 0
    mtime_ns: int = 0
    inode: int = 0
    problem: Problem | None = None


def scan(folders: list[Path], base: Path) -> Iterator[Found]:
    """Yields what stands in the folders, in a stable order: as listed, then by name.

    Problems show paths relative to `base` where they are below it. A file that is reached twice
    (folders inside folders, links) is yielded once, where it is met first.

    Raises:
        SeedsFolderError: a folder does not exist or cannot be listed.
    """
    seen: _Seen = defaultdict(set)
    for folder in folders:
        yield from _scan_folder(_Walk(str(folder), os.path.realpath(folder), str(base), seen))


# The inodes met so far, by device.
_Seen = defaultdict[int, set[int]]


class _Walk(NamedTuple):
    """One folder of `paths.seeds` on its way; `seen` is shared by all of them."""

    folder: str
    root: str
    base: str
    seen: _Seen

    def problem(self, path: str, reason: str) -> Found:
        problem = Problem(shown(path, self.base), 0, 0, "", reason)
        return Found(path, self.folder, problem=problem)


def shown(path: str, base: str) -> str:
    """Returns the path as people are shown it: relative to `base` where it is below it."""
    prefix = base.rstrip("/") + "/"
    relative = path.removeprefix(prefix)
    if relative.isprintable():
        return relative
    # No name may break the output it is named in, or speak to the terminal.
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in relative)


def _is_unicode(path: str) -> bool:
    # Bytes that are not UTF-8 come as lone surrogates (PEP 383).
    return not any("\ud800" <= char <= "\udfff" for char in path)


def _scan_folder(walk: _Walk) -> Iterator[Found]:
    # A stack of our own: folders may be nested deeper than Python recurses. With each listing go
    # the folders it lies in, by which loops are told.
    listings = [_list(walk, walk.folder, frozenset())]
    while listings:
        entries, above = listings[-1]
        for entry in entries:
            name = entry.name
            if name.startswith("."):
                continue
            found: Found | object | None
            if name.endswith(SUFFIXES) and entry.is_file(follow_symlinks=False):
                found = _look_at(walk, entry)
            elif entry.is_symlink():
                found = _look_behind(walk, entry, above)
            elif entry.is_dir():
                found = _FOLDER
            elif name.endswith(SUFFIXES):
                found = _look_at(walk, entry)
            else:
                continue
            if found is _FOLDER:
                listings.append(_list(walk, entry.path, above))
                break
            if isinstance(found, Found):
                yield found
        else:
            listings.pop()


def _list(
    walk: _Walk, folder: str, above: frozenset[tuple[int, int]]
) -> tuple[Iterator[os.DirEntry[str]], frozenset[tuple[int, int]]]:
    try:
        status = Path(folder).stat()
        if status.st_ino in walk.seen[status.st_dev]:  # by another way already
            return iter(()), above
        walk.seen[status.st_dev].add(status.st_ino)
        with os.scandir(folder) as entries:
            return iter(sorted(entries, key=attrgetter("name"))), above | {_identity(status)}
    except OSError as error:
        name = shown(folder, walk.base)
        reason = f"cannot list the seeds folder {name}: {error.strerror or error}"
        hint = "check paths.seeds in the configuration, and whether the disk is mounted"
        raise SeedsFolderError(f"{reason} ({hint})") from None


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _look_behind(
    walk: _Walk, entry: os.DirEntry[str], above: frozenset[tuple[int, int]]
) -> Found | object | None:
    matches = entry.name.endswith(SUFFIXES)
    try:
        status = entry.stat()
    except OSError as error:
        reason = f"a symbolic link that leads nowhere: {error.strerror or error}"
        return walk.problem(entry.path, reason) if matches else None
    is_folder = stat.S_ISDIR(status.st_mode)
    if not matches and not is_folder:
        return None
    target = os.path.realpath(entry.path)
    if os.path.commonpath([walk.root, target]) != walk.root:
        return walk.problem(entry.path, "a symbolic link that leaves the seeds folder")
    if is_folder and _identity(status) in above:
        return walk.problem(entry.path, "a symbolic link that loops back to a folder above it")
    return _FOLDER if is_folder else _look_at(walk, entry)


def _look_at(walk: _Walk, entry: os.DirEntry[str]) -> Found | None:
    path = entry.path
    try:
        status = entry.stat()
    except FileNotFoundError:
        return None  # deleted since the folder was listed
    except OSError as error:
        return walk.problem(path, f"cannot be read: {error.strerror or error}")
    if not path.isascii() and not _is_unicode(path):
        return walk.problem(path, "a file name that is not UTF-8")
    if not stat.S_ISREG(status.st_mode):
        kind = next((text for test, text in _KINDS if test(status.st_mode)), "no regular file")
        return walk.problem(path, f"{kind}, wanted a regular file")
    inode, seen = status.st_ino, walk.seen[status.st_dev]
    if inode in seen:
        return None
    seen.add(inode)
    size = status.st_size
    if size > MAX_BYTES:
        reason = f"{size} bytes, wanted at most {MAX_BYTES} (1 MiB)"
        return walk.problem(path, reason)
    return Found(path, walk.folder, size, status.st_mtime_ns, inode)
