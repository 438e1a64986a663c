"""Backups of the state file: made while passes go on, and put back where it is missing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from feeds.common.errors import StateError
from feeds.common.files import flush, sync_folder
from feeds.store.open import connect
from feeds.store.ours import SIDES, claim, refuse_foreign
from feeds.store.store import DamagedStateError


def back_up(path: Path, copy: Path) -> None:
    """Writes a copy of the state file, as it is at this moment, to a file of its own.

    Passes may go on meanwhile (sqlite.org/backup). The copy is flushed.

    Raises:
        StateError: there is no state file of ours, or the copy cannot be written.
    """
    refuse_foreign(path)
    if not path.exists():
        raise StateError(f"there is no state file {path} yet; 'feeds export' makes it")
    try:
        with closing(connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # so that it is one file, also when read
        flush(os.open(copy, os.O_RDONLY | os.O_CLOEXEC))
    except (sqlite3.Error, OSError, DamagedStateError) as error:
        raise StateError(f"cannot back up the state file {path}: {error}") from None


def put_back(copy: Path, path: Path) -> bool:
    """Puts a copy in the place of a missing state file; tells whether that was still missing.

    One at a time: another that began later would take the new file's parts for those of the old.

    Raises:
        StateError: the copy is not a whole state file of this release or an older one.
    """
    try:
        with closing(connect(copy, read_only=True)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            fault = "" if found == "ok" else str(found)
    except (sqlite3.Error, DamagedStateError) as error:
        fault = str(error)
    if fault or not copy.stat().st_size:
        raise StateError(f"it is not a whole state file: {fault or 'it is empty'}")
    claim(path)
    if path.exists():
        return False
    for side in SIDES:  # SQLite would take what it left of the lost file for a part of this one
        path.with_name(path.name + side).unlink(missing_ok=True)
    with suppress(FileExistsError):  # another run was quicker
        os.link(copy, path)  # which, unlike a rename, replaces nothing
        sync_folder(path.parent)
        return True
    return False
