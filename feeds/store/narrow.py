"""The part of the store for narrower copies of images, which pages show."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# The migration of the schema that makes the table.
NARROW = """
    -- Narrower copies of images, and whether those of an image are to be made: 0 no, 1 yes, 2 yes,
    -- but those that there are show the same image.
    ALTER TABLE image ADD COLUMN narrow INTEGER NOT NULL DEFAULT 1;
    CREATE INDEX image_narrow ON image (key) WHERE narrow AND name <> '';
    CREATE TABLE narrow (
        key TEXT NOT NULL, width INTEGER NOT NULL, length INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL, PRIMARY KEY (key, width)
    ) STRICT, WITHOUT ROWID;
"""


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
