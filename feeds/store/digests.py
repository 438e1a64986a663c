"""The part of the store for digests: what each period that ended has, fixed from then on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from feeds.common.model import FeedRef
from feeds.common.order import order_sql

# The numbers of entries and of images in digests are below the negative of this one: those above it
# are of seeds, and of notices.
FIRST = 1 << 40
_COLUMNS = "number, key, start, updated, data"


class DigestRow(msgspec.Struct, frozen=True):
    """A digest as it is kept; `data` is a `Digest` in MessagePack, times in seconds since 1970."""

    number: int
    key: str
    start: int
    updated: int
    data: bytes

    @property
    def entry(self) -> int:
        """The number of its entry."""
        return -FIRST - self.number


class Digests:
    """The tables of digests."""

    _db: sqlite3.Connection

    def digests(self, key: str, count: int) -> list[DigestRow]:
        """Returns the last digests of a feed, the newest first."""
        query = f"SELECT {_COLUMNS} FROM digest WHERE key = ? ORDER BY start DESC LIMIT ?"  # noqa: S608
        return [DigestRow(*row) for row in self._db.execute(query, (key, count))]

    def digests_with(self, ids: Iterable[str] | None) -> list[DigestRow]:
        """Returns the digests that hold one of these items; None for all digests."""
        query = f"SELECT {_COLUMNS} FROM digest"  # noqa: S608 (names of our own)
        if ids is None:
            return [DigestRow(*row) for row in self._db.execute(query)]
        query += " WHERE number IN (SELECT digest FROM digest_story WHERE id = ?)"
        rows = (row for id_ in ids for row in self._db.execute(query, (id_,)))
        return [DigestRow(*row) for row in {row[0]: row for row in rows}.values()]

    def best_of(self, ref: FeedRef, period: tuple[int, int], count: int) -> list[tuple[str, int]]:
        """Returns ids and numbers of the best items that a feed got in a period, the best first.

        Those that a digest of the feed holds are left out.
        """
        query = f"""
            SELECT s.id, s.number FROM slot s CROSS JOIN seed USING (number)
            WHERE s.kind = ? AND s.key = ? AND s.since >= ? AND s.since < ? AND NOT EXISTS (
                SELECT 1 FROM digest_story o CROSS JOIN digest d ON d.number = o.digest
                WHERE o.id = s.id AND d.key = s.key
            )
            ORDER BY seed.quality DESC, seed.heat DESC, {order_sql("s.")} LIMIT ?
        """  # noqa: S608
        return self._db.execute(query, (*ref, *period, count)).fetchall()

    def begin_digest(self, key: str, start: int, end: int) -> int:
        """Adds a digest without stories; returns its number."""
        insert = "INSERT INTO digest (key, start, updated, data) VALUES (?, ?, ?, x'')"
        return int(self._db.execute(insert, (key, start, end)).lastrowid or 0)

    def add_digest_story(self, digest: int, id_: str) -> int:
        """Notes that a digest holds an item; returns the number for its images."""
        insert = "INSERT INTO digest_story (digest, id) VALUES (?, ?)"
        return -FIRST - int(self._db.execute(insert, (digest, id_)).lastrowid or 0)

    def keep_digest(self, number: int, updated: int, data: bytes) -> None:
        """Keeps what a digest holds now, and since when."""
        update = "UPDATE digest SET (updated, data) = (?, ?) WHERE number = ?"
        self._db.execute(update, (updated, data, number))

    def digest_keys(self) -> set[str]:
        """Returns the keys of the feeds that have digests."""
        return {key for (key,) in self._db.execute("SELECT DISTINCT key FROM digest")}

    def drop_digests(self, key: str, count: int, start: int) -> list[int]:
        """Forgets digests of a feed; returns the numbers of their images.

        The last `count` stay, of those whose period began before `start`.
        """
        query = "SELECT number FROM digest WHERE key = ? AND start < ? ORDER BY start DESC LIMIT ?"
        kept = {number for (number,) in self._db.execute(query, (key, start, count))}
        every = self._db.execute("SELECT number FROM digest WHERE key = ?", (key,)).fetchall()
        dropped: list[int] = []
        for number in {number for (number,) in every} - kept:
            delete = "DELETE FROM digest_story WHERE digest = ? RETURNING number"
            rows = self._db.execute(delete, (number,)).fetchall()
            dropped += (-FIRST - story for (story,) in rows)
            self._db.execute("DELETE FROM digest WHERE number = ?", (number,))
        return dropped

    def digest_data(self, number: int) -> bytes | None:
        """Returns the digest of an entry with this number, in MessagePack; None if it is gone."""
        query = "SELECT data FROM digest WHERE number = ?"
        row: Sequence[bytes] | None = self._db.execute(query, (-FIRST - number,)).fetchone()
        return bytes(row[0]) if row else None
