"""Backups of the state file: to a file or an object, and restored if the state file is missing."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import msgspec

from feeds.common.buckets import Objects, split_address
from feeds.common.errors import BusyError, ConfigError, ObjectMissingError, StateError
from feeds.common.files import flush, sync_folder
from feeds.common.lock import acquire_lock
from feeds.config import Config
from feeds.store.open import connect
from feeds.store.our_files import SIDES, claim, refuse_foreign
from feeds.store.store import DamagedStateError

# What an unfinished copy is called, and how old it is if its run was killed.
_BEGIN, _END = ".feeds-copy-", ".feeds-tmp"
_LEFT_S = 3600
# A pass and a fetch of images may begin at the same time.
_LOCK, _WAIT_S = ".feeds-restore.lock", 600.0


class BackupReport(msgspec.Struct, frozen=True):
    """A backup: its file or address, and its size in bytes."""

    backup: str
    bytes: int


def back_up_state(config: Config, target: Path | str) -> BackupReport:
    """Writes a backup of the state file to a file, or to an object by its address; both whole.

    Raises:
        ConfigError: the file would be served, or be the state file itself.
        ForeignStateError: a file that is not ours is in its place.
        ObjectsError: the object cannot be written.
        StateError: there is no state file yet, or the file cannot be written.
    """
    state = Path(os.path.realpath(config.paths.state))
    if isinstance(target, str):
        with _copy_in(state.parent) as copy:
            _write_copy(state, copy)
            bucket, key = split_address(target)
            Objects(bucket).put(key, copy)
            return BackupReport(target, copy.stat().st_size)
    target = Path(os.path.realpath(target))
    out = Path(os.path.realpath(config.paths.out))
    if target == state or target.is_relative_to(out):
        reason = "is the state file itself" if target == state else f"is in {out}, which is served"
        raise ConfigError([f"cannot write a backup to {target}: it {reason}"])
    refuse_foreign(target)
    with _copy_in(target.parent) as copy:
        _write_copy(state, copy)
        copy.replace(target)
        sync_folder(target.parent)
    return BackupReport(str(target), target.stat().st_size)


def restore_missing_state(config: Config, warn: Callable[[str], None]) -> None:
    """Restores the state file from `state.backup` if it is missing, and says so.

    Raises:
        BusyError: another run restores it, and does not end.
        ObjectsError: the bucket of the backup cannot be read.
        StateError: the backup cannot be used; nothing may begin without what it knows.
    """
    source, state = config.state.backup, Path(os.path.realpath(config.paths.state))
    if source is None or state.exists():
        return
    owner = f"process {os.getpid()}, which restores {state}"

    def on_wait(other: str) -> None:
        warn(f"waiting for {other}")

    try:
        with acquire_lock(state.parent, owner, wait=_WAIT_S, on_wait=on_wait, name=_LOCK):
            _restore(source, state, warn)
    except BusyError as error:
        raise BusyError(f"{error}, did not finish in time") from None


def _restore(source: Path | str, state: Path, warn: Callable[[str], None]) -> None:
    if state.exists():  # another run was quicker
        return
    try:
        with _copy_in(state.parent) as copy:
            if isinstance(source, str):
                bucket, key = split_address(source)
                Objects(bucket).download(key, copy)
            else:
                copy.write_bytes(source.read_bytes())
            if _put_back(copy, state):
                warn(f"there was no state file {state}: it is restored from {source}")
    except (FileNotFoundError, ObjectMissingError):
        warn(f"there is no state file {state}, and no backup {source} either: all begins anew")
    except (OSError, StateError) as error:
        raise StateError(
            f"cannot restore the state file {state} from {source} (state.backup): {error}. "
            "Mend or remove the backup, or leave state.backup out."
        ) from None


@contextmanager
def _copy_in(folder: Path) -> Iterator[Path]:
    """Makes an empty file in a folder, and removes it in the end if it is still there.

    Those of runs that were killed are removed as well: nobody has written to them for an hour.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{_BEGIN}*{_END}"):
            with suppress(FileNotFoundError):  # another run removes them, too
                if time.time() - left.stat().st_mtime > _LEFT_S:
                    left.unlink()
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=_BEGIN, suffix=_END)
    except OSError as error:
        raise StateError(f"cannot write to {folder}: {error.strerror or error}") from None
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _write_copy(path: Path, copy: Path) -> None:
    """Writes a flushed copy of the state file; passes may go on meanwhile (sqlite.org/backup)."""
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


def _put_back(copy: Path, path: Path) -> bool:
    """Puts a copy in the place of a missing state file; tells whether that was still missing.

    One at a time: another that began later would take the new file's parts for those of the old.
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
