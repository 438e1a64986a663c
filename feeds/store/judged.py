"""The part of the store for what a first pass finds of items while it still reads others."""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec

from feeds.common.model import ItemHistory, Membership
from feeds.store.feed_items import FeedItems

# What is known of an item: the path of its seed, its history, and its memberships.
Found = tuple[str, ItemHistory | None, list[Membership]]


class Judged(FeedItems):
    """Histories and memberships that wait until all seeds are read."""

    def keep_judged(self, key: int, found: Iterable[Found]) -> None:
        """Keeps what the pass with this key found of items."""
        query = """
            INSERT OR REPLACE INTO judged SELECT number, ?, ?, ?, ?, ?, ? FROM seed WHERE path = ?
        """
        self._db.executemany(query, (_row(key, *one) for one in found))

    def take_judged(self, key: int, now: int, without: Iterable[str]) -> bool:
        """Puts items into the feeds, which are empty, that the pass with this key found.

        They count as seen first `now`, in seconds since 1970; ids in `without` are left out.
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
                INSERT INTO slot SELECT json_extract(place.value, '$[0]'),
                json_extract(place.value, '$[1]'), published, seed.id,
                json_extract(place.value, '$[2]'), updated, number, digest
                FROM json_each(places) AS place, judged JOIN seed {those} ORDER BY 1, 2, 3 DESC, 4
            """  # noqa: S608 (names of our own)
            self._db.execute(query, (left_out,))
        self._db.execute("DELETE FROM judged")
        return bool(items == judged)


def _row(
    key: int, path: str, history: ItemHistory | None, memberships: list[Membership]
) -> tuple[int | str | bytes | None, ...]:
    places = _encode([(one.kind, one.key, one.since) for one in memberships])
    if history is None:
        return key, None, None, None, None, places, path
    qualified = _encode(history.qualified)
    return key, history.published, history.updated, history.digest, qualified, places, path


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()
