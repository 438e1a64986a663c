"""Files that a server keeps beside the state file, and the versions of documents in one of them.

Whatever is lost of them is made again.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from feeds.common.errors import StateError
from feeds.common.files import Fingerprint
from feeds.store.open import open_state
from feeds.store.our_files import SIDES, claim, refuse_foreign
from feeds.store.schema import APPLICATION_ID
from feeds.store.store import DamagedStateError, Store

T = TypeVar("T")

_BUSY_SECONDS = 10
_TRIES = 5


def open_derived(
    path: Path, schema: str, version: int, warn: Callable[[str], None]
) -> sqlite3.Connection:
    """Opens such a file for threads that take turns; replaces one of another schema.

    If the file cannot be written, or is not ours, opens one in memory and calls `warn`.
    """
    for attempt in ("as it is", "new"):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if _is_unsigned(path, schema):
                _unlink(path)
            claim(path)
            if attempt == "new":
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
    """Tells whether older code made a file, unsigned: of our tables, with our first columns."""
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


def with_state(path: Path, read: Callable[[Store], T]) -> T | None:
    """Returns what `read` makes of the state file as one pass left it; None if it cannot be read.

    `read` may be called several times: a file at rest is read without locks (see `open`), and a
    pass that wrote meanwhile makes what was read worthless.
    """
    for _ in range(_TRIES):
        before = state_fingerprint(path)
        with open_state(path, "serve") as store:
            if store is None:
                return None
            try:
                with store.view():
                    found = read(store)
            except (sqlite3.DatabaseError, DamagedStateError):
                if state_fingerprint(path) == before:
                    return None
                continue
        if state_fingerprint(path) == before or before[1] is not None:
            return found
    return None


def state_fingerprint(path: Path) -> tuple[Fingerprint | None, Fingerprint | None]:
    """Returns a value that stays the same while the state file and its log of changes do."""
    path = Path(os.path.realpath(path))
    return Fingerprint.of(path), Fingerprint.of(path.with_name(f"{path.name}-wal"))


_SCHEMA = """
    CREATE TABLE version (
        path TEXT NOT NULL,
        digest TEXT NOT NULL,
        entries BLOB NOT NULL,
        until INTEGER,
        asked INTEGER,
        again INTEGER NOT NULL,
        PRIMARY KEY (path, digest)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX version_until ON version (until);
    CREATE INDEX version_asked ON version (again, asked) WHERE asked IS NOT NULL
"""
_VERSION = 2
# A query that is asked for again within so many seconds is not noted once more.
_AGAIN_SECONDS = 60


class Versions:
    """Versions of documents, by path and digest: which entries each had.

    Keeps the digests of the entries, all of one size, and until when the version was the newest.
    Of queries, whose number has no bound, it also keeps when one was last asked for, and whether
    somebody came `again` for it, as subscribers do. May be used from several threads.
    """

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self._db = open_derived(path, _SCHEMA, _VERSION, warn)
        self._lock = threading.Lock()

    def newest(self) -> set[tuple[str, str]]:
        """Returns path and digest of every version of a document that was not superseded yet."""
        query = "SELECT path, digest FROM version WHERE until IS NULL AND asked IS NULL"
        with self._lock:
            return set(self._db.execute(query))

    def record(
        self, path: str, digest: str, entries: Iterable[bytes], now: int, *, query: bool = False
    ) -> None:
        """Keeps a version that is the newest from now on (seconds since 1970)."""
        supersede = "UPDATE version SET until = ? WHERE path = ? AND until IS NULL"
        # Who subscribed to the version before has subscribed to this one.
        insert = """
            INSERT OR REPLACE INTO version VALUES (
                ?, ?, ?, NULL, ?, (SELECT coalesce(max(again), 0) FROM version WHERE path = ?)
            )
        """
        asked = now if query else None
        with self._lock, changes(self._db):
            self._db.execute(supersede, (now, path))
            self._db.execute(insert, (path, digest, b"".join(entries), asked, path))

    def asked(self, path: str, digest: str, now: int) -> bool:
        """Notes that a query was asked for; tells whether this version is known as its newest."""
        query = "SELECT asked FROM version WHERE path = ? AND digest = ? AND until IS NULL"
        note = "UPDATE version SET asked = ?, again = 1 WHERE path = ? AND digest = ?"
        with self._lock:
            row = self._db.execute(query, (path, digest)).fetchone()
            if row is not None and now >= row[0] + _AGAIN_SECONDS:
                self._db.execute(note, (now, path, digest))
        return row is not None

    def end(self, paths: Iterable[str], now: int) -> None:
        """Marks the newest versions of documents that are gone as superseded."""
        supersede = "UPDATE version SET until = ? WHERE path = ? AND until IS NULL"
        with self._lock, changes(self._db):
            self._db.executemany(supersede, ((now, path) for path in paths))

    def entries(self, path: str, digest: str, since: int, size: int) -> set[bytes] | None:
        """Returns the entries, `size` bytes each, of a version that was the newest since then."""
        query = """
            SELECT entries FROM version
            WHERE path = ? AND digest = ? AND (until IS NULL OR until >= ?)
        """
        with self._lock:
            row = self._db.execute(query, (path, digest, since)).fetchone()
        if row is None:
            return None
        return {row[0][start : start + size] for start in range(0, len(row[0]), size)}

    def forget(self, before: int, most: int) -> None:
        """Drops versions of documents that were superseded before then, of too many the oldest."""
        delete = "DELETE FROM version WHERE until < ? AND asked IS NULL"
        excess = """
            DELETE FROM version WHERE (path, digest) IN (
                SELECT path, digest FROM version WHERE until IS NOT NULL AND asked IS NULL
                ORDER BY until DESC LIMIT -1 OFFSET ?
            )
        """
        with self._lock, changes(self._db):
            self._db.execute(delete, (before,))
            self._db.execute(excess, (most,))

    def forget_queries(self, before: int, most: int) -> None:
        """Drops versions of queries that nobody asked for since then, and some of too many.

        Those that were asked for but once go first, then those that were not for longest.
        """
        delete = "DELETE FROM version WHERE asked < ?"
        excess = """
            DELETE FROM version WHERE (path, digest) IN (
                SELECT path, digest FROM version WHERE asked IS NOT NULL
                ORDER BY again DESC, asked DESC LIMIT -1 OFFSET ?
            )
        """
        with self._lock, changes(self._db):
            self._db.execute(delete, (before,))
            self._db.execute(excess, (most,))

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()
