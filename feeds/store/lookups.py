"""The part of the store that a server reads: what stands in any feed, and which documents went."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

import msgspec

from feeds.common.model import Entry, Feed, FeedSummary


class Lookups:
    """What a server asks the store; of it only `retire` writes."""

    _db: sqlite3.Connection

    def pass_fingerprint(self) -> bytes:
        """Returns something that is different after each pass."""
        row = self._db.execute("SELECT value FROM fact WHERE name = 'report'").fetchone()
        return bytes(row[0]) if row else b""

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

    def image_counts(self) -> dict[str, tuple[int, int]]:
        """Returns how many images there are in each state, and the bytes of their copies.

        The states are those of ``feeds images status``: copy, missing, failed and waiting.
        """
        query = """
            SELECT CASE WHEN name <> '' THEN 'copy' WHEN missing THEN 'missing'
                        WHEN failures THEN 'failed' ELSE 'waiting' END AS state,
                   count(*), sum(length)
            FROM image GROUP BY state
        """
        return {state: (count, length) for state, count, length in self._db.execute(query)}

    def published_feeds(self) -> list[Feed]:
        """Returns all feeds, as they were published."""
        rows = self._db.execute("SELECT summary FROM feed")
        return [msgspec.msgpack.decode(data, type=FeedSummary).feed for (data,) in rows]

    def retire(self, paths: Iterable[str], published: Iterable[str]) -> None:
        """Notes documents below out/ that are gone; those that are `published` are back."""
        insert = "INSERT OR IGNORE INTO retired VALUES (?)"
        self._db.executemany(insert, ((path,) for path in paths))
        for path in self.retired() & set(published):
            self._db.execute("DELETE FROM retired WHERE path = ?", (path,))

    def retired(self) -> set[str]:
        """Returns the paths below out/ of all documents that are gone."""
        return {path for (path,) in self._db.execute("SELECT path FROM retired")}
