"""The part of the store for archives: which item stands in which part of which feed's archives."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

from feeds.common.model import FeedRef, Membership
from feeds.common.order import order_sql
from feeds.common.slugs import ArchivePart
from feeds.store.feed_items import membership_of

_PLACE = "a.kind = s.kind AND a.key = s.key AND a.id = s.id"
_SLOT = "s.kind, s.key, s.published, s.id, s.since, s.updated, s.number, s.digest"
# The order in which the items of a feed qualified for it.
_ORDER = "ORDER BY s.since, s.published, s.id"


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

    def _for_each(self, query: str, values: tuple[int, ...], ids: Iterable[str] | None) -> None:
        if ids is None:
            self._db.execute(query, values)
        else:
            self._db.executemany(f"{query} AND a.id = ?", ((*values, one) for one in ids))

    def feeds_holding(self, ids: Iterable[str] | None) -> set[FeedRef]:
        """Returns the feeds in which one of these items stands; None for any item."""
        query = "SELECT DISTINCT kind, key FROM slot"
        if ids is None:
            return set(self._db.execute(query))
        return {ref for one in ids for ref in self._db.execute(f"{query} WHERE id = ?", (one,))}

    def enter_archives(
        self, ref: FeedRef, ids: Iterable[str] | None, length: int, earliest: str
    ) -> None:
        """Puts the items of a feed that stand in no period into theirs, not sealed.

        Args:
            ref: kind and key of the feed.
            ids: the items to look at, None for all.
            length: how many characters of a date name a period.
            earliest: the earliest period that an item may enter.
        """
        insert = f"""
            INSERT INTO archive (kind, key, period, part, id, updated)
            SELECT s.kind, s.key,
                   max(?, substr(strftime('%Y-%m', s.since, 'unixepoch'), 1, ?)),
                   0, s.id, s.updated
            FROM slot s WHERE (s.kind, s.key) = (?, ?)
            AND NOT EXISTS (SELECT 1 FROM archive a WHERE {_PLACE})
        """  # noqa: S608
        values = (earliest, length, *ref)
        if ids is None:
            self._db.execute(insert, values)
        else:
            self._db.executemany(f"{insert} AND s.id = ?", ((*values, one) for one in ids))

    def feeds_waiting(self) -> set[FeedRef]:
        """Returns the feeds with items that no sealed part holds."""
        return set(self._db.execute("SELECT DISTINCT kind, key FROM archive WHERE part = 0"))

    def waiting(self, ref: FeedRef) -> list[tuple[str, str]]:
        """Returns period and id of the items that no part holds, in the order of qualification."""
        query = f"""
            SELECT a.period, a.id FROM archive a CROSS JOIN slot s ON {_PLACE}
            WHERE (a.kind, a.key) = (?, ?) AND a.part = 0 {_ORDER}
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
        query = f"""
            SELECT {_SLOT} FROM archive a CROSS JOIN slot s ON {_PLACE}
            WHERE (a.kind, a.key, a.period, a.part) = (?, ?, ?, ?) ORDER BY {order_sql("s.")}
        """  # noqa: S608
        return [membership_of(row) for row in self._db.execute(query, (*ref, *part))]

    def unsealed(self, ref: FeedRef) -> list[Membership]:
        """Returns the items of a feed that no sealed part holds."""
        query = f"""
            SELECT {_SLOT} FROM archive a CROSS JOIN slot s ON {_PLACE}
            WHERE (a.kind, a.key) = (?, ?) AND a.part = 0
        """  # noqa: S608
        return [membership_of(row) for row in self._db.execute(query, ref)]

    def edited_since(self, ref: FeedRef, since: int) -> list[tuple[int, Membership]]:
        """Returns the items of sealed parts that were edited since then, with the time."""
        query = f"""
            SELECT a.edited, {_SLOT} FROM archive a CROSS JOIN slot s ON {_PLACE}
            WHERE (a.kind, a.key) = (?, ?) AND a.edited > 0 AND a.edited >= ?
            ORDER BY a.edited DESC, a.id
        """  # noqa: S608
        rows = self._db.execute(query, (*ref, since))
        return [(edited, membership_of(row)) for edited, *row in rows]
