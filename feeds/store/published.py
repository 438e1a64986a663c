"""The part of the store for what out/ holds, and for the pings that tell hubs what changed in it.

A row of a sealed part of archives is marked, so that passes can leave these aside, which most of
them do: there may be many times as many as all other documents (see `feeds.pipeline.state`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from feeds.common.files import Fingerprint
from feeds.common.model import Feed, FeedKind, FeedRef, FeedSummary
from feeds.common.reports import HubReport
from feeds.common.store_protocols import Ping
from feeds.common.times import from_unix

_AMONG = "{} IN (SELECT value FROM json_each(?))"

# Asks for the rows that are not sealed.
OPEN: frozenset[str] = frozenset()


class ListedFeed(NamedTuple):
    """A feed in the catalogue; `page` is that of the part in which it is listed, "" for none."""

    kind: FeedKind
    key: str
    address: str
    entries: int
    page: str


class PublishedFiles:
    """The tables of feeds and files.

    `which` rows are asked for: those of these addresses or paths, None for all, or `OPEN`.
    """

    _db: sqlite3.Connection

    def feeds(self, which: Collection[str] | None = None) -> dict[str, tuple[bytes, FeedSummary]]:
        """Returns the key under which each feed was rendered last, and its summary, by address."""
        rows = self._rows("SELECT address, key, summary FROM feed", "address", which)
        return {address: (key, _decode_summary(data)) for address, key, data in rows}

    def published_feeds(self) -> list[Feed]:
        """Returns all feeds, parts of archives included, as they were published."""
        rows = self._db.execute("SELECT summary FROM feed")
        return [_decode_summary(data).feed for (data,) in rows]

    def keep_feed(self, key: bytes, summary: FeedSummary) -> None:
        """Keeps what was published of a feed."""
        insert = "INSERT OR REPLACE INTO feed (address, key, summary) VALUES (?, ?, ?)"
        row = (summary.feed.address, key, msgspec.msgpack.encode(summary))
        self._db.execute(insert, row)

    def drop_feeds(self, addresses: Iterable[str]) -> None:
        """Forgets feeds that are published no more."""
        self._db.executemany("DELETE FROM feed WHERE address = ?", ((one,) for one in addresses))

    def fingerprints(self, which: Collection[str] | None = None) -> dict[str, Fingerprint]:
        """Returns the fingerprint of each published file, by its path below out/."""
        query = "SELECT path, size, mtime_ns, inode FROM document"
        rows = self._rows(query, "path", which)
        return {path: Fingerprint(*values) for path, *values in rows}

    def keep_fingerprints(
        self, fingerprints: dict[str, Fingerprint], before: dict[str, Fingerprint]
    ) -> None:
        """Keeps the fingerprints of files in out/, of which `before` was kept so far."""
        gone = ((path,) for path in before.keys() - fingerprints.keys())
        self._db.executemany("DELETE FROM document WHERE path = ?", gone)
        changed = fingerprints.items() - before.items()
        rows = ((path, *fingerprint) for path, fingerprint in changed)
        insert = "INSERT OR REPLACE INTO document (path, size, mtime_ns, inode) VALUES (?, ?, ?, ?)"
        self._db.executemany(insert, rows)

    def sealed_documents(self) -> list[str]:
        """Returns the paths of all documents of sealed parts, in their order."""
        query = "SELECT path FROM document WHERE sealed ORDER BY path"
        return [path for (path,) in self._db.execute(query)]

    def feed_images(self, which: Collection[str] | None = None) -> dict[str, tuple[str, ...]]:
        """Returns the copies that the documents of each feed name, by the feed's address."""
        rows = self._rows("SELECT address, names FROM feed_image", "address", which)
        return {address: _decode_names(names) for address, names in rows}

    def keep_feed_images(
        self, names: dict[str, tuple[str, ...]], before: dict[str, tuple[str, ...]]
    ) -> None:
        """Keeps which copies the documents of feeds name; `before` is what was kept so far."""
        gone = ((address,) for address in before if not names.get(address))
        self._db.executemany("DELETE FROM feed_image WHERE address = ?", gone)
        rows = (
            (address, msgspec.msgpack.encode(some))
            for address, some in names.items()
            if some and some != before.get(address)
        )
        insert = "INSERT OR REPLACE INTO feed_image (address, names) VALUES (?, ?)"
        self._db.executemany(insert, rows)

    def images_elsewhere(self, without: Iterable[str]) -> set[str]:
        """Returns the copies that feeds name, `without` those at these addresses."""
        query = f"SELECT names FROM feed_image WHERE NOT {_AMONG.format('address')}"  # noqa: S608
        rows = self._db.execute(query, (json.dumps(list(without)),))
        return {name for (names,) in rows for name in _decode_names(names)}

    def mark_sealed(self, addresses: Iterable[str], documents: Iterable[str]) -> None:
        """Marks the rows of sealed parts, and of their documents."""
        for table, column, values in (
            ("feed", "address", list(addresses)),
            ("feed_image", "address", list(addresses)),
            ("document", "path", list(documents)),
        ):
            update = f"UPDATE {table} SET sealed = 1 WHERE {_AMONG.format(column)} AND NOT sealed"  # noqa: S608
            self._db.execute(update, (json.dumps(values),))

    def keep_catalogue(self, feeds: Iterable[ListedFeed]) -> None:
        """Replaces the catalogue."""
        rows, known = set(feeds), set(self._db.execute("SELECT * FROM catalogue"))
        delete = "DELETE FROM catalogue WHERE kind = ? AND key = ?"
        self._db.executemany(delete, (row[:2] for row in known - rows))
        self.update_catalogue(rows - known)

    def update_catalogue(self, feeds: Iterable[ListedFeed]) -> None:
        """Replaces the rows of these feeds."""
        self._db.executemany("INSERT OR REPLACE INTO catalogue VALUES (?, ?, ?, ?, ?)", feeds)

    def listed(self, refs: Iterable[FeedRef]) -> dict[FeedRef, ListedFeed]:
        """Returns the rows of those of these feeds that are in the catalogue."""
        query = "SELECT * FROM catalogue WHERE kind = ? AND key = ?"
        return {ref: ListedFeed(*row) for ref in refs for row in self._db.execute(query, ref)}

    def listed_on(self, page: str) -> list[str]:
        """Returns the addresses of the feeds that a page lists."""
        query = "SELECT address FROM catalogue WHERE page = ?"
        return [address for (address,) in self._db.execute(query, (page,))]

    def listed_count(self, kind: FeedKind) -> int:
        """Returns how many feeds of a kind have entries."""
        query = "SELECT count(*) FROM catalogue WHERE kind = ? AND entries > 0"
        return int(self._db.execute(query, (kind,)).fetchone()[0])

    def largest(self, kind: FeedKind) -> Iterator[tuple[int, str]]:
        """Yields the number of entries and the address of feeds of a kind, the largest first."""
        query = "SELECT entries, address FROM catalogue WHERE kind = ? AND entries > 0 "
        return self._db.execute(query + "ORDER BY entries DESC, address", (kind,))

    def retire(self, paths: Iterable[str], published: Iterable[str]) -> None:
        """Notes documents below out/ that are gone; those that are `published` are back."""
        insert = "INSERT OR IGNORE INTO retired VALUES (?)"
        self._db.executemany(insert, ((path,) for path in paths))
        for path in self.retired() & set(published):
            self._db.execute("DELETE FROM retired WHERE path = ?", (path,))

    def retired(self) -> set[str]:
        """Returns the paths below out/ of all documents that are gone."""
        return {path for (path,) in self._db.execute("SELECT path FROM retired")}

    def _rows(self, query: str, column: str, which: Collection[str] | None) -> sqlite3.Cursor:
        if which is None:
            return self._db.execute(query)
        if which is OPEN:
            return self._db.execute(f"{query} WHERE NOT sealed")
        where = f"WHERE {_AMONG.format(column)}"
        return self._db.execute(f"{query} {where}", (json.dumps(list(which)),))


