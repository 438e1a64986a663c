"""The part of the store that selection works on: headers, histories, memberships, feeds."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any, cast

import msgspec

from feeds.common.model import (
    Entry,
    FeedKind,
    FeedRef,
    ItemHeader,
    ItemHistory,
    Membership,
    Provider,
)
from feeds.common.order import order_sql
from feeds.common.text import fold

_HEADER = """
    SELECT s.number, s.shown, s.id, s.dated, s.stamp, s.quality, s.heat, s.is_published, s.domain,
           s.provider, s.topics, s.category, s.digest, s.reader_digest, s.tags, s.locale,
           m.published, m.updated, m.reader_digest, m.qualified
    FROM seed s LEFT JOIN memory m ON m.id = s.id
"""
_PAGE = 1000
_TALLIED = "SELECT name, n FROM tally WHERE kind = ?"
# What a first pass finds of an item: the path of its seed, and its history.
Found = tuple[str, ItemHistory | None]


class FeedItems:
    """The tables of items and memberships: selection reads and writes them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._path = connection.execute("PRAGMA database_list").fetchone()[2]

    def item_headers(self) -> Iterator[ItemHeader]:
        """Yields the headers of all items, in path order."""
        query = f"{_HEADER} WHERE s.id IS NOT NULL ORDER BY s.path"
        return map(_header, self._db.execute(query))

    def header_pages(self) -> Iterator[list[ItemHeader]]:
        """Yields the headers of all items in pages, between which the store may be written."""
        last = 0
        query = f"{_HEADER} WHERE s.id IS NOT NULL AND s.number > ? ORDER BY s.number LIMIT {_PAGE}"
        while rows := self._db.execute(query, (last,)).fetchall():
            last = rows[-1][0]
            yield [_header(row) for row in rows]

    def headers_of(self, ids: Iterable[str]) -> list[ItemHeader]:
        """Returns the headers of the items with these ids, in path order."""
        query = f"{_HEADER} WHERE s.id = ? ORDER BY s.path"
        return [_header(row) for id_ in ids for row in self._db.execute(query, (id_,))]

    def headers_at(self, paths: Iterable[str]) -> list[ItemHeader]:
        """Returns the headers of the items of the seeds at these paths."""
        query = f"{_HEADER} WHERE s.path = ? AND s.id IS NOT NULL"
        return [_header(row) for path in paths for row in self._db.execute(query, (path,))]

    def headers_with(self, text: str) -> list[ItemHeader]:
        """Returns the headers of the items that hold a text, in path order; looks at all items."""
        found = "SELECT number FROM item WHERE instr(data, CAST(? AS BLOB))"
        query = f"{_HEADER} WHERE s.id IS NOT NULL AND s.number IN ({found}) ORDER BY s.path"
        return [_header(row) for row in self._db.execute(query, (text,))]

    def item_ids(self) -> Iterator[str]:
        """Yields the ids of all items, each once, in order."""
        query = "SELECT DISTINCT id FROM seed WHERE id IS NOT NULL ORDER BY id"
        return (id_ for (id_,) in self._db.execute(query))

    def repeated_ids(self, among: Iterable[str] | None = None) -> set[str]:
        """Returns the ids, of all or of these, that more than one seed has."""
        query, values = "SELECT id FROM seed WHERE id IS NOT NULL", tuple[str, ...]()
        if among is not None:
            query += " AND id IN (SELECT value FROM json_each(?))"
            values = (json.dumps(list(among)),)
        rows = self._db.execute(f"{query} GROUP BY id HAVING count(*) > 1", values)
        return {id_ for (id_,) in rows}

    def ids_dated(self, after: int, upto: int) -> set[str]:
        """Returns the ids of published items with a date in this interval."""
        query = "SELECT id FROM seed WHERE is_published AND dated > ? AND dated <= ?"
        return {id_ for (id_,) in self._db.execute(query, (after, upto))}

    def next_dated(self, after: int) -> int | None:
        """Returns the first date of a published item after this one."""
        query = "SELECT min(dated) FROM seed WHERE is_published AND dated > ?"
        return cast("int | None", self._db.execute(query, (after,)).fetchone()[0])

    def topic_names(self, now: int) -> dict[str, int]:
        """Returns how often published items name a topic so."""
        counts = Counter[str](dict(self._db.execute(_TALLIED, ("topic",))))
        for topics, _, _ in self._undue(now):
            counts.subtract(_names(topics))
        return +counts

    def provider_names(self, now: int) -> dict[tuple[str, str], int]:
        """Returns how often published items name the provider of a domain so."""
        query = "SELECT key, name, n FROM tally WHERE kind = 'provider'"
        counts = Counter({(domain, name): n for domain, name, n in self._db.execute(query)})
        counts.subtract((domain, name) for _, domain, name in self._undue(now))
        return +counts

    def _undue(self, now: int) -> Iterator[tuple[str, str, str]]:
        """Yields the names in published items that are dated in the future (see `is_due`)."""
        query = """
            SELECT topics, domain, provider FROM seed LEFT JOIN memory USING (id)
            WHERE is_published AND dated > ? AND dated IS NOT published
        """
        return self._db.execute(query, (now,))

    def mark_first_seen(self, ids: Iterable[str], now: int) -> None:
        """Remembers when items were first seen, for those of them that are new."""
        insert = "INSERT OR IGNORE INTO memory (id, first_seen) VALUES (?, ?)"
        self._db.executemany(insert, ((id_, now) for id_ in ids))

    def remember(self, histories: dict[str, ItemHistory]) -> None:
        """Keeps the histories of these items, by id."""
        update = """
            UPDATE memory SET (published, updated, reader_digest, qualified) = (?, ?, ?, ?)
            WHERE id = ?
        """
        rows = (
            (one.published, one.updated, one.digest, msgspec.json.encode(one.qualified), id_)
            for id_, one in histories.items()
        )
        self._db.executemany(update, rows)

    def reset_memberships(self, ids: Iterable[str]) -> None:
        """Notes which of these items no seed has any more: should they come again, they are new."""
        update = """
            UPDATE memory SET qualified = ? WHERE id = ? AND qualified IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM seed WHERE seed.id = memory.id)
        """
        self._db.executemany(update, ((b"{}", id_) for id_ in ids))

    def clear_memberships(self) -> None:
        """Empties all feeds."""
        self._db.execute("DELETE FROM slot")

    def remove_memberships(self, ids: Iterable[str]) -> set[tuple[FeedKind, str, str]]:
        """Takes items out of all feeds; returns kind and key of the feed, and the id, of each."""
        delete = "DELETE FROM slot WHERE id = ? RETURNING kind, key, id"
        return {place for id_ in ids for place in self._db.execute(delete, (id_,)).fetchall()}

    def add_memberships(self, memberships: Iterable[Membership]) -> None:
        """Puts items into feeds."""
        insert = "INSERT INTO slot VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        self._db.executemany(insert, map(_row, memberships))

    def newest(self, kind: FeedKind, key: str, count: int) -> list[Membership]:
        """Returns the newest items of a feed, in its order."""
        query = f"SELECT * FROM slot WHERE kind = ? AND key = ? ORDER BY {order_sql()} LIMIT ?"  # noqa: S608
        return [membership_of(row) for row in self._db.execute(query, (kind, key, count))]

    def recently_qualified(self, kind: FeedKind, key: str, since: int) -> list[Membership]:
        """Returns the items that qualified for a feed since then, in its order."""
        # "+" keeps SQLite from reading the whole feed, for it to be in order already.
        query = f"""
            SELECT * FROM slot WHERE kind = ? AND key = ? AND since >= ? ORDER BY {order_sql("+")}
        """  # noqa: S608
        return [membership_of(row) for row in self._db.execute(query, (kind, key, since))]

    def owners(self) -> dict[str, FeedRef]:
        """Returns the feed that owns each address that was made of a name, the oldest first."""
        rows = self._db.execute("SELECT address, kind, name FROM address ORDER BY rowid")
        return {address: (kind, name) for address, kind, name in rows}

    def keep_owners(self, owners: dict[str, FeedRef]) -> None:
        """Keeps the owners of these addresses; an address that has one keeps it."""
        insert = "INSERT OR IGNORE INTO address VALUES (?, ?, ?)"
        self._db.executemany(insert, ((one, *owner) for one, owner in owners.items()))

    def is_non_empty(self, ref: FeedRef) -> bool:
        """Tells whether a feed has items."""
        query = "SELECT 1 FROM slot WHERE kind = ? AND key = ? LIMIT 1"
        return self._db.execute(query, ref).fetchone() is not None

    def feeds_naming(self, topics: set[str], domains: set[str]) -> set[FeedRef]:
        """Returns the feeds that hold items which name one of these topics (folded) or domains."""
        rows = self._db.execute("SELECT DISTINCT topics FROM seed WHERE topics IS NOT NULL")
        named = [data for (data,) in rows if not topics.isdisjoint(map(fold, _names(data)))]
        feeds: set[FeedRef] = set()
        for column, values in (("topics", named), ("domain", domains)):
            query = f"""
                SELECT DISTINCT kind, key FROM slot
                WHERE id IN (SELECT id FROM seed WHERE {column} = ?)
            """  # noqa: S608 (names of our own)
            for value in values:
                feeds.update(self._db.execute(query, (value,)))
        return feeds

    def names_of(self, number: int) -> tuple[tuple[str, ...], str]:
        """Returns the topics and the provider's domain that the item of a seed names."""
        query = "SELECT topics, domain FROM seed WHERE number = ?"
        topics, domain = self._db.execute(query, (number,)).fetchone() or ("[]", "")
        return _names(topics), domain

    def keep_judged(self, key: int, found: Iterable[Found]) -> None:
        """Keeps what the pass with this key found of items."""
        query = """
            INSERT OR REPLACE INTO judged SELECT number, ?, ?, ?, ?, ? FROM seed WHERE path = ?
        """
        self._db.executemany(query, (_judged_row(key, *one) for one in found))

    def take_judged(
        self, key: int, now: int, without: Iterable[str], kinds: Mapping[str, FeedKind]
    ) -> bool:
        """Puts items into the feeds, which are empty, that the pass with this key found.

        They count as seen first `now`, in seconds since 1970; ids in `without` are left out.
        `kinds` are those of feeds by the first character of the names that histories have for them.
        Returns False if the pass did not judge each item; then nothing is done.
        """
        query = (
            "SELECT count(id), count(pass = ? OR NULL) FROM seed LEFT JOIN judged USING (number)"
        )
        items, judged = self._db.execute(query, (key,)).fetchone()
        if items == judged:
            those = "USING (number) WHERE seed.id NOT IN (SELECT value FROM json_each(?))"
            query = f"""
                INSERT INTO memory SELECT seed.id, ?, published, updated, judged.reader_digest,
                CAST(qualified AS BLOB) FROM judged JOIN seed {those} ORDER BY 1
            """  # noqa: S608 (names of our own)
            left_out = json.dumps(list(without))
            self._db.execute(query, (now, left_out))
            query = f"""
                INSERT INTO slot
                SELECT CASE substr(feed.key, 1, 1) {"WHEN ? THEN ? " * len(kinds)} END,
                substr(feed.key, 2), published, seed.id, feed.value, updated, number, digest
                FROM json_each(qualified) AS feed, judged JOIN seed {those} ORDER BY 1, 2, 3 DESC, 4
            """  # noqa: S608 (names of our own)
            self._db.execute(query, (*chain.from_iterable(kinds.items()), left_out))
        self._db.execute("DELETE FROM judged")
        return bool(items == judged)


