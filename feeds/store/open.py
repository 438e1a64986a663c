"""Opening the state file, whatever state it is in."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from feeds.common.errors import StateError
from feeds.store.ours import HEADER, SIDES, claim, refuse_foreign
from feeds.store.schema import APPLICATION_ID, TABLES, VERSION, migrate
from feeds.store.store import DamagedStateError, Store, is_damage

_BUSY_SECONDS = 60
_RETRY_SECONDS = 0.02


class _BusyError(Exception):
    """Another run is using the state file at this moment."""


@contextmanager
def open_store(path: Path, warn: Callable[[str], None]) -> Iterator[Store]:
    """Opens the state file, and makes it where there is none.

    One of ours that is damaged is moved aside, never deleted, and `warn` is told; the next pass
    then builds a new one from the seeds.

    Raises:
        ForeignStateError: what stands there is not ours.
        StateError: the file cannot be made or written (rights, full disk), or stays in use.
    """
    path = _real(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(f"cannot make {path.parent}: {error.strerror or error}") from None
    claim(path)
    try:
        connection = _connect(path)
    except DamagedStateError as error:
        move_aside(path, str(error), warn)
        connection = _connect(path)
    with closing(connection):
        yield Store(connection)


@contextmanager
def open_copy(path: Path | None) -> Iterator[Store]:
    """Opens a private copy of the state file, of which nothing is kept; empty where there is none.

    For commands that look and do not touch. The copy lies in SQLite's own temporary file.

    Raises:
        ForeignStateError: what stands there is not ours, so no pass would use it.
    """
    path = path and _real(path)
    if path is not None:
        refuse_foreign(path)
    with closing(sqlite3.connect("", isolation_level=None)) as copy:
        if path is not None and path.exists():
            # What cannot be copied is as good as empty here; a pass that writes will say why.
            with (
                suppress(DamagedStateError, StateError, sqlite3.Error),
                closing(_connect(path, read_only=True)) as source,
            ):
                source.backup(copy)
        migrate(copy)
        yield Store(copy)


@contextmanager
def open_for_reading(path: Path) -> Iterator[Store | None]:
    """Opens the state file to look something up; None where there is none that can be read."""
    connection, path = None, _real(path)
    if path.exists():
        with suppress(DamagedStateError, StateError):
            refuse_foreign(path)
            connection = _connect(path, read_only=True)
    if connection is None:
        yield None
        return
    with closing(connection):
        yield Store(connection)


@contextmanager
def open_existing(path: Path) -> Iterator[Store]:
    """Opens the state file as it is, to note something in it between passes.

    Raises:
        StateError: it cannot be written, stays in use, or is not ours.
        DamagedStateError: there is none, or none that can be used; the next pass will see to it.
    """
    path = _real(path)
    refuse_foreign(path)
    if not path.exists():
        raise DamagedStateError("there is none")
    with closing(_connect(path)) as connection:
        yield Store(connection)


def move_aside(path: Path, reason: str, warn: Callable[[str], None]) -> None:
    """Renames a state file of ours that cannot be used, with SQLite's own files beside it.

    Raises:
        StateError: it cannot be renamed.
    """
    path = _real(path)
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


def _real(path: Path) -> Path:
    """Follows links: SQLite's own files lie beside what they lead to."""
    return Path(os.path.realpath(path))


def _connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
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
    mode = "rwc"
    if read_only:
        # Reading a WAL file makes SQLite leave files beside it, unless it takes the file for one
        # that nobody writes: without a -wal file that is so at this moment.
        at_rest = not path.with_name(f"{path.name}-wal").exists()
        mode = "ro&immutable=1" if at_rest else "ro"
    _check_header(path)
    uri = f"{path.absolute().as_uri()}?mode={mode}"
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
    if version == 0 or (version == VERSION and not tables >= TABLES):
        raise DamagedStateError("tables are missing")
