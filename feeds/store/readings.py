"""The part of the store for what no pass published yet: readings, and removals that wait."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from feeds.common.files import Fingerprint
from feeds.common.model import Image, ParsedSeed, image_key

_PAGE = 200


class Kept(NamedTuple):
    """What is known of a kept reading; `settled` and `content` are as in `Store.record`."""

    mark: Fingerprint
    settled: bool
    same: bool
    content: bytes


class Readings:
    """Readings that no pass published yet, and seeds that are held although their files are gone.

    Nobody but a pass looks at readings: items, feeds and what is touched change when the pass
    records them, in the transaction that publishes them.
    """

    _db: sqlite3.Connection

    def kept_readings(self, parser: str) -> dict[str, Kept]:
        """Returns the kept readings of this way of parsing, by path."""
        query = "SELECT path, size, mtime_ns, inode, settled, same, content FROM reading "
        rows = self._db.execute(query + "WHERE parser = ?", (parser,))
        return {
            path: Kept(Fingerprint(size, mtime_ns, inode), bool(settled), bool(same), content)
            for path, size, mtime_ns, inode, settled, same, content in rows
        }

    def keep_reading(
        self, mark: Fingerprint, reading: ParsedSeed, *, settled: bool, parser: str
    ) -> None:
        """Keeps a reading for the pass that will publish it."""
        data = msgspec.msgpack.encode(reading)
        row = (reading.path, parser, *mark, settled, reading.same, reading.content, data)
        insert = "INSERT OR REPLACE INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        self._db.execute(insert, row)

    def take_readings(self) -> Iterator[ParsedSeed]:
        """Yields all kept readings, and drops them."""
        query = "SELECT rowid, data FROM reading ORDER BY rowid LIMIT ?"
        while rows := self._db.execute(query, (_PAGE,)).fetchall():
            for _, data in rows:
                yield _decode(data)
            # Page by page, so that what is written next takes their place in the file.
            self._db.execute("DELETE FROM reading WHERE rowid <= ?", (rows[-1][0],))

    def kept_image_keys(self) -> Iterator[str]:
        """Yields the keys of the images that kept readings name."""
        for (data,) in self._db.execute("SELECT data FROM reading"):
            yield from (image_key(image.url) for image in _decode_images(data).images)

    def stories(self) -> dict[str, str]:
        """Returns the id of each seed that has an item, by path."""
        return dict(self._db.execute("SELECT path, id FROM seed WHERE id IS NOT NULL"))

    def paths_of(self, id_: str) -> set[str]:
        """Returns the paths of the seeds with this id."""
        return {path for (path,) in self._db.execute("SELECT path FROM seed WHERE id = ?", (id_,))}

    def held(self) -> dict[str, str]:
        """Returns the seeds that are held: path, and the folder that lost too many at once."""
        return dict(self._db.execute("SELECT path, folder FROM held"))

    def hold(self, held: Mapping[str, str]) -> None:
        """Holds these seeds, and no others."""
        self._db.execute("DELETE FROM held")
        self._db.executemany("INSERT INTO held VALUES (?, ?)", held.items())

    def held_stories(self) -> list[tuple[str, int]]:
        """Returns the folders that lost too many stories at once, and how many are held of each."""
        query = """
            -- A cross join begins with `held`, which is nearly always empty.
            SELECT held.folder, count(DISTINCT seed.id) FROM held CROSS JOIN seed USING (path)
            GROUP BY held.folder ORDER BY held.folder
        """
        return [(folder, count) for folder, count in self._db.execute(query)]


class _OfReading(msgspec.Struct):
    images: tuple[Image, ...] = ()


_decode_images = msgspec.msgpack.Decoder(_OfReading).decode
_decode = msgspec.msgpack.Decoder(ParsedSeed).decode
