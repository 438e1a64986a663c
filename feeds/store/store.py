"""What is kept from pass to pass."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import msgspec

from feeds.common.errors import StateError
from feeds.common.files import Fingerprint
from feeds.common.model import ItemHeader, ParsedSeed, Problem
from feeds.common.protocols import Meta
from feeds.store.feed_items import FeedItems
from feeds.store.hubs import HubPings
from feeds.store.images import ImageTables
from feeds.store.lookups import Lookups
from feeds.store.readings import Readings

T = TypeVar("T")

_STATE_COLUMNS = (
    *("path", "folder", "size", "mtime_ns", "inode", "settled", "parser", "content", "problems"),
)
_HEADER_COLUMNS = (
    *("shown", "id", "dated", "stamp", "quality", "heat", "is_published", "domain", "provider"),
    *("topics", "category", "digest", "reader_digest"),
)


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


def is_damage(error: sqlite3.Error) -> bool:
    """Tells whether an error speaks of the file itself."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF not in _CIRCUMSTANCES


class Store(FeedItems, ImageTables, Lookups, HubPings, Readings):
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
        """Raises errors of SQLite, and of what stands in the file, as a `transaction` does."""
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

    def current_seeds(self, parser: str) -> set[tuple[str, int, int, int]]:
        """Returns path, size, mtime in ns and inode of the seeds that need not be read again as is.

        The others were read by another version of the parser (`parser` is the one in use now), or
        had just been changed then, so that a second change within the granularity of mtime would
        not show.
        """
        query = "SELECT path, size, mtime_ns, inode FROM seed WHERE settled AND parser = ?"
        return set(self._db.execute(query, (parser,)))

    def seed_count(self) -> int:
        """Returns how many seeds were read, good or bad."""
        (count,) = self._db.execute("SELECT count(*) FROM seed").fetchone()
        return int(count)

    def has_seed(self, path: str) -> bool:
        """Tells whether the seed at a path was ever read."""
        query = "SELECT 1 FROM seed WHERE path = ?"
        return self._db.execute(query, (path,)).fetchone() is not None

    def paths(self) -> set[str]:
        """Returns the paths of all seeds that were read."""
        return {path for (path,) in self._db.execute("SELECT path FROM seed")}

    def content(self, path: str, parser: str) -> bytes:
        """Returns the digest of a seed's bytes, empty where another parser version read them."""
        query = "SELECT content FROM seed WHERE path = ? AND parser = ?"
        row = self._db.execute(query, (path, parser)).fetchone()
        return bytes(row[0]) if row else b""

    def record(
        self, folder: str, mark: Fingerprint, reading: ParsedSeed, *, settled: bool, parser: str
    ) -> set[str]:
        """Keeps what was read from a seed; a seed that cannot be used keeps its last good item.

        Returns:
            The ids of the items that came, went or changed by that.
        """
        state = (*mark, settled)
        if reading.same:
            update = "UPDATE seed SET size = ?, mtime_ns = ?, inode = ?, settled = ? WHERE path = ?"
            self._db.execute(update, (*state, reading.path))
            return set()
        problems = msgspec.msgpack.encode(reading.problems) if reading.problems else None
        values = (reading.path, folder, *state, parser, reading.content, problems)
        if reading.card is None:
            gone: set[str] = set()
            if any(problem.field == "secured" for problem in reading.problems):
                gone = self._forget_what_told(reading.path, parser)
            self._db.execute(_upsert(_STATE_COLUMNS), values)
            return gone
        self._renew_digest(reading.path, reading.content, reading.card)
        before = "SELECT number, id, digest FROM seed WHERE path = ?"
        known = self._db.execute(before, (reading.path,)).fetchone()
        query = f"{_upsert(_STATE_COLUMNS + _HEADER_COLUMNS)} RETURNING number"
        (number,) = self._db.execute(query, values + _header_values(reading.card)).fetchone()
        self._db.execute("INSERT OR REPLACE INTO item VALUES (?, ?)", (number, reading.data))
        if known == (number, reading.card.id, reading.card.digest):
            return set()  # the same item, read once more
        if known:
            self.unname_images(number)
        self.name_images(number, reading.images)
        return {reading.card.id, known[1] if known and known[1] else reading.card.id}

    def _renew_digest(self, path: str, content: bytes, card: ItemHeader) -> None:
        """Where another release or setting reads the same bytes otherwise, nobody edited them."""
        query = "SELECT reader_digest, problems FROM seed WHERE path = ? AND content = ?"
        row = self._db.execute(query, (path, content)).fetchone()
        if row is None or row[0] == card.reader_digest:
            return
        problems = msgspec.msgpack.decode(row[1], type=list[Problem]) if row[1] else []
        if all(problem.severity != "error" for problem in problems):  # else it is of older bytes
            renew = "UPDATE memory SET reader_digest = ? WHERE id = ? AND reader_digest = ?"
            self._db.execute(renew, (card.reader_digest, card.id, row[0]))

    def _forget_what_told(self, path: str, parser: str) -> set[str]:
        """Drops the last good item of a seed with a misplaced secret, if another parser read it.

        A release that saw less may have taken the secret for a part of it.
        """
        query = "SELECT 1 FROM seed WHERE path = ? AND id IS NOT NULL AND parser != ?"
        return self.forget([path] if self._db.execute(query, (path, parser)).fetchone() else [])

    def forget(self, paths: Iterable[str]) -> set[str]:
        """Drops seeds whose files are gone; what readers were shown of them is remembered.

        Returns:
            The ids of their items.
        """
        ids: set[str] = set()
        find = "SELECT number, id FROM seed WHERE path = ?"
        for path in paths:
            number, id_ = self._db.execute(find, (path,)).fetchone()
            if id_ is not None:
                ids.add(id_)
            self.unname_images(number)
            self._db.execute("DELETE FROM item WHERE number = ?", (number,))
            self._db.execute("DELETE FROM seed WHERE number = ?", (number,))
        return ids

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
        (count,) = self._db.execute("SELECT count(id) FROM seed").fetchone()
        return int(count)

    def items(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """Returns the items of the seeds with these numbers, in MessagePack."""
        query = "SELECT data FROM item WHERE number = ?"
        found: dict[int, bytes] = {}
        for number in numbers:
            row = self._db.execute(query, (number,)).fetchone()
            if row is None:
                raise DamagedStateError("an item is missing")
            found[number] = row[0]
        return found

    def stamps(self) -> dict[str, Fingerprint]:
        """Returns the fingerprint of each published file, by its path below out/."""
        query = "SELECT path, size, mtime_ns, inode FROM document"
        return {path: Fingerprint(*stamp) for path, *stamp in self._db.execute(query)}

    def keep_stamps(self, stamps: dict[str, Fingerprint]) -> None:
        """Keeps the fingerprints of all files in out/."""
        before = self.stamps()
        gone = ((path,) for path in before.keys() - stamps.keys())
        self._db.executemany("DELETE FROM document WHERE path = ?", gone)
        rows = ((path, *stamp) for path, stamp in stamps.items() if stamp != before.get(path))
        self._db.executemany("INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?)", rows)

    def get_meta(self, meta: Meta[T]) -> T | None:
        """Returns a value; None if it was never set, or is of another type."""
        query = "SELECT value FROM fact WHERE name = ?"
        try:
            row = self._db.execute(query, (meta.name,)).fetchone()
            return msgspec.msgpack.decode(row[0], type=meta.type) if row else None
        except (*_UNREADABLE, sqlite3.DatabaseError):
            return None

    def has_meta(self, meta: Meta[T]) -> bool:
        """Tells whether a value was ever set, of whatever type."""
        query = "SELECT 1 FROM fact WHERE name = ?"
        return self._db.execute(query, (meta.name,)).fetchone() is not None

    def set_meta(self, meta: Meta[T], value: T) -> None:
        """Sets a value."""
        replace = "INSERT OR REPLACE INTO fact VALUES (?, ?)"
        self._db.execute(replace, (meta.name, msgspec.msgpack.encode(value)))


@cache
def _upsert(columns: tuple[str, ...]) -> str:
    names, places = ", ".join(columns), ", ".join("?" * len(columns))
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns)
    return (
        f"INSERT INTO seed ({names}) VALUES ({places}) "  # noqa: S608 (names of our own)
        f"ON CONFLICT (path) DO UPDATE SET {changes}"
    )


def _header_values(card: ItemHeader) -> tuple[str | int | bytes, ...]:
    return (
        card.path,
        card.id,
        card.dated,
        card.stamp,
        card.quality,
        card.heat,
        card.is_published,
        card.provider.domain,
        card.provider.name,
        msgspec.json.encode(card.topics).decode(),
        card.category,
        card.digest,
        card.reader_digest,
    )
