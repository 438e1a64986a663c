"""The part of the store for images: who names them, their copies and narrower ones, what is due."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, cast

import msgspec

from feeds.common.media import CachedImage, HostFailure, Picture, image_key, narrow_name
from feeds.common.model import FeedRef, Image
from feeds.common.urls import host_of

_SHOWN = "name, type, length, width, height, digest, missing"


_COLUMNS = CachedImage.__struct_fields__
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM image"  # noqa: S608 (names of our own)
_UPSERT = (
    f"INSERT INTO image ({', '.join(_COLUMNS)}, news) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(_COLUMNS))}, 1) ON CONFLICT (key) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)
    + f", news = news OR ({_SHOWN}) IS NOT "
    + f"({', '.join(f'excluded.{name}' for name in _SHOWN.split(', '))}), "
    + "narrow = iif((name, digest) IS (excluded.name, excluded.digest), narrow, 1)"
)
_NAME = (
    "INSERT INTO image (key, url, host) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE "
    "SET unnamed = NULL"
)
_IS_USED = "EXISTS (SELECT 1 FROM image_use AS u WHERE u.key = image.key AND (u.cached OR :every))"


class ImageToNarrow(NamedTuple):
    """An image of which narrower copies are to be made: its copy, with width and SHA-256."""

    key: str
    name: str
    width: int
    digest: bytes


class NarrowCopy(NamedTuple):
    """A narrower copy: width in pixels, length in bytes, mtime in ns."""

    width: int
    length: int
    mtime_ns: int


class NarrowImages:
    """The table of narrower copies."""

    _db: sqlite3.Connection

    def has_images_to_narrow(self) -> bool:
        """Tells whether narrower copies of any image are to be made."""
        query = "SELECT 1 FROM image WHERE narrow AND name <> '' LIMIT 1"
        return self._db.execute(query).fetchone() is not None

    def has_narrow_copies(self) -> bool:
        """Tells whether there are narrower copies of any image."""
        return self._db.execute("SELECT 1 FROM narrow LIMIT 1").fetchone() is not None

    def images_to_narrow(self) -> list[ImageToNarrow]:
        """Returns the images whose narrower copies are to be made, those of new items first."""
        newest = "SELECT max(dated) FROM image_use JOIN seed USING (number) WHERE key = image.key"
        query = f"""
            SELECT key, name, width, digest FROM image WHERE narrow AND name <> ''
            ORDER BY ({newest}) DESC, key
        """  # noqa: S608 (our own)
        return [ImageToNarrow(*row) for row in self._db.execute(query)]

    def narrow_again(self, keys: Iterable[str] | None = None) -> None:
        """Notes that the narrower copies of images, by default of all, are to be made again."""
        if keys is None:
            self._db.execute("UPDATE image SET narrow = 2 WHERE NOT narrow")
        else:
            query = "UPDATE image SET narrow = 1, news = 1 WHERE key = ?"
            self._db.executemany(query, ((key,) for key in keys))

    def is_to_narrow(self, image: ImageToNarrow) -> bool:
        """Tells whether an image is still the one of which narrower copies are to be made."""
        query = "SELECT 1 FROM image WHERE key = ? AND name = ? AND digest = ? AND narrow"
        row = self._db.execute(query, (image.key, image.name, image.digest)).fetchone()
        return row is not None

    def keep_narrow(self, key: str, copies: Sequence[NarrowCopy]) -> set[int]:
        """Keeps which narrower copies of an image there are; returns the widths that there were."""
        query = "DELETE FROM narrow WHERE key = ? RETURNING width"
        before = {width for (width,) in self._db.execute(query, (key,)).fetchall()}
        insert = "INSERT INTO narrow VALUES (?, ?, ?, ?)"
        self._db.executemany(insert, ((key, *one) for one in copies))
        update = "UPDATE image SET news = news OR ?, narrow = 0 WHERE key = ?"
        self._db.execute(update, (bool(before or copies), key))
        return before

    def narrow_copies(self) -> list[tuple[str, NarrowCopy]]:
        """Returns all narrower copies, by the key of their image."""
        rows = self._db.execute("SELECT key, width, length, mtime_ns FROM narrow")
        return [(key, NarrowCopy(*rest)) for key, *rest in rows]


class ImageTables(NarrowImages):
    """The tables of images: passes and fetches read and write them.

    `every` also asks for images that their seeds do not call cached (``images.fetch = "all"``).
    """

    _db: sqlite3.Connection

    def name_images(self, named: Iterable[tuple[int, Iterable[Image]]]) -> None:
        """Adds the images that the items of seeds name, by number; these seeds have none so far."""
        images: list[tuple[str, str, str]] = []
        uses: list[tuple[int, str, int, bool]] = []
        for number, some in named:
            cached: dict[str, bool] = {}
            for image in some:
                cached[image.url] = image.cached or cached.get(image.url, False)
            for place, (url, is_cached) in enumerate(cached.items()):
                key = image_key(url)
                images.append((key, url, host_of(url)))
                uses.append((number, key, place, is_cached))
        self._db.executemany(_NAME, images)
        self._db.executemany("INSERT INTO image_use VALUES (?, ?, ?, ?)", uses)

    def unname_images(self, number: int) -> None:
        """Notes that a seed names no image any more."""
        query = "DELETE FROM image_use WHERE number = ? RETURNING key"
        keys = self._db.execute(query, (number,)).fetchall()
        self._db.executemany("UPDATE image SET unnamed = -1 WHERE key = ?", keys)

    def note_unnamed(self, now: int) -> None:
        """Notes since when images are named by no seed, for those that just lost their last."""
        lost = "SELECT key FROM image WHERE unnamed = -1"
        used = "EXISTS (SELECT 1 FROM image_use WHERE image_use.key = image.key)"
        query = f"UPDATE image SET unnamed = iif({used}, NULL, ?) WHERE key = ?"  # noqa: S608
        keys = self._db.execute(lost).fetchall()
        self._db.executemany(query, ((now, key) for (key,) in keys))

    def pictures(
        self, numbers: Iterable[int], *, every: bool
    ) -> dict[int, list[tuple[bool, Picture]]]:
        """Returns the images that these items name, by their number.

        Those that the seed calls cached come first, otherwise they are in its order.
        """
        query = """
            SELECT u.number, u.cached,
                i.url, i.name, i.type, i.length, i.width, i.height, i.missing,
                (SELECT group_concat(width) FROM narrow AS a WHERE a.key = i.key AND i.narrow <> 1)
            FROM json_each(?) AS n JOIN image_use AS u ON u.number = n.value
            JOIN image AS i ON i.key = u.key
            WHERE u.cached OR ? ORDER BY u.number, u.cached DESC, u.place
        """
        found: dict[int, list[tuple[bool, Picture]]] = {}
        rows = self._db.execute(query, (json.dumps(list(numbers)), every))
        for number, cached, url, name, kind, length, width, height, missing, widths in rows:
            narrower = _narrower(url, widths) if widths else ()
            picture = Picture(url, name, kind, length, width, height, bool(missing), narrower)
            found.setdefault(number, []).append((bool(cached), picture))
        return found

    def has_pictures(self) -> bool:
        """Tells whether anything is known of any image."""
        query = "SELECT 1 FROM image WHERE name <> '' OR missing LIMIT 1"
        return self._db.execute(query).fetchone() is not None

    def images(self) -> list[CachedImage]:
        """Returns all images that any seed names, or named lately."""
        return [_image(row) for row in self._db.execute(f"{_SELECT} ORDER BY host, url")]

    def images_in(self, folder: str) -> list[CachedImage]:
        """Returns the images whose copies stand, or would stand, in a folder of the cache."""
        query = f"{_SELECT} WHERE key >= ? AND key < ? || 'g' ORDER BY key"
        return [_image(row) for row in self._db.execute(query, (folder, folder))]

    def copy_fingerprints(self, names: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Returns length in bytes and mtime in ns of these and other copies of the same images."""
        keys = {name.rpartition("/")[2].partition(".")[0].partition("-")[0] for name in names}
        query = "SELECT {}, length, mtime_ns FROM {} WHERE key IN (SELECT value FROM json_each(?))"
        given = (json.dumps(list(keys)),)
        copies = self._db.execute(query.format("name", "image"), given)
        narrow = self._db.execute(query.format("key, width", "narrow"), given)
        found = {name: (length, mtime_ns) for name, length, mtime_ns in copies}
        return found | {narrow_name(key, width): (size, at) for key, width, size, at in narrow}

    def keys_of(self, ids: Iterable[str]) -> Iterator[str]:
        """Yields the keys of the images that the items with these ids name."""
        query = "SELECT key FROM seed JOIN image_use USING (number) WHERE id = ?"
        return (key for id_ in ids for (key,) in self._db.execute(query, (id_,)))

    def without_copy(self, keys: Iterable[str]) -> Iterator[str]:
        """Yields those of these keys of images of which no copy is known."""
        query = """
            SELECT value FROM json_each(?)
            WHERE NOT EXISTS (SELECT 1 FROM image WHERE key = value AND name <> '')
        """
        yield from (key for (key,) in self._db.execute(query, (json.dumps(list(keys)),)))

    def keep_image(self, image: CachedImage) -> None:
        """Keeps what is known of an image; whether anything shown of it changed is news."""
        self._db.execute(_UPSERT, msgspec.structs.astuple(image))

    def has_image_news(self) -> bool:
        """Tells whether an image came, went or changed since the last pass."""
        return self._db.execute("SELECT 1 FROM image WHERE news LIMIT 1").fetchone() is not None

    def image_news(self) -> set[str]:
        """Returns the names of the copies that came or changed since the last pass."""
        narrow = "SELECT key, width FROM narrow WHERE key IN (SELECT key FROM image WHERE news)"
        names = {name for (name,) in self._db.execute("SELECT name FROM image WHERE news")}
        return names | {narrow_name(*row) for row in self._db.execute(narrow)}

    def feeds_with_image_news(self) -> set[FeedRef]:
        """Returns kind and key of the feeds with items whose images came, went or changed."""
        query = """
            -- Cross joins begin with the news, which are few.
            SELECT DISTINCT slot.kind, slot.key FROM image
            CROSS JOIN image_use ON image_use.key = image.key CROSS JOIN seed USING (number)
            CROSS JOIN slot ON slot.id = seed.id WHERE image.news
        """
        return set(self._db.execute(query))

    def clear_image_news(self) -> None:
        """Marks all changes of images as published."""
        self._db.execute("UPDATE image SET news = 0 WHERE news")

    def due_images(self, now: int, *, every: bool) -> list[CachedImage]:
        """Returns the images to ask for now, those of the newest items first."""
        newest = "SELECT max(dated) FROM image_use JOIN seed USING (number) WHERE key = image.key"
        query = f"{_SELECT} WHERE due <= :now AND {_IS_USED} ORDER BY ({newest}) DESC, key"
        return [_image(row) for row in self._db.execute(query, {"now": now, "every": every})]

    def next_image_due(self, *, every: bool) -> int | None:
        """Returns when the next image is to be asked for, None if none ever is."""
        query = f"SELECT due FROM image WHERE {_IS_USED} ORDER BY due LIMIT 1"  # noqa: S608
        row = self._db.execute(query, {"every": every}).fetchone()
        return cast("int | None", row[0] if row else None)

    def unnamed_images(self, before: int) -> list[CachedImage]:
        """Returns the images that no seed has named since before that time."""
        query = f"{_SELECT} WHERE unnamed BETWEEN 0 AND ?"
        return [_image(row) for row in self._db.execute(query, (before,))]

    def drop_image(self, key: str) -> list[str]:
        """Forgets an image; returns the names of its narrower copies."""
        self._db.execute("DELETE FROM image WHERE key = ?", (key,))
        gone = self._db.execute("DELETE FROM narrow WHERE key = ? RETURNING width", (key,))
        return [narrow_name(key, width) for (width,) in gone.fetchall()]

    def host_failures(self) -> dict[str, HostFailure]:
        """Returns the hosts that keep failing."""
        rows = self._db.execute("SELECT host, failures, until, reason FROM image_host")
        return {row[0]: HostFailure(*row) for row in rows}

    def keep_host_failures(self, failures: Iterable[HostFailure]) -> None:
        """Keeps the hosts that keep failing."""
        self._db.execute("DELETE FROM image_host")
        rows = map(msgspec.structs.astuple, failures)
        self._db.executemany("INSERT INTO image_host VALUES (?, ?, ?, ?)", rows)

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


def _narrower(url: str, widths: str) -> tuple[tuple[str, int], ...]:
    key = image_key(url)
    return tuple((narrow_name(key, one), one) for one in sorted(map(int, widths.split(","))))


def _image(row: tuple[object, ...]) -> CachedImage:
    return msgspec.convert(dict(zip(_COLUMNS, row, strict=True)), CachedImage, strict=False)
