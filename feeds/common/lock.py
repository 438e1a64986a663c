"""Locks on folders, such as out/: files that say who holds them, by flock(2)."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from feeds.common.errors import BusyError, PublishError

LOCK = ".feeds.lock"
DAEMON_LOCK = ".feeds-daemon.lock"

_POLL_SECONDS = 0.1
_MAX_OWNER = 65536
_MAX_READS = 20


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
