"""The store: what is kept from pass to pass, and its transactions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from feeds.common.errors import StateError
from feeds.common.files import Fingerprint
from feeds.common.model import Entry, Problem
from feeds.common.store_protocols import Meta
from feeds.store.feed_items import FeedItems
from feeds.store.periods import FIRST, Archives, Digests
from feeds.store.published import HubPings, PublishedFiles
from feeds.store.readings import Readings
from feeds.store.schema import INDEXES
from feeds.store.withdrawals import Withdrawals

T = TypeVar("T")

# What msgspec raises for damaged bytes: for those of a text its error is Python's own.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)


class DamagedStateError(Exception):
    """The state file is not one that can be read; it is to be moved aside."""


# What is wrong with the disk or with our rights, not with the file (sqlite.org/rescode.html).
_CIRCUMSTANCES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}


# Of the paths below a folder, with its `_bounds` as values.
_IS_BELOW = "(path > ? AND path < ?)"
_FINGERPRINTS = "SELECT path, settled AND parser = ?, size, mtime_ns, inode FROM seed"


def is_damage(error: sqlite3.Error) -> bool:
    """Tells whether an error speaks of the file itself."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF not in _CIRCUMSTANCES


class Store(FeedItems, Readings, PublishedFiles, HubPings, Archives, Withdrawals, Digests):
    """One open state file. Everything that writes stands in a `transaction`."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction, which alone may write; rolled back when an exception leaves it.

        Raises:
            StateError: the state file cannot be written, or stays in use by another run.
            DamagedStateError: it is damaged.
        """
        with self.faults_told():
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    @contextmanager
    def faults_told(self) -> Iterator[None]:
        """Turns errors of SQLite, and of values in the file, into those of a `transaction`."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise DamagedStateError(str(error)) from None
            raise StateError(
                f"cannot write the state file {self._path}: {error}. "
                "The next run repairs what is half done."
            ) from None
        except _UNREADABLE as error:
            raise DamagedStateError(str(error)) from None

    @contextmanager
    def view(self) -> Iterator[None]:
        """Everything read in it is of one moment."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")

    @contextmanager
    def filling(self, *tables: str) -> Iterator[None]:
        """Makes the indexes of tables after these are filled, if all are empty: that is faster."""
        self.drop_indexes(*tables)
        yield
        made = self._made()
        for name, (table, sql) in INDEXES.items():
            if table in tables and table in made and name not in made:
                self._db.execute(sql)

    def drop_indexes(self, *tables: str) -> None:
        """Drops the indexes of these tables, if all are empty, until they are `filling`."""
        if any(self._db.execute(f"SELECT 1 FROM {one} LIMIT 1").fetchall() for one in tables):  # noqa: S608
            return
        made = self._made()
        for name, (table, _) in INDEXES.items():
            if table in tables and name in made:
                self._db.execute(f"DROP INDEX {name}")

    def _made(self) -> set[str]:
        """Returns the names of the tables and indexes that this file has."""
        return {name for (name,) in self._db.execute("SELECT name FROM sqlite_schema")}

    def seed_fingerprints(self, parser: str, folder: str = "") -> dict[str, Fingerprint | None]:
        """Returns the fingerprints of the seeds in one folder, not below it, or of all, by path.

        None stands for a seed that must be read again in any case: another version of the parser
        read it (`parser` is the one in use now), or it had just been changed then, so that a second
        change within the granularity of mtime would not show.
        """
        query, values = _FINGERPRINTS, tuple[str | int, ...]((parser,))
        if folder:
            query += f" WHERE {_IS_BELOW} AND instr(substr(path, ?), '/') = 0"
            values += (*_bounds(folder), len(folder.rstrip("/")) + 2)
        return self._fingerprints_of(query, values)

    def _fingerprints_of(
        self, query: str, values: tuple[str | int, ...]
    ) -> dict[str, Fingerprint | None]:
        rows = self._db.execute(query, values)
        return {
            path: Fingerprint(*rest) if is_current else None for path, is_current, *rest in rows
        }

    def seeds_below(self, path: str, parser: str) -> dict[str, Fingerprint | None]:
        """Returns the fingerprints of the seeds at and below a path; see `seed_fingerprints`."""
        query = f"{_FINGERPRINTS} WHERE path = ? OR {_IS_BELOW}"
        return self._fingerprints_of(query, (parser, path, *_bounds(path)))

    def paths_below(self, folder: str) -> Iterator[str]:
        """Yields the paths of the seeds below a folder."""
        rows = self._db.execute(f"SELECT path FROM seed WHERE {_IS_BELOW}", _bounds(folder))  # noqa: S608
        return (path for (path,) in rows)

    def story_count(self, folder: str, without: Iterable[str], most: int) -> int:
        """Counts the stories below a folder, up to `most`, `without` the seeds at these paths."""
        query = f"""
            SELECT count(*) FROM (
                SELECT DISTINCT id FROM seed WHERE {_IS_BELOW} AND id IS NOT NULL
                AND path NOT IN (SELECT value FROM json_each(?)) LIMIT ?
            )
        """  # noqa: S608 (names of our own)
        values = (*_bounds(folder), json.dumps(list(without)), most)
        return int(self._db.execute(query, values).fetchone()[0])

    def seed_count(self) -> int:
        """Returns how many seeds were read, good or bad."""
        return self._tallied("seed")

    def listing(self) -> dict[str, bytes]:
        """Returns the digests of the folders whose seeds were all read as they are, by path."""
        return dict(self._db.execute("SELECT folder, digest FROM listing"))

    def drop_listing(self, folders: Iterable[str]) -> None:
        """Drops the digests of these folders."""
        rows = ((folder,) for folder in folders)
        self._db.executemany("DELETE FROM listing WHERE folder = ?", rows)

    def keep_listing(self, digests: dict[str, bytes]) -> None:
        """Keeps these digests of folders, and no others."""
        before = self.listing()
        gone = ((folder,) for folder in before.keys() - digests.keys())
        self._db.executemany("DELETE FROM listing WHERE folder = ?", gone)
        changed = digests.items() - before.items()
        self._db.executemany("INSERT OR REPLACE INTO listing VALUES (?, ?)", changed)

    def content(self, path: str, parser: str) -> bytes:
        """Returns the digest of a seed's bytes, empty if another way of parsing read them."""
        query = "SELECT content FROM seed WHERE path = ? AND parser = ?"
        row = self._db.execute(query, (path, parser)).fetchone()
        return bytes(row[0]) if row else b""

    def seed_problems(self) -> Iterator[Problem]:
        """Yields the problems of all seeds that have a file, by path."""
        query = """
            SELECT problems FROM seed WHERE problems IS NOT NULL
            AND path NOT IN (SELECT path FROM held) ORDER BY path
        """
        for (data,) in self._db.execute(query):
            yield from msgspec.msgpack.decode(data, type=list[Problem])

    def item_count(self) -> int:
        """Returns how many seeds have, or once had, an item that can be used."""
        return self._tallied("item")

    def _tallied(self, kind: str) -> int:
        row = self._db.execute("SELECT n FROM tally WHERE kind = ?", (kind,)).fetchone()
        return row[0] if row else 0

    def items(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """Returns the items of the seeds with these numbers, in MessagePack."""
        query = "SELECT number, data FROM item WHERE number IN (SELECT value FROM json_each(?))"
        wanted, found = list(numbers), dict[int, bytes]()
        stored = dict(self._db.execute(query, (json.dumps(wanted),)))
        for number in wanted:
            if number < 0:
                data = self.notice_data(number) if number > -FIRST else self.digest_data(number)
            else:
                data = stored.get(number)
            if data is None:
                raise DamagedStateError("an item is missing")
            found[number] = data
        return found

    def get_meta(self, meta: Meta[T]) -> T | None:
        """Returns a value; None if it was never set, or is of another type."""
        query = "SELECT value FROM fact WHERE name = ?"
        try:
            row = self._db.execute(query, (meta.name,)).fetchone()
            return msgspec.msgpack.decode(row[0], type=meta.type) if row else None
        except (*_UNREADABLE, sqlite3.DatabaseError):
            return None

    def has_meta(self, meta: Meta[T]) -> bool:
        """Tells whether a value was ever set, even one of another type."""
        query = "SELECT 1 FROM fact WHERE name = ?"
        return self._db.execute(query, (meta.name,)).fetchone() is not None

    def set_meta(self, meta: Meta[T], value: T) -> None:
        """Sets a value."""
        replace = "INSERT OR REPLACE INTO fact VALUES (?, ?)"
        self._db.execute(replace, (meta.name, msgspec.msgpack.encode(value)))

    def set_or_drop_meta(self, meta: Meta[T], value: T | None) -> None:
        """Sets a value, or drops it for None; writes nothing if it is so already."""
        if value is None:
            self._db.execute("DELETE FROM fact WHERE name = ?", (meta.name,))
        elif value != self.get_meta(meta):
            self.set_meta(meta, value)

    def pass_fingerprint(self) -> bytes:
        """Returns something that is different after each pass."""
        query = "SELECT value FROM fact WHERE name IN ('report', 'sending') ORDER BY name"
        return b"".join(bytes(value) for (value,) in self._db.execute(query))

    def entries_anywhere(self) -> set[Entry]:
        """Returns the items that stand in at least one feed."""
        query = "SELECT DISTINCT number, id, published, updated, digest FROM slot"
        return {Entry(*row) for row in self._db.execute(query)}

    def places(self) -> set[tuple[str, str, str]]:
        """Returns kind and key of the feeds of topics and providers, with the id of each item."""
        query = "SELECT kind, key, id FROM slot WHERE kind IN ('topic', 'provider')"
        return set(self._db.execute(query))

    def each_item(self, numbers: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """Yields the items of the seeds with these numbers, in MessagePack."""
        query = "SELECT data FROM item WHERE number = ?"
        for number in numbers:
            for (data,) in self._db.execute(query, (number,)):
                yield number, data


def _bounds(folder: str) -> tuple[str, str]:
    """Returns the values for `_IS_BELOW`."""
    prefix = folder.rstrip("/")
    return f"{prefix}/", f"{prefix}0"  # "0" comes after "/"
