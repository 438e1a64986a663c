"""Files beside the state file that a server makes for itself: whatever is lost is made anew."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from feeds.common.errors import StateError
from feeds.common.files import Fingerprint
from feeds.store.open import open_state
from feeds.store.ours import SIDES, claim, refuse_foreign
from feeds.store.schema import APPLICATION_ID
from feeds.store.store import DamagedStateError, Store

_BUSY_SECONDS = 10
_TRIES = 5


def open_derived(
    path: Path, schema: str, version: int, warn: Callable[[str], None]
) -> sqlite3.Connection:
    """Opens such a file for threads that take turns; one of another schema begins anew.

    Where no file can be written, or one that is not ours is there, there is one in memory, and
    `warn` is told.
    """
    for attempt in ("as it is", "anew"):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if _is_unsigned(path, schema):
                _unlink(path)
            claim(path)
            if attempt == "anew":
                remove_derived(path)
            return _connect(str(path), schema, version)
        except (OSError, sqlite3.Error, StateError) as error:
            reason = str(error)
    warn(f"cannot use {path} ({reason}): what stands there is kept in memory until the next start")
    return _connect(":memory:", schema, version)


def remove_derived(path: Path) -> None:
    """Removes such a file with SQLite's own beside it, but none that is not ours."""
    with suppress(StateError):
        refuse_foreign(path)
        _unlink(path)


def _unlink(path: Path) -> None:
    for suffix in ("", *SIDES):
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink()


def _is_unsigned(path: Path, schema: str) -> bool:
    """Tells whether code that did not sign these files yet made this one.

    It then has our tables, each with our columns or the first few of them.
    """
    if not path.is_file() or path.is_symlink():
        return False
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    with suppress(sqlite3.Error, UnicodeDecodeError), closing(sqlite3.connect(uri, uri=True)) as db:
        (application,) = db.execute("PRAGMA application_id").fetchone()
        with closing(sqlite3.connect(":memory:")) as memory:
            memory.executescript(schema)
            mine, theirs = _columns(memory), _columns(db)
        return (
            application == 0
            and mine.keys() == theirs.keys()
            and all(mine[table][: len(some)] == some for table, some in theirs.items())
        )
    return False


def _columns(connection: sqlite3.Connection) -> dict[str, list[str]]:
    query = """
        SELECT one.name, field.name FROM sqlite_schema AS one, pragma_table_info(one.name) AS field
        WHERE one.type = 'table' ORDER BY one.name, field.cid
    """
    columns: dict[str, list[str]] = {}
    for table, column in connection.execute(query):
        columns.setdefault(table, []).append(column)
    return columns


def _connect(name: str, schema: str, version: int) -> sqlite3.Connection:
    connection = sqlite3.connect(
        name, isolation_level=None, timeout=_BUSY_SECONDS, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # A power cut may cost the last changes, never the file (sqlite.org/wal.html, section 3.1).
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found != version:
            if found or connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
                raise sqlite3.DatabaseError(f"schema {found} instead of {version}")
            for statement in schema.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def changes(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction; rolled back when an exception leaves it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def read_state(path: Path, see: Callable[[Store], None]) -> bool:
    """Lets `see` read the state file as one pass left it; tells whether it could.

    `see` may be called several times: a file at rest is read without locks (see `open`), and a
    pass that wrote meanwhile makes what was read worthless.
    """
    for _ in range(_TRIES):
        before = state_fingerprint(path)
        with open_state(path, "serve") as store:
            if store is None:
                return False
            try:
                with store.view():
                    see(store)
            except (sqlite3.DatabaseError, DamagedStateError):
                if state_fingerprint(path) == before:
                    return False
                continue
        if state_fingerprint(path) == before or before[1] is not None:
            return True
    return False


def state_fingerprint(path: Path) -> tuple[Fingerprint | None, Fingerprint | None]:
    """Returns what tells that the state file, and its log of changes, are as they were."""
    path = Path(os.path.realpath(path))
    return Fingerprint.of(path), Fingerprint.of(path.with_name(f"{path.name}-wal"))
