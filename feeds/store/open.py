"""Opens the state file, also one that is missing, damaged or in use."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Literal, overload

from feeds.common.errors import StateError
from feeds.common.files import Fingerprint
from feeds.store.our_files import HEADER, SIDES, claim, refuse_foreign
from feeds.store.overlay import Overlay, new_overlay
from feeds.store.schema import APPLICATION_ID, OLDEST, TABLES, VERSION, is_current, migrate
from feeds.store.store import DamagedStateError, Store, is_damage

_BUSY_SECONDS = 60
_RETRY_SECONDS = 0.02
_AT_REST = "&immutable=1"


class _BusyError(Exception):
    """Another run is using the state file at this moment."""


class PrivateStore(Store):
    """A store whose changes nobody else sees, all in one transaction that is dropped."""

    def __init__(
        self,
        connection: Overlay,
        unlocked: Path | None = None,
        fingerprint: Fingerprint | None = None,
    ) -> None:
        super().__init__(connection)
        self._unlocked, self._fingerprint = unlocked, fingerprint

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Does not begin another transaction: all is one."""
        with self.faults_told():
            yield

    def is_sound(self) -> bool:
        """Tells whether all that was read is of one moment: a file at rest is read unlocked."""
        return self._unlocked is None or Fingerprint.of(self._unlocked) == self._fingerprint

    def close(self) -> None:
        """Drops all changes."""
        self._db.close()


Mode = Literal["pass", "look", "serve", "note", "work"]


@overload
def open_state(
    path: Path, mode: Literal["pass"], warn: Callable[[str], None]
) -> AbstractContextManager[Store]: ...
@overload
def open_state(
    path: Path | None, mode: Literal["look"]
) -> AbstractContextManager[PrivateStore]: ...
@overload
def open_state(path: Path, mode: Literal["serve"]) -> AbstractContextManager[Store | None]: ...
@overload
def open_state(path: Path, mode: Literal["note", "work"]) -> AbstractContextManager[Store]: ...
def open_state(
    path: Path | None, mode: Mode, warn: Callable[[str], None] | None = None
) -> AbstractContextManager[Store | None]:
    """Opens the state file; links are followed.

    Args:
        path: where it is; for "look" None stands for an empty one.
        mode: "pass" reads and writes. The file is made if it is missing. One of ours that is
            damaged is moved aside, never deleted, and the pass builds a new one from the seeds.
            "look" shows the file as it is at this moment, and keeps changes to itself. It is empty
            if the file is missing or cannot be read.
            "serve" reads only, and gives None for a file that is missing or cannot be read.
            "note" writes to an existing file between passes.
            "work" is like "note", but what it commits may be lost if the machine fails before
            another run commits.
        warn: is called with a message when a file was moved aside.

    Raises:
        ForeignStateError: the file is not ours (not for "serve").
        StateError: the file cannot be made or written, or stays in use (not for "look", "serve").
        DamagedStateError: the file is missing or damaged ("note", "work").
    """
    return _opened(path and Path(os.path.realpath(path)), mode, warn or (lambda _: None))


@contextmanager
def _opened(path: Path | None, mode: Mode, warn: Callable[[str], None]) -> Iterator[Store | None]:
    connection: sqlite3.Connection | None
    if path is None or mode == "look":
        store = _open_to_look(path)
        with closing(store):
            yield store
        return
    if mode == "pass":
        connection = _make_or_open(path, warn)
    elif mode in {"note", "work"}:
        connection = _open_to_note(path)
        if mode == "work":
            connection.execute("PRAGMA synchronous = NORMAL")
    else:
        connection = _open_to_read(path)
    if connection is None:
        yield None
        return
    with closing(connection):
        yield Store(connection)


def _make_or_open(path: Path, warn: Callable[[str], None]) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(f"cannot make {path.parent}: {error.strerror or error}") from None
    claim(path)
    try:
        return connect(path)
    except DamagedStateError as error:
        move_aside(path, str(error), warn)
    return connect(path)


def _open_to_note(path: Path) -> sqlite3.Connection:
    refuse_foreign(path)
    if not path.exists():
        raise DamagedStateError("the file is missing")
    return connect(path)


def _open_to_read(path: Path) -> sqlite3.Connection | None:
    with suppress(DamagedStateError, StateError):
        refuse_foreign(path)
        if path.exists():
            return connect(path, read_only=True)
    return None


