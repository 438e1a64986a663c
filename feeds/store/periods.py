"""The part of the store for the items of archives by period, and for digests of ended periods."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence

import msgspec

from feeds.common.archives import ArchivePart
from feeds.common.model import FeedRef, Membership
from feeds.common.order import order_sql
from feeds.store.feed_items import membership_of

_PLACE = "a.kind = s.kind AND a.key = s.key AND a.id = s.id"
# The items in the archives of a feed, each with the time at which it was edited.
_ARCHIVED = f"""
    SELECT a.edited, s.kind, s.key, s.published, s.id, s.since, s.updated, s.number, s.digest
    FROM archive a CROSS JOIN slot s ON {_PLACE} WHERE (a.kind, a.key) = (?, ?)
"""  # noqa: S608 (names of our own)


class Archives:
    """The table of archives; items are rows of `slot` as long as they stand in the feed."""

    _db: sqlite3.Connection

    def drop_archives(self, keeps: Callable[[FeedRef, str], bool]) -> None:
        """Forgets the archives of the feeds for which `keeps` is not true of a period."""
        rows = self._db.execute("SELECT DISTINCT kind, key, period FROM archive").fetchall()
        gone = [row for row in rows if not keeps((row[0], row[1]), row[2])]
        self._db.executemany("DELETE FROM archive WHERE (kind, key, period) = (?, ?, ?)", gone)

    def newest_period(self, ref: FeedRef) -> str:
        """Returns the newest period of a feed's archives, ``""`` if it has none."""
        query = "SELECT max(period) FROM archive WHERE (kind, key) = (?, ?)"
        return self._db.execute(query, ref).fetchone()[0] or ""

    def sealed_periods(self) -> list[str]:
        """Returns the periods in which any feed has a sealed part."""
        rows = self._db.execute("SELECT DISTINCT period FROM archive WHERE id = ''")
        return [period for (period,) in rows]

    def parts_of(self, ref: FeedRef) -> list[ArchivePart]:
        """Returns the sealed parts of a feed."""
        query = "SELECT period, part FROM archive WHERE (kind, key) = (?, ?) AND id = ''"
        return [ArchivePart(*row) for row in self._db.execute(query, ref)]

    def sealed_parts(self) -> dict[FeedRef, list[ArchivePart]]:
        """Returns all sealed parts, by kind and key of their feeds."""
        found: dict[FeedRef, list[ArchivePart]] = {}
        query = "SELECT kind, key, period, part FROM archive WHERE id = ''"
        for kind, key, period, part in self._db.execute(query):
            found.setdefault((kind, key), []).append(ArchivePart(period, part))
        return found

    def parts_with(self, ids: Iterable[str]) -> set[tuple[FeedRef, ArchivePart]]:
        """Returns the sealed parts that hold one of these items."""
        query = "SELECT kind, key, period, part FROM archive WHERE id = ? AND part > 0"
        rows = (row for one in ids for row in self._db.execute(query, (one,)))
        return {((kind, key), ArchivePart(period, part)) for kind, key, period, part in rows}

    def ids_with_image_news(self) -> set[str]:
        """Returns the items whose images came, went or changed."""
        query = """
            SELECT DISTINCT seed.id FROM image
            CROSS JOIN image_use ON image_use.key = image.key CROSS JOIN seed USING (number)
            WHERE image.news AND seed.id IS NOT NULL
        """
        return {id_ for (id_,) in self._db.execute(query)}

    def leave_archives(self, ids: Iterable[str] | None) -> None:
        """Takes items, None for all, out of the archives of feeds where they stand no more."""
        delete = f"""
            DELETE FROM archive AS a
            WHERE a.id <> '' AND NOT EXISTS (SELECT 1 FROM slot s WHERE {_PLACE})
        """  # noqa: S608 (names of our own)
        self._for_each(delete, (), ids)

    def note_edited(self, ids: Iterable[str] | None, now: int) -> None:
        """Notes which of these items, None for all, changed for readers since the last pass."""
        update = f"""
            UPDATE archive AS a SET updated = s.updated, edited = iif(a.part > 0, ?, 0)
            FROM slot s WHERE {_PLACE} AND a.updated <> s.updated
        """  # noqa: S608
        self._for_each(update, (now,), ids)

    def _for_each(
        self, query: str, values: tuple[int | str, ...], ids: Iterable[str] | None, row: str = "a"
    ) -> None:
        if ids is None:
            self._db.execute(query, values)
        else:
            self._db.executemany(f"{query} AND {row}.id = ?", ((*values, one) for one in ids))

    def feeds_holding(self, ids: Iterable[str] | None) -> set[FeedRef]:
        """Returns the feeds in which one of these items stands; None for any item."""
        query = "SELECT DISTINCT kind, key FROM slot"
        if ids is None:
            return set(self._db.execute(query))
        return {ref for one in ids for ref in self._db.execute(f"{query} WHERE id = ?", (one,))}

    def enter_archives(
        self, ref: FeedRef, ids: Iterable[str] | None, length: int, earliest: str
    ) -> None:
        """Puts those of these items of a feed (None for all) that stand in no period into theirs.

        So many characters of a date (`length`) name a period; none enters one before `earliest`.
        """
        insert = f"""
            INSERT INTO archive (kind, key, period, part, id, updated)
            SELECT s.kind, s.key,
                   max(?, substr(strftime('%Y-%m', s.since, 'unixepoch'), 1, ?)),
                   0, s.id, s.updated
            FROM slot s WHERE (s.kind, s.key) = (?, ?)
            AND NOT EXISTS (SELECT 1 FROM archive a WHERE {_PLACE})
        """  # noqa: S608
        self._for_each(insert, (earliest, length, *ref), ids, row="s")

    def feeds_waiting(self) -> set[FeedRef]:
        """Returns the feeds with items that no sealed part holds."""
        return set(self._db.execute("SELECT DISTINCT kind, key FROM archive WHERE part = 0"))

    def waiting(self, ref: FeedRef) -> list[tuple[str, str]]:
        """Returns period and id of the items that no part holds, in the order of qualification."""
        query = f"""
            SELECT a.period, a.id FROM archive a CROSS JOIN slot s ON {_PLACE}
            WHERE (a.kind, a.key) = (?, ?) AND a.part = 0 ORDER BY s.since, s.published, s.id
        """  # noqa: S608
        return self._db.execute(query, ref).fetchall()

    def last_part(self, ref: FeedRef, period: str) -> int:
        """Returns the number of the last sealed part of a period, 0 for none."""
        query = "SELECT max(part) FROM archive WHERE (kind, key, period) = (?, ?, ?) AND id = ''"
        return self._db.execute(query, (*ref, period)).fetchone()[0] or 0

    def seal(self, ref: FeedRef, part: ArchivePart, ids: Iterable[str]) -> None:
        """Puts items that wait into a new part."""
        update = """
            UPDATE archive SET part = ?
            WHERE (kind, key, period, part, id) = (?, ?, ?, 0, ?)
        """
        rows = ((part.number, *ref, part.period, id_) for id_ in ids)
        self._db.executemany(update, rows)
        insert = (
            "INSERT INTO archive (kind, key, period, part, id, updated) VALUES (?, ?, ?, ?, '', 0)"
        )
        self._db.execute(insert, (*ref, part.period, part.number))

    def members_of(self, ref: FeedRef, part: ArchivePart) -> list[Membership]:
        """Returns the items of a part, in the order of feeds."""
        query = f"{_ARCHIVED} AND (a.period, a.part) = (?, ?) ORDER BY {order_sql('s.')}"
        return [membership_of(row) for _, *row in self._db.execute(query, (*ref, *part))]

    def unsealed(self, ref: FeedRef) -> list[Membership]:
        """Returns the items of a feed that no sealed part holds."""
        rows = self._db.execute(f"{_ARCHIVED} AND a.part = 0", ref)
        return [membership_of(row) for _, *row in rows]

    def edited_since(self, ref: FeedRef, since: int) -> list[tuple[int, Membership]]:
        """Returns the items of sealed parts that were edited since then, with the time."""
        query = f"{_ARCHIVED} AND a.edited > 0 AND a.edited >= ? ORDER BY a.edited DESC, a.id"
        rows = self._db.execute(query, (*ref, since))
        return [(edited, membership_of(row)) for edited, *row in rows]


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
