"""Which entries each version of a document had: for readers that ask what is new since theirs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from feeds.store.server_files import changes, open_derived

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
# Who asks again within so many seconds is not noted once more.
_AGAIN_SECONDS = 60


class Versions:
    """Versions of documents, by path and digest.

    Of each the digests of its entries are kept, all of one size, and until when it was the newest.
    Of queries, whose number has no bound, it is also kept when one was last asked for, and whether
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
                ?1, ?2, ?3, NULL, ?4, (SELECT coalesce(max(again), 0) FROM version WHERE path = ?1)
            )
        """
        asked = now if query else None
        with self._lock, changes(self._db):
            self._db.execute(supersede, (now, path))
            self._db.execute(insert, (path, digest, b"".join(entries), asked))

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
        """Drops versions of queries that nobody asked for since then, and of too many some.

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
