"""Lists seed files in any folders: follows links, and finds what is no readable file.

Symbolic links are followed inside their folder. A path that matches the patterns and is not a
readable regular file is a problem. No file is opened here, so nothing can block.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds.common.errors import SeedsFolderError
from feeds.common.model import Problem
from feeds.common.text import display_path
from feeds.seeds.limits import why_too_large

SUFFIXES = (".txt", ".md", ".markdown", ".yaml", ".yml")

_KINDS = (
    (stat.S_ISFIFO, "a named pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)
# What `_check_link` returns for a link to a folder that is to be listed.
_FOLDER = object()


class ScannedFile(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A seed file, or a problem, at `path` below `folder` of `paths.seeds`.

    `size` is in bytes; the three numbers are those of a `Fingerprint`.
    """

    path: str
    folder: str
    size: int = 0
    mtime_ns: int = 0
    inode: int = 0
    problem: Problem | None = None


class Seen(dict[tuple[int, int], str]):
    """The first path of each file and folder, by device and inode.

    `is_plain` tells that no path was a symbolic link, or led to what another path had led to;
    `is_linked` that a file has more names, wherever these are.
    """

    is_plain = True
    is_linked = False


def scan(folders: list[Path], base: Path, seen: Seen | None = None) -> Iterator[ScannedFile]:
    """Yields the seed files in the folders and problems, in order of the folders, then by name.

    A file that is reached twice (folders inside folders, links) is yielded once, at its first path.
    Problems show paths relative to `base`, the folder of config.toml; `seen` is for `look_again`.

    Raises:
        SeedsFolderError: a folder does not exist or cannot be listed.
    """
    seen = Seen() if seen is None else seen
    for folder in folders:
        yield from _scan_folder(_walk(folder, base, seen), str(folder))


def look_again(
    paths: Iterable[str], folders: list[Path], base: Path, seen: Seen
) -> Iterator[ScannedFile]:
    """Yields the seed files, and problems, at paths that a scan of these folders did not yield.

    A file that is replaced while its folder is listed may be missing from the list. Files that the
    scan reached by another path, and paths outside the folders, are left out.
    """
    walks = [_walk(folder, base, seen) for folder in folders]
    for path in paths:
        walk = next((one for one in walks if one.leads_to(path)), None)
        found = _check_file(walk, path) if walk else None
        if found:
            yield found


def scan_below(
    paths: Iterable[str], folders: list[Path], base: Path, seen: Seen
) -> Iterator[ScannedFile]:
    """Yields the seed files, and problems, at and below paths in these folders.

    None of the paths is a link or below another.

    Raises:
        SeedsFolderError: a folder cannot be listed.
    """
    walks = [_walk(folder, base, seen) for folder in folders]
    for path in paths:
        walk = next(one for one in walks if is_below(path, one.folder))
        if os.path.isdir(path):  # noqa: PTH112
            yield from _scan_folder(walk, path)
        elif path.endswith(SUFFIXES) and (found := _check_file(walk, path)):
            yield found


def is_below(path: str, folder: str) -> bool:
    """Tells by the names alone whether a path is below a folder."""
    return path.startswith(folder.rstrip("/") + "/")


class _Walk(NamedTuple):
    """The scan of one folder of `paths.seeds`; `seen` is shared by all scans of a pass."""

    folder: str
    root: str
    base: str
    seen: Seen

    def meet(self, path: str, status: os.stat_result) -> bool:
        """Remembers the file at a path; tells whether another path led to it before.

        An inode is given to another file as soon as it is free, even during a scan. So a file is
        the same only if its first path still has this inode.
        """
        identity = _identity(status)
        first = self.seen.get(identity)
        if first is not None and _has_identity(first, identity):
            self.seen.is_plain = False
            return True
        self.seen[identity] = path
        return False

    def leads_to(self, path: str) -> bool:
        """Tells whether a scan of the folder could reach a path."""
        if "\0" in path or not is_below(path, self.folder):  # a damaged state file may say so
            return False
        below = path.removeprefix(self.folder.rstrip("/"))
        return "/." not in below and _is_inside(self.root, os.path.realpath(path))

    def problem(self, path: str, reason: str) -> ScannedFile:
        problem = Problem(display_path(path, self.base), 0, 0, "", reason)
        return ScannedFile(path, self.folder, problem=problem)