def _open_to_look(path: Path | None) -> PrivateStore:
    if path is not None:
        refuse_foreign(path)
        before = Fingerprint.of(path)
        if before is not None:
            overlay = new_overlay(covers=True, timeout=_BUSY_SECONDS)
            uri = _uri_to_read(path)
            try:
                with closing(connect(path, read_only=True)) as source:
                    if is_current(source):
                        overlay.cover(uri)
                    else:
                        source.backup(overlay)
                        _begin(overlay)
                return PrivateStore(overlay, path if uri.endswith(_AT_REST) else None, before)
            except (DamagedStateError, StateError, sqlite3.Error):
                # A file that cannot be read counts as empty here; a pass that writes will say why.
                overlay.close()
    empty = new_overlay(covers=False, timeout=_BUSY_SECONDS)
    _begin(empty)
    return PrivateStore(empty)


def _begin(overlay: Overlay) -> None:
    migrate(overlay)
    overlay.execute("BEGIN")


def move_aside(path: Path, reason: str, warn: Callable[[str], None]) -> None:
    """Renames a state file of ours that cannot be used, with SQLite's own files beside it.

    Raises:
        StateError: it cannot be renamed.
    """
    path = Path(os.path.realpath(path))  # SQLite's own files lie beside what a link leads to
    stem = f"{path.name}.unusable-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
    aside = path.with_name(stem)
    number = 1
    try:
        while aside.exists():
            number += 1
            aside = path.with_name(f"{stem}-{number}")
        for suffix in ("", *SIDES):
            source = path.with_name(path.name + suffix)
            if source.exists():
                source.rename(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise StateError(
            f"the state file {path} cannot be used ({reason}), nor moved aside: "
            f"{error.strerror or error}"
        ) from None
    warn(
        f"the state file {path} cannot be used ({reason}). It was moved to {aside} and a new one "
        "is built from the seeds; what only it knew (when items were first seen) is lost."
    )


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Opens the state file, and goes on trying while other runs make it or use it.

    SQLite itself waits for locks, but not where two runs that wait would wait for each other, as
    when both turn a new file into a WAL file (sqlite.org/c3ref/busy_handler): one is turned away.
    """
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            return _connect_once(path, read_only=read_only)
        except _BusyError as error:
            if time.monotonic() >= deadline:
                raise StateError(f"cannot use the state file {path}: {error}") from None
        time.sleep(_RETRY_SECONDS)


def _connect_once(path: Path, *, read_only: bool) -> sqlite3.Connection:
    _check_header(path)
    uri = _uri_to_read(path) if read_only else f"{path.absolute().as_uri()}?mode=rwc"
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_SECONDS)
    except sqlite3.Error as error:
        raise StateError(f"cannot open the state file {path}: {error}") from None
    try:
        _check(connection)
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            # Older releases could take a secret for text: what goes is not to stay in free pages.
            connection.execute("PRAGMA secure_delete = ON")
            migrate(connection)
    except sqlite3.DatabaseError as error:
        connection.close()
        if is_damage(error):
            raise DamagedStateError(str(error)) from None
        if _is_busy(error):
            raise _BusyError(str(error)) from None
        raise StateError(f"cannot use the state file {path}: {error}") from None
    except UnicodeDecodeError:  # what SQLite says of a damaged schema quotes it
        connection.close()
        raise DamagedStateError("malformed database schema") from None
    except DamagedStateError:
        connection.close()
        raise
    return connection


def _uri_to_read(path: Path) -> str:
    # Reading a WAL file makes SQLite leave files beside it, unless it takes the file for one that
    # nobody writes: without a -wal file that is so at this moment.
    at_rest = not path.with_name(f"{path.name}-wal").exists()
    return f"{path.absolute().as_uri()}?mode=ro{_AT_REST if at_rest else ''}"


def _is_busy(error: sqlite3.DatabaseError) -> bool:
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) == sqlite3.SQLITE_BUSY


def _check_header(path: Path) -> None:
    """Raises DamagedStateError for what SQLite must not even open: it would tidy up beside it."""
    try:
        with path.open("rb") as file:
            header = file.read(len(HEADER))
    except OSError:
        return  # there is none yet, or the connection will say what is wrong
    if header and header != HEADER:
        raise DamagedStateError("it is not a database")


def _check(connection: sqlite3.Connection) -> None:
    """Raises DamagedStateError for a file that is not one of ours."""
    connection.execute("BEGIN")  # one view of the file, even while another run is making it
    query = "SELECT name FROM sqlite_schema WHERE type = 'table'"
    tables = {name for (name,) in connection.execute(query)}
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute("COMMIT")
    if not tables and version == 0:
        return
    if application != APPLICATION_ID:
        raise DamagedStateError("it belongs to another program")
    if version > VERSION:
        raise DamagedStateError(f"a newer release of feeds wrote it (schema {version})")
    if 0 < version < OLDEST:
        raise DamagedStateError(f"feeds wrote it before its first release (schema {version})")
    if version == 0 or (version == VERSION and not tables >= TABLES):
        raise DamagedStateError("tables are missing")
