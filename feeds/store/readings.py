"""The part of the store for what was read from each seed, published or not, and what is gone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import count
from operator import attrgetter
from typing import NamedTuple

import msgspec

from feeds.common.files import SETTLING_NS, Fingerprint
from feeds.common.media import image_key
from feeds.common.model import Image, ItemHeader, ParsedSeed, Problem
from feeds.store.images import ImageTables

_PAGE = 200

_STATE_COLUMNS = (
    *("number", "path", "folder", "size", "mtime_ns", "inode", "settled", "parser", "content"),
    "problems",
)
_HEADER_COLUMNS = (
    *("shown", "id", "dated", "stamp", "quality", "heat", "is_published", "domain", "provider"),
    *("topics", "category", "digest", "reader_digest", "tags", "locale"),
)


# Kind, key and name in the table `tally`.
_Key = tuple[str, str, str]
_SEED: _Key = ("seed", "", "")
_ITEM: _Key = ("item", "", "")


class ReadSeed(NamedTuple):
    """What was read from a seed of a folder, and its fingerprint then.

    `settled` says that a later change of the file would show in its fingerprint.
    """

    folder: str
    fingerprint: Fingerprint
    reading: ParsedSeed
    settled: bool

    @classmethod
    def of(
        cls, folder: str, fingerprint: Fingerprint, reading: ParsedSeed, began_ns: int
    ) -> ReadSeed:
        """Returns what was read since then, with the fingerprint that the file had before."""
        settled = began_ns - fingerprint.mtime_ns > SETTLING_NS and bool(reading.content)
        return cls(folder, fingerprint, reading, settled)


class _Before(NamedTuple):
    """What is known of a seed when it is read again."""

    path: str
    number: int
    parser: str
    content: bytes
    problems: bytes | None
    id: str | None
    digest: bytes | None
    reader_digest: bytes | None
    is_published: bool | None
    topics: str | None
    domain: str | None
    provider: str | None

    def counted(self) -> Iterator[_Key]:
        """Yields the names under which its item counts in the table `tally`."""
        if self.id is not None:
            yield _ITEM
        if self.is_published and self.topics and self.domain is not None:
            yield ("provider", self.domain, self.provider or "")
            yield from (("topic", "", name) for name in _decode_topics(self.topics))


class Kept(NamedTuple):
    """What is known of a kept reading; `settled` and `content` are as in `ReadSeed`."""

    fingerprint: Fingerprint
    settled: bool
    same: bool
    content: bytes


class Readings(ImageTables):
    """What was read from seeds, and seeds that are held although their files are gone.

    Nobody but a pass looks at kept readings: items, feeds and what is touched change when the pass
    records them, in the transaction that publishes them.
    """

    def record(self, seeds: Sequence[ReadSeed], parser: str) -> set[str]:
        """Keeps what was read from seeds; one that cannot be used keeps its last good item.

        Returns:
            The ids of the items that came, went or changed by that.
        """
        known = self._known(one.reading.path for one in seeds)
        (last,) = self._db.execute("SELECT coalesce(max(number), 0) FROM seed").fetchone()
        numbers, changed = count(last + 1), set[str]()
        good, bad, items, named = [], [], [], []
        counted, tally = list[_Key](), Counter[_Key]()
        for folder, fingerprint, reading, settled in seeds:
            before, header, state = known.get(reading.path), reading.header, (*fingerprint, settled)
            if reading.same:
                update = "UPDATE seed SET (size, mtime_ns, inode, settled) = (?, ?, ?, ?) "
                self._db.execute(update + "WHERE path = ?", (*state, reading.path))
                continue
            if before and header is None and _may_tell(before, reading, parser):
                changed |= self.forget([reading.path])
                before = None
            number = before.number if before else next(numbers)
            tally[_SEED] += before is None
            problems = msgspec.msgpack.encode(reading.problems) if reading.problems else None
            values = (number, reading.path, folder, *state, parser, reading.content, problems)
            if header is None:
                bad.append(values)
                continue
            good.append(values + _header_values(header))
            items.append((number, reading.data))
            counted += _counted(header)
            if before:
                tally.subtract(before.counted())
                self._renew_digest(before, reading.content, header)
                if (before.id, before.digest) == (header.id, header.digest):
                    continue  # the same item, read once more
                self.unname_images(number)
                changed.add(before.id or header.id)
            named.append((number, reading.images))
            changed.add(header.id)
        self._db.executemany(_upsert(_STATE_COLUMNS + _HEADER_COLUMNS), good)
        self._db.executemany(_upsert(_STATE_COLUMNS), bad)
        self._db.executemany("INSERT OR REPLACE INTO item VALUES (?, ?)", items)
        self.name_images(named)
        tally.update(counted)
        self._count(tally)
        return changed

    def _known(self, paths: Iterable[str]) -> dict[str, _Before]:
        query = f"SELECT {', '.join(_Before._fields)} FROM seed "  # noqa: S608 (names of our own)
        query += "WHERE path IN (SELECT value FROM json_each(?))"
        rows = self._db.execute(query, (json.dumps(list(paths)),))
        return {row[0]: _Before(*row) for row in rows}

    def _count(self, tally: Counter[_Key]) -> None:
        """Adds to the table `tally`."""
        add = "INSERT INTO tally VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n"
        self._db.executemany(add, ((*key, n) for key, n in tally.items() if n))
        drop = "DELETE FROM tally WHERE kind = ? AND key = ? AND name = ? AND n = 0"
        self._db.executemany(drop, (key for key, n in tally.items() if n < 0))

    def _renew_digest(self, before: _Before, content: bytes, header: ItemHeader) -> None:
        """Replaces a digest if a new release or setting changed it: nobody edited the seed."""
        if before.content != content or before.reader_digest == header.reader_digest:
            return
        problems = _decode_problems(before.problems) if before.problems else []
        if all(problem.severity != "error" for problem in problems):  # else it is of older bytes
            renew = "UPDATE memory SET reader_digest = ? WHERE id = ? AND reader_digest = ?"
            self._db.execute(renew, (header.reader_digest, header.id, before.reader_digest))

    def forget(self, paths: Iterable[str]) -> set[str]:
        """Drops seeds whose files are gone; what readers were shown of them is remembered.

        Returns:
            The ids of their items.
        """
        ids, tally = set[str](), Counter[_Key]()
        for path in paths:
            (seed,) = self._known([path]).values()
            if seed.id is not None:
                ids.add(seed.id)
            tally.subtract([_SEED, *seed.counted()])
            self.unname_images(seed.number)
            self._db.execute("DELETE FROM item WHERE number = ?", (seed.number,))
            self._db.execute("DELETE FROM seed WHERE number = ?", (seed.number,))
        self._count(tally)
        return ids

    def kept_readings(self, parser: str) -> dict[str, Kept]:
        """Returns what was kept last of each seed, in this way of parsing, by path."""
        query = "SELECT data FROM reading WHERE parser = ? ORDER BY number"
        return {
            reading.path: Kept(fingerprint, settled, reading.same, reading.content)
            for (data,) in self._db.execute(query, (parser,))
            for _, fingerprint, reading, settled in _decode_heads(data)
        }

    def has_readings(self) -> bool:
        """Tells whether readings wait for a pass that publishes them."""
        return self._db.execute("SELECT 1 FROM reading LIMIT 1").fetchone() is not None

    def keep_readings(self, seeds: Sequence[ReadSeed], parser: str) -> None:
        """Keeps readings for the pass that will publish them."""
        pages = (seeds[start : start + _PAGE] for start in range(0, len(seeds), _PAGE))
        rows = ((parser, msgspec.msgpack.encode(page)) for page in pages)
        self._db.executemany("INSERT INTO reading (parser, data) VALUES (?, ?)", rows)

    def take_readings(self) -> Iterator[ParsedSeed]:
        """Yields what was kept last of each seed, and drops all that was kept."""
        taken: set[str] = set()
        # Page by page, so that what is written next takes their place in the file.
        take = "DELETE FROM reading WHERE number = (SELECT max(number) FROM reading) RETURNING data"
        while rows := self._db.execute(take).fetchall():
            for _, _, reading, _ in _decode_seeds(rows[0][0]):
                if reading.path not in taken:
                    taken.add(reading.path)
                    yield reading

    def kept_image_keys(self) -> Iterator[str]:
        """Yields the keys of the images that kept readings name."""
        for (data,) in self._db.execute("SELECT data FROM reading"):
            for _, _, reading, _ in _decode_heads(data):
                yield from (image_key(image.url) for image in reading.images)

    def stories(self, paths: Iterable[str]) -> dict[str, str]:
        """Returns the id of each of these seeds that has an item, by path."""
        query = """
            SELECT seed.path, seed.id FROM json_each(?) AS one CROSS JOIN seed
            ON seed.path = one.value WHERE seed.id IS NOT NULL
        """
        return dict(self._db.execute(query, (json.dumps(list(paths)),)))

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


def _may_tell(before: _Before, reading: ParsedSeed, parser: str) -> bool:
    """Tells whether the last good item may hold a secret that an older release read in it."""
    has_secret = any(problem.field == "secured" for problem in reading.problems)
    return has_secret and before.id is not None and before.parser != parser


@cache
def _upsert(columns: tuple[str, ...]) -> str:
    names, places = ", ".join(columns), ", ".join("?" * len(columns))
    changes = (f"{name} = excluded.{name}" for name in columns if name not in ("number", "path"))
    return (
        f"INSERT INTO seed ({names}) VALUES ({places}) "  # noqa: S608 (names of our own)
        f"ON CONFLICT (path) DO UPDATE SET {', '.join(changes)}"
    )


def _counted(header: ItemHeader) -> Iterator[_Key]:
    yield _ITEM
    if header.is_published:
        yield ("provider", header.provider.domain, header.provider.name)
        yield from (("topic", "", name) for name in header.topics)


def _header_values(header: ItemHeader) -> tuple[str | int | bytes, ...]:
    topics, tags = (msgspec.json.encode(one).decode() for one in (header.topics, header.tags))
    digests = (header.digest, header.reader_digest)
    return (*_before_topics(header), topics, header.category, *digests, tags, header.locale)


_before_topics = attrgetter(
    *("path", "id", "dated", "revised", "quality", "heat", "is_published"),
    *("provider.domain", "provider.name"),
)


class _Head(msgspec.Struct):
    """The parts of a reading that are looked at before it is taken."""

    path: str
    content: bytes
    same: bool = False
    images: tuple[Image, ...] = ()


_decode_heads = msgspec.msgpack.Decoder(list[tuple[str, Fingerprint, _Head, bool]]).decode
_decode_seeds = msgspec.msgpack.Decoder(list[ReadSeed]).decode
_decode_topics = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_problems = msgspec.msgpack.Decoder(list[Problem]).decode
