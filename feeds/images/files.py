"""The files of the image cache. A copy appears under its name whole, and flushed."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from feeds.images.names import key_of
from feeds.model import MEDIA

# Below the cache, beside MEDIA: what is being written.
_UNFINISHED = "tmp"


class Written(NamedTuple):
    """A file that waits for its name."""

    path: Path
    mtime_ns: int


def unfinished_folder(cache: Path) -> Path:
    """Returns the folder of what is being written, which is there then."""
    folder = cache / _UNFINISHED
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_aside(cache: Path, data: bytes) -> Written:
    """Writes and flushes a file that has no name of a copy yet."""
    folder = unfinished_folder(cache)
    descriptor, name = tempfile.mkstemp(dir=folder)
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(descriptor, 0o644)  # web servers run as somebody else
            os.fsync(descriptor)
            return Written(path, os.fstat(descriptor).st_mtime_ns)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def give_name(cache: Path, written: Written, name: str) -> None:
    """Puts a file in the place of a copy, instead of the one that was there."""
    path = cache / name
    path.parent.mkdir(parents=True, exist_ok=True)
    written.path.replace(path)


def remove(cache: Path, name: str) -> None:
    """Removes a copy."""
    with suppress(FileNotFoundError, NotADirectoryError):
        (cache / name).unlink()


def sweep_unfinished(cache: Path) -> None:
    """Removes what fetches that were killed left half written."""
    with suppress(FileNotFoundError, NotADirectoryError):
        for path in (cache / _UNFINISHED).iterdir():
            path.unlink(missing_ok=True)


def folder_times(root: Path) -> dict[str, int]:
    """Returns the mtime in ns of each folder of copies below the cache, or below out/.

    It changes when a file in it comes, goes or is replaced, so nothing more has to be looked at.
    """
    try:
        with os.scandir(root / MEDIA) as entries:
            return {
                entry.name: entry.stat().st_mtime_ns
                for entry in entries
                if len(entry.name) == 2 and entry.is_dir()
            }
    except (FileNotFoundError, NotADirectoryError):
        return {}


def copies_in(cache: Path, folder: str) -> dict[str, list[str]]:
    """Returns the names of the files in a folder of copies, by the key of their image."""
    found: dict[str, list[str]] = {}
    try:
        paths = sorted((cache / MEDIA / folder).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return found
    for path in paths:
        name = f"{MEDIA}/{folder}/{path.name}"
        key = key_of(name)
        if key is not None and path.is_file():
            found.setdefault(key, []).append(name)
    return found
