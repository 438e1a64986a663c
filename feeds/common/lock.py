"""One run at a time on one out/.

`flock` is let go by the system when its holder dies, however it dies. The lock file is removed
when the run is over, so that an out/ at rest holds documents and the manifest only.
"""

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
_MAX_HOLDER = 65536
_MAX_READS = 20


class Held:
    """A lock that is held; call it with another line to say who holds it."""

    def __init__(self, path: Path, descriptor: int, holder: str) -> None:
        self._path = path
        self._descriptor = descriptor
        self._holder = holder

    def __call__(self, holder: str) -> None:
        """Writes another line."""
        self._holder = holder
        _write_holder(self._descriptor, holder)

    def look_again(self) -> bool:
        """Takes the lock again if somebody removed its file, with or without the folder around it.

        Until then another process could take it, too. Returns whether that was so.

        Raises:
            BusyError: another process was faster; the text is its `holder`.
            OSError: the file cannot be made.
        """
        if _is_at(self._path, self._descriptor):
            return False
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _acquire(self._path, time.monotonic(), lambda _: None)
        os.close(self._descriptor)
        self._descriptor = descriptor
        _write_holder(descriptor, self._holder)
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
    holder: str,
    *,
    wait: float,
    on_wait: Callable[[str], None],
    name: str = LOCK,
) -> Iterator[Held]:
    """Holds a lock file in `out`, and writes into it who does (`holder`, one line).

    Gives the lock, to look at it again and to write another line. Waits up to `wait` seconds while
    another process holds it; `on_wait` is then told who, once.

    Raises:
        BusyError: the other still held it when the time was over; the text is the other's `holder`.
        PublishError: out/ cannot be made or written.
    """
    path = out / name
    try:
        out.mkdir(parents=True, exist_ok=True)
        descriptor = _acquire(path, time.monotonic() + wait, on_wait)
    except OSError as error:
        raise PublishError(f"cannot write to {out}: {error.strerror or error}") from None
    held = Held(path, descriptor, holder)
    try:
        try:
            held(holder)
        except OSError as error:
            raise PublishError(f"cannot write to {out}: {error.strerror or error}") from None
        yield held
    finally:
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
        return _read_holder(descriptor)
    finally:
        os.close(descriptor)
    return ""


def _acquire(path: Path, deadline: float, on_wait: Callable[[str], None]) -> int:
    told = False
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(path, descriptor):
                return descriptor
        except BlockingIOError:
            other = _read_holder(descriptor)
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise BusyError(other) from None
            if not told:
                on_wait(other)
                told = True
            time.sleep(_POLL_SECONDS)
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Tells whether the locked file is still the one at its path: its last holder removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except (FileNotFoundError, NotADirectoryError):
        return False


def _write_holder(descriptor: int, text: str) -> None:
    line = text.encode() + b"\n"
    os.pwrite(descriptor, line, 0)
    os.ftruncate(descriptor, len(line))


def _read_holder(descriptor: int) -> str:
    """Returns the line of the holder, who may be writing another one at this moment.

    So a line counts once it has its end and was read twice: a read beside a write can give the
    beginning of the one and the end of the other.
    """
    line, end = b"", b""
    for _ in range(_MAX_READS):
        before = line
        line, end, _ = os.pread(descriptor, _MAX_HOLDER, 0).partition(b"\n")
        if end and line == before:
            break
    return line.decode(errors="replace").strip() or "another run"
