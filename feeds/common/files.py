"""Recognises, reads, writes, flushes and removes files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from feeds.common.errors import TemplateError

_TEMPORARY = ".feeds-tmp"
_TEMPLATE_SUFFIXES = {".html", ".css", ".js", ".svg", ".xml", ".txt", ".toml"}

# The site's own templates and assets: each file's name and its text.
Templates = tuple[tuple[str, str], ...]

# File systems note changes with a granularity of up to two seconds (FAT); what was changed that
# shortly before it was read may have been changed again without a trace.
SETTLING_NS = 2_000_000_000


class Fingerprint(NamedTuple):
    """Tells without reading whether a file is still the one that was read or written.

    `size` is in bytes, `mtime_ns` in nanoseconds since 1970. An object has its tag as `inode`, and
    0 as `mtime_ns` if each change of it shows, however soon it comes after another.
    """

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, path: str | Path) -> Fingerprint | None:
        """Returns the fingerprint of a file, links followed; None if it cannot be looked at."""
        try:
            # Asked of every document in every pass, so by the fastest way.
            return cls.of_status(os.stat(path))  # noqa: PTH116
        except OSError:
            return None

    @classmethod
    def of_status(cls, status: os.stat_result) -> Fingerprint:
        """Returns the fingerprint of a file with this status."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)

    @classmethod
    def of_object(cls, size: int, etag: str, mtime_ns: int = 0) -> Fingerprint:
        """Returns the fingerprint of an object: 63 bits of a digest of its ETag are its tag."""
        digest = hashlib.blake2b(etag.encode(), digest_size=8).digest()
        return cls(size, mtime_ns, int.from_bytes(digest) >> 1)


def item_digest(data: bytes) -> bytes:
    """Returns the digest of an item in MessagePack: it changes whenever anything of it does."""
    return hashlib.blake2b(data, digest_size=16).digest()


def temporary_for(path: str | Path) -> str:
    """Returns where the new bytes of a file are written, beside its place."""
    # Asked for each image that is linked: as text, this takes a tenth of the time.
    folder, slash, name = str(path).rpartition("/")
    return f"{folder}{slash}.{name}{_TEMPORARY}"


def bytes_of(path: Path) -> bytes | None:
    """Returns the bytes of a file, None if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def has_bytes(path: Path, data: bytes) -> bool:
    """Tells whether a file holds exactly these bytes."""
    seen = Fingerprint.of(path)
    return seen is not None and seen.size == len(data) and bytes_of(path) == data


def write_file(path: str | Path, data: bytes) -> int:
    """Writes a new file and returns its open descriptor; the bytes are not flushed yet."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError as error:
        os.close(descriptor)
        error.filename = str(path)
        raise
    return descriptor


def flush(descriptor: int) -> None:
    """Brings a file to the disk, and closes it."""
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes) -> None:
    """Replaces a file by one that is flushed before it gets the name, if the bytes differ."""
    if has_bytes(path, data):
        return
    temporary = Path(temporary_for(path))
    flush(write_file(temporary, data))
    temporary.replace(path)
    sync_folder(path.parent)


def sync_files(paths: Iterable[str | Path]) -> None:
    """Flushes files that somebody else wrote."""
    for path in paths:
        flush(os.open(path, os.O_RDONLY | os.O_CLOEXEC))


def sync_folder(folder: str | Path) -> None:
    """Flushes a folder, without which a rename may not survive a power cut."""
    flush(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))


def remove(out: Path, name: str) -> None:
    """Removes a file of out/, and the folders above it that are empty then."""
    path = out / name
    with suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()
    with suppress(OSError):
        for folder in path.relative_to(out).parents[:-1]:
            (out / folder).rmdir()


def read_templates(folder: Path | None) -> Templates:
    """Returns every template and asset in a folder, not in those below it, in the order of names.

    Raises:
        TemplateError: the folder, or a file in it, cannot be read, or is not UTF-8.
    """
    if folder is None:
        return ()
    try:
        paths = sorted(
            path
            for path in folder.iterdir()
            if path.suffix in _TEMPLATE_SUFFIXES
            and not path.name.startswith(".")
            and path.is_file()
        )
        return tuple((path.name, path.read_text(encoding="utf-8-sig")) for path in paths)
    except UnicodeDecodeError as error:
        bad = next(path for path in paths if path.read_bytes() == error.object)
        raise TemplateError(f"{bad}: not UTF-8 at byte {error.start + 1}") from None
    except OSError as error:
        raise TemplateError(
            f"paths.templates: cannot read {error.filename}: {error.strerror or error}. "
            "Create it, or leave the key out to use the templates of feeds."
        ) from None
