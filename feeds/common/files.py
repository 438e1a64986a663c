"""Recognises, reads, writes, flushes, removes and locks files."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from feeds.common.errors import BusyError, PublishError, TemplateError

LOCK = ".feeds.lock"
DAEMON_LOCK = ".feeds-daemon.lock"

_TEMPORARY = ".feeds-tmp"
_POLL_SECONDS = 0.1
_MAX_OWNER = 65536
_MAX_READS = 20
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


def temporary_for(path: Path) -> Path:
    """Returns where the new bytes of a file are written, beside its place."""
    return path.with_name(f".{path.name}{_TEMPORARY}")


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


def write_file(path: Path, data: bytes) -> int:
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
    temporary = temporary_for(path)
    flush(write_file(temporary, data))
    temporary.replace(path)
    sync_folder(path.parent)


def sync_files(paths: Iterable[Path]) -> None:
    """Flushes files that somebody else wrote."""
    for path in paths:
        flush(os.open(path, os.O_RDONLY | os.O_CLOEXEC))


def sync_folder(folder: Path) -> None:
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


class Held:
    """A lock that is held; call it with another line to say who holds it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor

    def __call__(self, owner: str) -> None:
        """Writes another line."""
        self._line = owner.encode() + b"\n"
        os.pwrite(self._descriptor, self._line, 0)
        os.ftruncate(self._descriptor, len(self._line))

    def look_again(self) -> bool:
        """Takes the lock again, and returns True, if its file or folder was removed.

        Until then another process could take it, too.

        Raises:
            BusyError: another process was faster; the text is its `owner`.
            OSError: the file cannot be made.
        """
        if _is_at(self._path, self._descriptor):
            return False
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _acquire(self._path, time.monotonic(), lambda _: None)
        os.close(self._descriptor)
        self._descriptor = descriptor
        self(self._line.decode().rstrip("\n"))
        return True

    def release(self) -> None:
        """Removes the lock file, unless it is another's by now, and lets go of the lock."""
        with suppress(OSError):
            if _is_at(self._path, self._descriptor):
                self._path.unlink()
        os.close(self._descriptor)


@contextmanager
def acquire_lock(
    out: Path,
    owner: str,
    *,
    wait: float,
    on_wait: Callable[[str], None],
    name: str = LOCK,
) -> Iterator[Held]:
    """Holds a lock file in `out`, and writes into it who does (`owner`, one line).

    The system releases the lock when its owner dies. The file is removed afterwards, so that an
    out/ at rest holds documents and the manifest only. Waits up to `wait` seconds while another
    process holds the lock, and calls `on_wait` once with that one's line.

    Raises:
        BusyError: the other still held it when the time was over; the text is the other's `owner`.
        PublishError: out/ cannot be made or written.
    """
    held: Held | None = None
    try:
        try:
            out.mkdir(parents=True, exist_ok=True)
            held = Held(out / name, _acquire(out / name, time.monotonic() + wait, on_wait))
            held(owner)
        except OSError as error:
            raise PublishError(f"cannot write to {out}: {error.strerror or error}") from None
        yield held
    finally:
        if held is not None:
            held.release()


def lock_owner(out: Path, name: str) -> str:
    """Returns who holds a lock in `out`, ``""`` if nobody does."""
    try:
        descriptor = os.open(out / name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_owner(descriptor)
    finally:
        os.close(descriptor)
    return ""


def _acquire(path: Path, deadline: float, on_wait: Callable[[str], None]) -> int:
    is_waiting = False
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(path, descriptor):
                return descriptor
        except BlockingIOError:
            other = _read_owner(descriptor)
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise BusyError(other) from None
            if not is_waiting:
                on_wait(other)
                is_waiting = True
            time.sleep(_POLL_SECONDS)
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Tells whether the locked file is still the one at its path: its last owner removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except (FileNotFoundError, NotADirectoryError):
        return False


def _read_owner(descriptor: int) -> str:
    """Returns the line of the owner, who may be writing another one at this moment.

    So a line counts once it has its end and was read twice: a read beside a write can give the
    beginning of the one and the end of the other.
    """
    line, end = b"", b""
    for _ in range(_MAX_READS):
        before = line
        line, end, _ = os.pread(descriptor, _MAX_OWNER, 0).partition(b"\n")
        if end and line == before:
            break
    return line.decode(errors="replace").strip() or "another run"