_decode_summary = msgspec.msgpack.Decoder(FeedSummary).decode
_decode_names = msgspec.msgpack.Decoder(tuple[str, ...]).decode


class HubPings:
    """The pings to send to hubs, one for each changed document. All times are seconds since 1970.

    There is one ping at most for a hub and a document: a newer change takes the place of an older
    one. A hub that cannot be reached *rests*, with all its pings.
    """

    _db: sqlite3.Connection

    def drop_pings_but(self, hubs: Sequence[str], urls: Iterable[str]) -> None:
        """Drops pings to other hubs than these, and for documents at other addresses."""
        known = set(urls)
        for number, hub, url in self._db.execute("SELECT number, hub, url FROM ping").fetchall():
            if hub not in hubs or url not in known:
                self.drop_ping(number)
        for (hub,) in self._db.execute("SELECT url FROM hub").fetchall():
            if hub not in hubs:
                self.reset_hub(hub)

    def queue_pings(self, hubs: Sequence[str], changed: Iterable[str], now: int) -> None:
        """Notes, for each hub, that the documents at these addresses have `changed`."""
        rows = [(hub, url, now, now) for url in changed for hub in hubs]
        insert = "INSERT OR REPLACE INTO ping (hub, url, since, due) VALUES (?, ?, ?, ?)"
        self._db.executemany(insert, rows)

    def ping_count(self) -> int:
        """Returns how many pings wait to be sent."""
        (count,) = self._db.execute("SELECT count(*) FROM ping").fetchone()
        return int(count)

    def due_pings(self, hub: str, now: int, far: int, after: int, count: int) -> list[Ping]:
        """Returns up to `count` pings of a hub that are due, oldest first, from a number on.

        What is due later than `far` is taken to be due now.
        """
        query = """
            SELECT number, url, failures FROM ping
            WHERE hub = ? AND number > ? AND (due <= ? OR due > ?) ORDER BY number LIMIT ?
        """
        return [Ping(*row) for row in self._db.execute(query, (hub, after, now, far, count))]

    def drop_ping(self, number: int) -> None:
        """Forgets a ping: it was delivered, or never will be."""
        self._db.execute("DELETE FROM ping WHERE number = ?", (number,))

    def put_off_ping(self, number: int, due: int, error: str) -> None:
        """Notes that a ping failed, and when it is to be tried again."""
        update = "UPDATE ping SET failures = failures + 1, due = ?, error = ? WHERE number = ?"
        self._db.execute(update, (due, error, number))

    def old_pings(self, hub: str, since: int) -> list[Ping]:
        """Returns the pings of a hub for changes before `since`."""
        query = "SELECT number, url, failures FROM ping WHERE hub = ? AND since < ? ORDER BY number"
        return [Ping(*row) for row in self._db.execute(query, (hub, since))]

    def rest_of(self, hub: str) -> tuple[int, int]:
        """Returns how often a hub failed in a row, and until when it rests."""
        row = self._db.execute("SELECT failures, until FROM hub WHERE url = ?", (hub,)).fetchone()
        return row or (0, 0)

    def back_off(self, hub: str, until: int, error: str) -> None:
        """Notes that a hub failed, and until when it is left alone."""
        upsert = """
            INSERT INTO hub (url, failures, until, error) VALUES (?, 1, ?, ?) ON CONFLICT (url)
            DO UPDATE SET failures = failures + 1, until = excluded.until, error = excluded.error
        """
        self._db.execute(upsert, (hub, until, error))

    def reset_hub(self, hub: str) -> None:
        """Notes that a hub answers."""
        self._db.execute("DELETE FROM hub WHERE url = ?", (hub,))

    def hub_reports(self) -> list[HubReport]:
        """Returns what waits to be sent to each hub; hubs without pings are left out.

        The list is empty if the file is damaged; the next pass will say so.
        """
        query = """
            SELECT ping.hub, count(*), min(since), max(min(due), coalesce(hub.until, 0)),
                   coalesce(hub.error, max(ping.error), '')
            FROM ping LEFT JOIN hub ON hub.url = ping.hub GROUP BY ping.hub ORDER BY ping.hub
        """
        try:
            rows = self._db.execute(query).fetchall()
        except sqlite3.DatabaseError:
            return []
        return [
            HubReport(hub, pending, from_unix(oldest), from_unix(due), error)
            for hub, pending, oldest, due, error in rows
        ]