def _walk(folder: Path, base: Path, seen: Seen) -> _Walk:
    return _Walk(str(folder), os.path.realpath(folder), str(base), seen)


def is_unicode(path: str) -> bool:
    """Tells whether a path is UTF-8; other bytes come as lone surrogates (PEP 383)."""
    return not any("\ud800" <= char <= "\udfff" for char in path)


def _scan_folder(walk: _Walk, start: str) -> Iterator[ScannedFile]:
    # A stack, because folders may be nested deeper than Python recurses. Each listing has the
    # identities of the folders around it, by which loops are recognised.
    listings = [_list(walk, start, frozenset())]
    while listings:
        entries, above = listings[-1]
        for entry in entries:
            name = entry.name
            if name.startswith("."):
                continue
            found: ScannedFile | object | None
            if name.endswith(SUFFIXES) and entry.is_file(follow_symlinks=False):
                found = _check_file(walk, entry.path)
            elif entry.is_symlink():
                found = _check_link(walk, entry, above)
            elif entry.is_dir():
                found = _FOLDER
            elif name.endswith(SUFFIXES):
                found = _check_file(walk, entry.path)
            else:
                continue
            if found is _FOLDER:
                listings.append(_list(walk, entry.path, above))
                break
            if isinstance(found, ScannedFile):
                yield found
        else:
            listings.pop()


def _list(
    walk: _Walk, folder: str, above: frozenset[tuple[int, int]]
) -> tuple[Iterator[os.DirEntry[str]], frozenset[tuple[int, int]]]:
    try:
        status = Path(folder).stat()
        if walk.meet(folder, status):  # another path led here
            return iter(()), above
        with os.scandir(folder) as entries:
            return iter(sorted(entries, key=attrgetter("name"))), above | {_identity(status)}
    except OSError as error:
        if folder != walk.folder and not os.path.lexists(folder):
            return iter(()), above  # moved or deleted since the folder above it was listed
        name = display_path(folder, walk.base)
        reason = f"cannot list the seeds folder {name}: {error.strerror or error}"
        hint = "check paths.seeds in the configuration, and whether the disk is mounted"
        raise SeedsFolderError(f"{reason} ({hint})") from None


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _has_identity(path: str, identity: tuple[int, int]) -> bool:
    try:
        return _identity(os.stat(path)) == identity  # noqa: PTH116
    except OSError:
        return False


def _is_inside(root: str, target: str) -> bool:
    return os.path.commonpath([root, target]) == root


def _check_link(
    walk: _Walk, entry: os.DirEntry[str], above: frozenset[tuple[int, int]]
) -> ScannedFile | object | None:
    walk.seen.is_plain = False
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
    if not _is_inside(walk.root, target):
        return walk.problem(entry.path, "a symbolic link that leaves the seeds folder")
    if is_folder and _identity(status) in above:
        return walk.problem(entry.path, "a symbolic link that loops back to a folder above it")
    return _FOLDER if is_folder else _check_file(walk, entry.path)


def _check_file(walk: _Walk, path: str) -> ScannedFile | None:
    try:
        status = os.stat(path)  # noqa: PTH116 (a Path per seed costs more than the look)
    except (FileNotFoundError, NotADirectoryError):
        return None  # deleted since the folder was listed
    except OSError as error:
        return walk.problem(path, f"cannot be read: {error.strerror or error}")
    if not path.isascii() and not is_unicode(path):
        return walk.problem(path, "a file name that is not UTF-8")
    if not stat.S_ISREG(status.st_mode):
        kind = next((text for test, text in _KINDS if test(status.st_mode)), "another kind of file")
        return walk.problem(path, f"{kind}, wanted a regular file")
    walk.seen.is_linked |= status.st_nlink > 1
    if walk.meet(path, status):
        return None
    reason = why_too_large(status.st_size)
    if reason:
        return walk.problem(path, reason)
    return ScannedFile(path, walk.folder, status.st_size, status.st_mtime_ns, status.st_ino)
