"""The part of the store for pings that are still to be sent to hubs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from feeds.common.protocols import Ping
from feeds.common.reports import HubReport
from feeds.common.times import from_unix


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
