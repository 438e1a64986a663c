"""The part of the store for stories that were withdrawn, and for the feeds that say so."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from feeds.common.archives import ArchivePart
from feeds.common.files import item_digest
from feeds.common.model import Entry, FeedKind, FeedRef, Item
from feeds.common.times import from_unix

# A feed in which a story stood, and the part of its archives; of number 0 if it was in none.
_Place = tuple[FeedRef, ArchivePart]


class WithdrawnStory(msgspec.Struct, frozen=True):
    """A withdrawn story, as people are told of it; `reason` is the seed's own, perhaps empty."""

    id: str
    title: str
    url: str
    at: datetime
    why: str
    reason: str


class Withdrawal(msgspec.Struct, frozen=True):
    """A story that was withdrawn at the time `at`; times in seconds since 1970.

    `why` is ``deleted``, ``unpublished`` or ``excluded``; `data` is its notice in MessagePack.
    """

    id: str
    at: int
    why: str
    published: int
    updated: int
    data: bytes

    @property
    def notice(self) -> Item:
        """The notice, as feeds show it."""
        return msgspec.msgpack.decode(self.data, type=Item)

    def told(self) -> WithdrawnStory:
        """Returns what people are told of it."""
        item, at = self.notice, from_unix(self.at)
        return WithdrawnStory(self.id, item.title, item.url, at, self.why, item.withdrawn_reason)


_COLUMNS = "id, at, why, published, updated, data"
_NOTICE = """
    SELECT at, -number, id, published, updated, data FROM withdrawn_from JOIN withdrawn USING (id)
"""


class Withdrawals:
    """The tables of withdrawn stories. Entries of notices have numbers below 0."""

    _db: sqlite3.Connection

    def withdrawals(self) -> list[Withdrawal]:
        """Returns the stories that were withdrawn and are not back, the last first."""
        query = f"SELECT {_COLUMNS} FROM withdrawn ORDER BY at DESC, id"  # noqa: S608 (our own)
        return [Withdrawal(*row) for row in self._db.execute(query)]

    def shown_times(self, id_: str) -> tuple[int, int]:
        """Returns the dates of an item, published and updated, as readers were shown them."""
        query = "SELECT published, updated FROM memory WHERE id = ?"
        published, updated = self._db.execute(query, (id_,)).fetchone()
        return published, updated

    def withdraw(self, one: Withdrawal, feeds: Iterable[FeedRef]) -> list[_Place]:
        """Keeps a withdrawn story; `feeds` are those it stood in. Returns where its notice stands.

        Its return is an edit, whatever its seed says then.
        """
        insert = f"""
            INSERT INTO withdrawn ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE
            SET (why, updated, data) = (excluded.why, excluded.updated, excluded.data)
        """  # noqa: S608 (names of our own)
        self._db.execute(insert, msgspec.structs.astuple(one))
        rows = ((*ref, one.id) for ref in feeds)
        self._db.executemany("INSERT OR IGNORE INTO withdrawn_from VALUES (?, ?, ?, '', 0)", rows)
        note = """
            UPDATE withdrawn_from AS w SET (period, part) = (a.period, a.part) FROM archive AS a
            WHERE w.id = ? AND (a.kind, a.key, a.id) = (w.kind, w.key, w.id) AND a.part > 0
        """
        self._db.execute(note, (one.id,))
        mark = """
            UPDATE memory
            SET reader_digest = CAST(substr(reader_digest, 1, 1) || 'withdrawn' AS BLOB)
            WHERE id = ?
        """
        self._db.execute(mark, (one.id,))
        query = "SELECT kind, key, period, part FROM withdrawn_from WHERE id = ?"
        return [_place(row) for row in self._db.execute(query, (one.id,))]

    def show_notices(self) -> None:
        """Notes that readers are shown the notices of withdrawn stories, with their dates."""
        update = """
            UPDATE memory AS m SET updated = w.updated FROM withdrawn AS w
            WHERE w.id = m.id AND m.updated < w.updated
        """
        self._db.execute(update)

    def drop_withdrawals(self, ids: Iterable[str]) -> list[_Place]:
        """Forgets withdrawn stories; returns where their notices stood."""
        places = []
        for id_ in ids:
            delete = "DELETE FROM withdrawn_from WHERE id = ? RETURNING kind, key, period, part"
            places += [_place(row) for row in self._db.execute(delete, (id_,)).fetchall()]
            self._db.execute("DELETE FROM withdrawn WHERE id = ?", (id_,))
        return places

    def notices(
        self, kind: FeedKind, key: str, since: int, count: int
    ) -> Sequence[tuple[int, Entry]]:
        """Returns the last notices of a feed since a time, each with the time of its withdrawal."""
        query = f"""
            {_NOTICE} WHERE kind = ? AND key = ? AND at >= ? ORDER BY at DESC, id LIMIT ?
        """
        return [_notice(row) for row in self._db.execute(query, (kind, key, since, count))]

    def notices_in(self, ref: FeedRef, part: ArchivePart) -> list[Entry]:
        """Returns the notices of the stories that stood in a sealed part of a feed's archives."""
        query = f"{_NOTICE} WHERE (kind, key, period, part) = (?, ?, ?, ?) ORDER BY id"
        return [_notice(row)[1] for row in self._db.execute(query, (*ref, *part))]

    def notice_data(self, number: int) -> bytes | None:
        """Returns the notice of an entry with this number, in MessagePack; None if it is gone."""
        query = "SELECT data FROM withdrawn WHERE number = ?"
        row = self._db.execute(query, (-number,)).fetchone()
        return bytes(row[0]) if row else None

    def notices_for(self, paths: Iterable[str]) -> dict[str, tuple[bytes, list[str]]]:
        """Returns the items of seeds, by id, with the names of the feeds that they stand in."""
        query = """
            SELECT s.id, i.data, m.qualified FROM json_each(?) AS one CROSS JOIN seed s
            ON s.path = one.value JOIN item i USING (number) JOIN memory m ON m.id = s.id
            WHERE m.qualified IS NOT NULL AND m.qualified <> CAST('{}' AS BLOB)
        """
        rows = self._db.execute(query, (json.dumps(list(paths)),))
        return {id_: (data, list(msgspec.json.decode(names))) for id_, data, names in rows}


def _notice(row: tuple[Any, ...]) -> tuple[int, Entry]:
    at, number, id_, published, updated, data = row
    return at, Entry(number, id_, published, updated, item_digest(data))


def _place(row: tuple[Any, ...]) -> _Place:
    kind, key, period, part = row
    return (kind, key), ArchivePart(period, part)
