"""Tells our databases from files of others, which are never opened, moved or removed.

A database is ours if it says so in its header, if it is empty, or if a marker file of ours lies
beside it: that is written before the database, so one whose header is damaged is still known.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from feeds.common.errors import ForeignStateError, StateError
from feeds.store.schema import APPLICATION_ID

# sqlite.org/fileformat, section 1.3: what a database begins with, and where its application is.
HEADER = b"SQLite format 3\0"
_APPLICATION = slice(68, 72)
_READ = 72

_MARKER = "-feeds"
_MARK = b"""\
The file beside this one, whose name is the same without -feeds, is made by feeds, and is moved away
or made anew when it is damaged. Delete this file if you put one of your own there.
"""

# The endings of files beside a database that SQLite takes for its own, whatever is in them.
SIDES = ("-wal", "-shm", "-journal")
# sqlite.org/fileformat, sections 4.1 and 3, and walformat, section 2.1.
_ZEROS = b"\0\0\0\0"
_BEGINNINGS = {
    "-wal": (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", _ZEROS),
    "-shm": ((3_007_000).to_bytes(4, sys.byteorder), _ZEROS),
    "-journal": (b"\xd9\xd5\x05\xf9", _ZEROS),
}


def claim(path: Path) -> None:
    """Makes sure that a path is, or may become, our database, and marks it as ours.

    Raises:
        ForeignStateError: it is another's, or what lies beside it is.
    """
    if refuse_foreign(path) and not is_marked(path):
        _mark(path)


def refuse_foreign(path: Path) -> bool:
    """Looks whether a path is, or may become, our database; changes nothing and never blocks.

    Returns whether that is known without the marker.

    Raises:
        ForeignStateError: it is another's, or what lies beside it is.
    """
    # The database before the marker: another run that makes both makes the marker first.
    beginning = _beginning(path)
    signature = APPLICATION_ID.to_bytes(4, "big")
    signed = beginning.startswith(HEADER) and beginning[_APPLICATION] == signature
    if beginning and not signed and not is_marked(path):
        is_database = beginning.startswith(HEADER)
        raise _foreign(path, "the database of another program" if is_database else "no database")
    for side in SIDES:
        beside = path.with_name(path.name + side)
        begins = _beginning(beside)[:4]
        if begins and not (signed and begins in _BEGINNINGS[side]) and not is_marked(path):
            raise _foreign(beside, f"SQLite would take it for a part of {path.name}")
    return signed or not beginning


def _mark(path: Path) -> None:
    """Writes the marker; does without on a full disk, or if a file of others is in its place."""
    marker = _marker(path)
    with suppress(OSError):
        if os.path.lexists(marker) and not (marker.is_file() and _is_cut(marker)):
            return
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".feeds-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_MARK)
                os.fchmod(descriptor, 0o644)
            Path(name).replace(marker)
        finally:
            Path(name).unlink(missing_ok=True)


def _is_cut(marker: Path) -> bool:
    with marker.open("rb") as file:
        return _MARK.startswith(file.read(len(_MARK) + 1))


def is_marked(path: Path) -> bool:
    """Tells whether the marker of a database lies beside it."""
    marker = _marker(path)
    try:
        return marker.stat().st_size == len(_MARK) and marker.read_bytes() == _MARK
    except OSError:
        return False


def _marker(path: Path) -> Path:
    return path.with_name(path.name + _MARKER)


def _beginning(path: Path) -> bytes:
    """Returns the first bytes of a file, none if it is empty or missing, or raises."""
    try:
        kind = path.lstat().st_mode
        if not stat.S_ISREG(kind):
            raise _foreign(path, _kind(kind))
        with path.open("rb") as file:
            return file.read(_READ)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        raise StateError(f"cannot open {path}: {error.strerror or error}") from None


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISLNK, "a link"), (stat.S_ISFIFO, "a named pipe"))
    return next((name for test, name in kinds if test(mode)), "a device or a socket")


def _foreign(path: Path, reason: str) -> ForeignStateError:
    return ForeignStateError(
        f"cannot use {path}: it is not a file of feeds ({reason}). It was left as it is. "
        "Name another place in config.toml, or move it away."
    )