def _header(row: tuple[Any, ...]) -> ItemHeader:
    number, path, id_, dated, revised, quality, heat, is_published = row[:8]
    domain, name, topics, category, digest, reader_digest, tags, locale = row[8:16]
    published, updated, shown, qualified = row[16:]
    history = None
    if published is not None:
        history = ItemHistory(published, updated, shown, _decode_qualified(qualified))
    named = (bool(is_published), _provider(name, domain), _names(topics), category)
    rest = (history, _names(tags or "[]"), locale or "")
    first = (number, path, id_, dated, revised, quality, heat)
    return ItemHeader(*first, *named, digest, reader_digest, *rest)


def membership_of(row: Sequence[Any]) -> Membership:
    """Returns the membership of a row of `slot`."""
    kind, key, published, id_, since, updated, number, digest = row
    return Membership(kind, key, Entry(number, id_, published, updated, digest), since)


def _judged_row(
    key: int, path: str, history: ItemHistory | None
) -> tuple[int | str | bytes | None, ...]:
    if history is None:
        return key, None, None, None, None, path
    qualified = msgspec.json.encode(history.qualified).decode()
    return key, history.published, history.updated, history.digest, qualified, path


_row = attrgetter(
    *("kind", "key", "entry.published", "entry.id"),
    *("since", "entry.updated", "entry.number", "entry.digest"),
)
_decode_qualified = msgspec.json.Decoder(dict[str, int]).decode


@lru_cache(maxsize=65536)
def _names(data: str) -> tuple[str, ...]:
    return msgspec.json.decode(data, type=tuple[str, ...])


@lru_cache(maxsize=65536)
def _provider(name: str, domain: str) -> Provider:
    return Provider(name, domain)
