"""Which entries each version of a document had: for readers that ask what is new since theirs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from feeds.store.derived import changes, open_derived

_SCHEMA = """
    CREATE TABLE version (
        path TEXT NOT NULL,
        digest TEXT NOT NULL,
        entries BLOB NOT NULL,
        until INTEGER,
        PRIMARY KEY (path, digest)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX version_until ON version (until)
"""
_VERSION = 1


class Versions:
    """Versions of documents, by path and digest.

    Of each the digests of its entries are kept, all of one size, and until when it was the newest.
    May be used from several threads.
    """

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self._db = open_derived(path, _SCHEMA, _VERSION, warn)
        self._lock = threading.Lock()

    def newest(self) -> set[tuple[str, str]]:
        """Returns path and digest of every version that was not superseded yet."""
        query = "SELECT path, digest FROM version WHERE until IS NULL"
        with self._lock:
            return set(self._db.execute(query))

    def record(self, path: str, digest: str, entries: Iterable[bytes], now: int) -> None:
        """Keeps a version that is the newest from now on (seconds since 1970)."""
        supersede = "UPDATE version SET until = ? WHERE path = ? AND until IS NULL"
        insert = "INSERT OR REPLACE INTO version VALUES (?, ?, ?, NULL)"
        with self._lock, changes(self._db):
            self._db.execute(supersede, (now, path))
            self._db.execute(insert, (path, digest, b"".join(entries)))

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
        """Drops versions that were superseded before then, and of too many the oldest."""
        delete = "DELETE FROM version WHERE until < ?"
        excess = """
            DELETE FROM version WHERE (path, digest) IN (
                SELECT path, digest FROM version WHERE until IS NOT NULL
                ORDER BY until DESC LIMIT -1 OFFSET ?
            )
        """
        with self._lock, changes(self._db):
            self._db.execute(delete, (before,))
            self._db.execute(excess, (most,))

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()
