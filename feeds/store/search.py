"""The index that queries search: the words of the items that stand in any feed (FTS5).

It is brought up to the state file when somebody asks, by what changed since; a pass has no part in
it, and a site without queries does not pay for them.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds.common.media import Picture
from feeds.common.model import Entry, Feed, Item
from feeds.common.order import order_sql
from feeds.store.server_files import changes, open_derived, remove_derived, with_state
from feeds.store.store import Store

_SCHEMA = """
    CREATE TABLE entry (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        published INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        digest BLOB NOT NULL,
        quality INTEGER NOT NULL,
        item BLOB NOT NULL
    ) STRICT;
    CREATE INDEX entry_published ON entry (published DESC, id);
    CREATE TABLE place (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        id TEXT NOT NULL,
        PRIMARY KEY (kind, key, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX place_id ON place (id, kind, key);
    CREATE TABLE picture (number INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
    CREATE TABLE feed (data BLOB NOT NULL) STRICT;
    CREATE TABLE synced (mark BLOB NOT NULL, changed INTEGER NOT NULL, edition INTEGER NOT NULL)
        STRICT;
    CREATE VIRTUAL TABLE words USING fts5 (
        title, excerpt, body, content = '', tokenize = 'unicode61 remove_diacritics 2'
    )
"""
_VERSION = 3
_TAG = re.compile(r"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")
_EVERY = "quality >= ?"
# How often, in steps of SQLite's machine, a search asks whether its time is over.
_STEPS = 2000
_MOST_FACETS = 30


class TooLongError(Exception):
    """A search took more time than it was given."""


class SearchRequest(NamedTuple):
    """The conditions of a query; `words` is an FTS5 expression, empty for no condition."""

    topics: tuple[str, ...]
    providers: tuple[str, ...]
    min_quality: int
    words: str
    limit: int


class SearchResult(NamedTuple):
    """The entries of a query in the order of feeds, and the item of each by its number.

    `images` are those of items that have any (see `Store.pictures`); of their copies only those
    have a name that a document of the site shows: no other stands in out/.
    """

    entries: tuple[Entry, ...]
    items: dict[int, Item]
    images: dict[int, list[tuple[bool, Picture]]]


class Facets(NamedTuple):
    """How many stories a query finds in all, and how many of them each topic and provider has.

    Topics are counted as if the query named none, and providers likewise. The most come first.
    """

    total: int
    topics: list[tuple[str, int]]
    providers: list[tuple[str, int]]


class Edition(NamedTuple):
    """One state of the index: its number, when it came to be (seconds since 1970), all feeds."""

    number: int
    changed: int
    feeds: tuple[Feed, ...]


class SearchIndex:
    """The index, in a file of its own. May be used from several threads, which take turns."""

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self._path = path
        self._warn = warn
        self._db = open_derived(path, _SCHEMA, _VERSION, warn)
        self._lock = threading.RLock()

    def edition(self, state: Path) -> Edition:
        """Brings the index up to the state file; returns which edition of it this gave."""
        with self._lock:
            try:
                return self._edition(state)
            except sqlite3.DatabaseError as error:
                self._start_over(error)
                return self._edition(state)

    def find(self, wanted: SearchRequest, seconds: float) -> SearchResult:
        """Returns what a query finds, the newest first.

        Raises:
            TooLongError: it took longer than so many seconds.
        """
        conditions, values = _conditions(wanted)
        query = f"""
            SELECT number, id, published, updated, digest, item, picture.data
            FROM entry LEFT JOIN picture USING (number)
            WHERE {" AND ".join(conditions)} ORDER BY {order_sql()} LIMIT ?
        """  # noqa: S608 (conditions of our own, values apart)
        with self._within(seconds):
            rows = self._db.execute(query, (*values, wanted.limit)).fetchall()
        entries = tuple(Entry(*row[:5]) for row in rows)
        items = {row[0]: _decode_item(row[5]) for row in rows}
        images = {row[0]: _decode_images(row[6]) for row in rows if row[6]}
        return SearchResult(entries, items, images)

    def count(self, wanted: SearchRequest, seconds: float) -> Facets:
        """Returns how many stories a query finds, whatever its limit, and in which feeds.

        Raises:
            TooLongError: it took longer than so many seconds.
        """
        conditions, values = _conditions(wanted)
        with self._within(seconds):
            query = f"SELECT count(*) FROM entry WHERE {' AND '.join(conditions)}"  # noqa: S608
            (total,) = self._db.execute(query, values).fetchone()
            topics = self._counted("topic", wanted._replace(topics=()))
            return Facets(total, topics, self._counted("provider", wanted._replace(providers=())))

    def _counted(self, kind: str, wanted: SearchRequest) -> list[tuple[str, int]]:
        conditions, values = _conditions(wanted)
        where = " AND ".join(conditions)
        places = f"(SELECT id FROM entry WHERE {where}) CROSS JOIN place USING (id)"  # noqa: S608
        if where == _EVERY and not wanted.min_quality:
            places, values = "place", []  # of all stories they tell alone
        query = f"""
            SELECT key, count(*) FROM {places} WHERE kind = ?
            GROUP BY key ORDER BY count(*) DESC, key LIMIT {_MOST_FACETS}
        """  # noqa: S608 (as above)
        return self._db.execute(query, (*values, kind)).fetchall()

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """Ends what is asked of the index with TooLongError when so many seconds are over."""
        deadline = time.monotonic() + seconds
        with self._lock:
            self._db.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
            try:
                yield
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
                raise TooLongError from None
            finally:
                self._db.set_progress_handler(None, 0)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    def _start_over(self, error: sqlite3.DatabaseError) -> None:
        self._warn(f"{self._path} cannot be used ({error}); it is rebuilt")
        self._db.close()
        remove_derived(self._path)
        self._db = open_derived(self._path, _SCHEMA, _VERSION, self._warn)

    def _edition(self, state: Path) -> Edition:
        with changes(self._db):

            def read(store: Store) -> bool:
                # Of a reading that came to nothing nothing must stay.
                self._db.execute("ROLLBACK")
                self._db.execute("BEGIN IMMEDIATE")
                self._sync(store)
                return True

            if not with_state(state, read):
                self._db.execute("ROLLBACK")
                self._db.execute("BEGIN")
        row = self._db.execute("SELECT edition, changed FROM synced").fetchone()
        number, changed = row or (0, 0)
        rows = self._db.execute("SELECT data FROM feed")
        feeds = tuple(msgspec.msgpack.decode(data, type=Feed) for (data,) in rows)
        return Edition(number, changed, feeds)

    def _sync(self, store: Store) -> None:
        fingerprint = store.pass_fingerprint()
        known = self._db.execute("SELECT mark, changed, edition FROM synced").fetchone()
        if known and known[0] == fingerprint:
            return
        before = self._db.total_changes
        self._sync_entries(store)
        self._sync_places(store)
        self._sync_pictures(store)
        feeds = sorted(msgspec.msgpack.encode(one) for one in store.published_feeds())
        if feeds != sorted(data for (data,) in self._db.execute("SELECT data FROM feed")):
            self._db.execute("DELETE FROM feed")
            self._db.executemany("INSERT INTO feed VALUES (?)", ((one,) for one in feeds))
        changed, edition = known[1:] if known else (int(time.time()), 0)
        if self._db.total_changes != before:
            changed, edition = int(time.time()), edition + 1
        self._db.execute("DELETE FROM synced")
        self._db.execute("INSERT INTO synced VALUES (?, ?, ?)", (fingerprint, changed, edition))

    def _sync_entries(self, store: Store) -> None:
        query = "SELECT number, id, published, updated, digest FROM entry"
        mine = {Entry(*row) for row in self._db.execute(query)}
        theirs = store.entries_anywhere()
        self._drop(mine - theirs)
        new = {entry.number: entry for entry in theirs - mine}
        insert = "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)"
        for number, data in store.each_item(new):
            item, entry = _decode_item(data), new[number]
            values = (entry.number, entry.id, entry.published, entry.updated, entry.digest)
            self._db.execute(insert, (*values, item.quality, data))
            index = "INSERT INTO words (rowid, title, excerpt, body) VALUES (?, ?, ?, ?)"
            self._db.execute(index, (number, *_texts(item)))

    def _drop(self, entries: Iterable[Entry]) -> None:
        # An index without content of its own needs the words that it is to forget
        # (sqlite.org/fts5.html, section 4.4.1).
        delete = "INSERT INTO words (words, rowid, title, excerpt, body) VALUES ('delete',?,?,?,?)"
        for entry in entries:
            query = "DELETE FROM entry WHERE number = ? RETURNING item"
            ((data,),) = self._db.execute(query, (entry.number,)).fetchall()
            self._db.execute(delete, (entry.number, *_texts(_decode_item(data))))

    def _sync_places(self, store: Store) -> None:
        mine, theirs = set(self._db.execute("SELECT kind, key, id FROM place")), store.places()
        delete = "DELETE FROM place WHERE kind = ? AND key = ? AND id = ?"
        self._db.executemany(delete, mine - theirs)
        self._db.executemany("INSERT INTO place VALUES (?, ?, ?)", theirs - mine)

    def _sync_pictures(self, store: Store) -> None:
        shown = set[str]().union(*store.feed_images().values())
        numbers = [number for (number,) in self._db.execute("SELECT number FROM entry")]
        known = store.pictures(numbers, every=True) if store.has_pictures() else {}
        theirs = {
            (number, msgspec.msgpack.encode([(cached, _named(one, shown)) for cached, one in some]))
            for number, some in known.items()
        }
        mine = set(self._db.execute("SELECT number, data FROM picture"))
        delete = "DELETE FROM picture WHERE number = ? AND data = ?"
        self._db.executemany(delete, mine - theirs)
        self._db.executemany("INSERT INTO picture VALUES (?, ?)", theirs - mine)


def _named(picture: Picture, shown: set[str]) -> Picture:
    name, kept = picture.name, tuple(one for one in picture.narrower if one[0] in shown)
    return msgspec.structs.replace(picture, name=name if name in shown else "", narrower=kept)


def _conditions(wanted: SearchRequest) -> tuple[list[str], list[str | int]]:
    conditions, values = [_EVERY], list[str | int]([wanted.min_quality])
    for kind, keys in (("topic", wanted.topics), ("provider", wanted.providers)):
        if keys:
            places = ", ".join("?" * len(keys))
            conditions.append(
                f"id IN (SELECT id FROM place WHERE kind = '{kind}' AND key IN ({places}))"  # noqa: S608
            )
            values += keys
    if wanted.words:
        conditions.append("number IN (SELECT rowid FROM words WHERE words MATCH ?)")
        values.append(wanted.words)
    return conditions, values


def _texts(item: Item) -> tuple[str, str, str]:
    return item.title, item.excerpt, unescape(_TAG.sub(" ", item.body))


_decode_item = msgspec.msgpack.Decoder(Item).decode
_decode_images = msgspec.msgpack.Decoder(list[tuple[bool, Picture]]).decode
