"""Backups of the state file: to a file or an object, and restored if the state file is missing."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from feeds.common.errors import BusyError, ConfigError, ObjectMissingError, StateError
from feeds.common.files import sync_folder
from feeds.common.lock import acquire_lock
from feeds.common.objects import Objects, split_address
from feeds.config import Config
from feeds.store.backup import back_up, put_back
from feeds.store.ours import refuse_foreign

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
            back_up(state, copy)
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
        back_up(state, copy)
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
            _fetch(source, copy)
            if put_back(copy, state):
                warn(f"there was no state file {state}: it is restored from {source}")
    except (FileNotFoundError, ObjectMissingError):
        warn(f"there is no state file {state}, and no backup {source} either: all begins anew")
    except (OSError, StateError) as error:
        raise StateError(
            f"cannot restore the state file {state} from {source} (state.backup): {error}. "
            "Mend or remove the backup, or leave state.backup out."
        ) from None


def _fetch(source: Path | str, copy: Path) -> None:
    """Copies a backup, from wherever it is.

    Raises:
        FileNotFoundError, ObjectMissingError: there is none.
    """
    if isinstance(source, str):
        bucket, key = split_address(source)
        Objects(bucket).download(key, copy)
        return
    copy.write_bytes(source.read_bytes())


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
