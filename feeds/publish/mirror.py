"""Brings a bucket up to out/: puts and deletes the objects of documents and images.

    claim ── images ── documents ── overviews ── manifest ── removals ── end of the claim

Each object is whole or not there. An object is put in the place of the one that we know, so what a
publisher that lost its claim still writes is noticed: the put is refused, and repeated by who holds
the claim. Names are written down before their objects appear.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds.common.buckets import Headers, Objects
from feeds.common.errors import ObjectChangedError, ObjectMissingError, ObjectsError, PublishError
from feeds.common.files import Fingerprint
from feeds.common.interrupts import ask_all
from feeds.common.media import kind_of
from feeds.publish.bucket_lock import Claim
from feeds.publish.caching import cache_control
from feeds.publish.journal import Journal, KnownObject
from feeds.publish.manifest import PARTS
from feeds.publish.publisher import Sent
from feeds.publish.writer import IN_THE_WAY

NAMES = f"{PARTS}/names.json"
_AT_ONCE = 16
_TRIES = 5
_MOST_DELETED = 1000


class NewObjects(NamedTuple):
    """The objects that there are to be.

    Attributes:
        files: the files of out/ by their names; None for images, whose names say what is in them,
            and for documents that are as the last publication left them.
        changed: the names of those that are new or may have changed, for a publication that comes
            after one that came to its end; `removed` are those that left out/.
        rank: the order in which they appear; those of a higher rank name those of lower ones.
        items: goes into the manifest.
        guard: is called with the items of the last publication, if that was not ours, and whether
            we have not looked at the objects yet.
    """

    files: Mapping[str, Fingerprint | None]
    changed: Iterable[str]
    removed: Iterable[str]
    rank: Callable[[str], int]
    items: int
    guard: Callable[[int, bool], None]


class Callers(NamedTuple):
    """`wait` for so many seconds for another publisher, `warn` of it, and tell of `progress`."""

    wait: float
    warn: Callable[[str], None]
    progress: Callable[[int, int], None]


@contextmanager
def failures() -> Iterator[None]:
    """Raises errors of a bucket, and of files here, as those of a publication."""
    try:
        yield
    except ObjectsError as error:
        state = "Every object is whole, some may be new; the next run does the rest."
        raise PublishError(f"cannot publish: {error}. {state}") from None
    except OSError as error:
        where, reason = error.filename or "out/", error.strerror or error
        raise PublishError(f"cannot publish: {where}: {reason}") from None


class Mirror:
    """One publication to the objects at an address: make it before out/ changes, `send`, `close`.

    Every call raises what `failures` makes a PublishError.
    """

    def __init__(self, objects: Objects, out: Path, max_age_s: int, now: int) -> None:
        """Begins a publication at a time in Unix seconds.

        Args:
            objects: where to.
            out: the folder of the documents.
            max_age_s: for how many seconds documents stay fresh.
            now: the time in Unix seconds.
        """
        self._objects = objects
        self._out = out
        self._max_age_s = max_age_s
        self._now = now
        out.mkdir(parents=True, exist_ok=True)
        self._journal = journal = Journal(out, objects.address, str(max_age_s))
        self._manifest = journal.manifest
        self._is_settled = journal.is_settled(now)
        journal.begin()
        # Objects that were there before we knew of any are not ours, unless `NAMES` has them.
        self._ours: set[str] = set()
        self._strangers: set[str] = set()

    def close(self) -> None:
        """Ends the publication, whether anything was sent or not."""
        self._journal.close()

    def send(self, new: NewObjects, callers: Callers) -> Sent:
        """Brings the objects to the files of out/; asks for nothing if they are there.

        Raises:
            BusyError: another publisher has claimed them.
            PublishError: the bucket holds what is not ours in the place of a document, or the claim
                was lost. The objects that were put are whole.
        """
        self._new, journal = new, self._journal
        if self._is_settled and not self._pending() and not self._gone():
            journal.end(self._manifest, journal.listed)
            return Sent([], [])
        with Claim(self._objects, journal.publisher, new.items) as self._claim:
            before = self._claim.take(self._manifest, callers.wait, callers.warn)
            if before is not None or not self._is_settled:
                self._is_settled = False
                new.guard(before.items if before else 0, not journal.listed)
                self._look()
            sent = self._send(callers)
            # What a publisher that was overtaken still writes is found when all is listed again.
            listed = 0 if self._claim.has_taken_over else journal.listed
            journal.end(self._claim.release(), listed)
        return sent

    def _send(self, callers: Callers) -> Sent:
        journal, files = self._journal, self._new.files
        pending, gone = self._pending(), self._gone()
        new = [name for name in pending if not journal.get(name)]
        self._refuse_strangers(new)
        if gone or new or not self._is_settled:
            self._name(journal.known.keys() | files.keys())
        self._put_all(pending, callers.progress)
        if gone:
            self._claim.is_published = True
            self._delete(gone)
            self._name(files.keys())
        return Sent(pending, gone)

    def _pending(self) -> list[str]:
        """Returns the names of the files that are no objects yet, in the order to put them."""
        files, rank, unknown = self._new.files, self._new.rank, KnownObject("")
        get = self._journal.get if self._is_settled else self._journal.known.get
        names = [
            name
            for name in (self._new.changed if self._is_settled else files)
            if name in files
            and (
                (one := get(name) or unknown).fingerprint is None
                or (files[name] is not None and one.fingerprint != files[name])
            )
        ]
        return sorted(names, key=lambda name: (rank(name), name))

    def _gone(self) -> list[str]:
        """Returns the names of our objects that go: documents before the images they name."""
        if self._is_settled:
            gone = {name for name in self._new.removed if self._journal.get(name)}
        else:
            gone = self._journal.known.keys() - self._new.files.keys() - {NAMES}
        return sorted(gone, key=lambda name: (-self._new.rank(name), name))

    def _look(self) -> None:
        """Lists all objects, and notes what became of ours."""
        journal, names = self._journal, []
        with suppress(ObjectMissingError):
            try:
                names = msgspec.json.decode(self._objects.get(NAMES)[0], type=list[str])
            except msgspec.DecodeError as error:
                where = f"{self._objects}{NAMES}"
                raise PublishError(f"{where} is damaged ({error}): restore or remove it") from None
        self._ours = journal.known.keys() | {*names, NAMES}
        found = {}
        for one in self._objects.list():
            if one.key not in self._ours:
                self._strangers.add(one.key)
            else:
                known = journal.known.get(one.key)
                is_same = known is not None and known.etag == one.etag
                found[one.key] = known if known and is_same else KnownObject(one.etag)
        journal.listed = self._now
        journal.replace(found)

    def _refuse_strangers(self, names: list[str]) -> None:
        """Makes sure that nothing stands in the place of new objects, before they are named."""
        if self._is_settled:  # nothing was listed
            found = zip(names, ask_all(self._objects.look, names, _AT_ONCE), strict=True)
            self._strangers.update(name for name, other in found if other)
        for name in names:
            if name in self._strangers:
                raise PublishError(IN_THE_WAY.format(path=f"{self._objects}{name}"))

    def _name(self, names: Iterable[str]) -> None:
        """Writes down which objects are ours, unless that stands there."""
        data = msgspec.json.encode(sorted(set(names) - {NAMES}))
        mark = Fingerprint(len(data), zlib.crc32(data), 0)
        if (self._journal.get(NAMES) or KnownObject("")).fingerprint != mark:
            headers = Headers("application/json", "no-store")
            self._journal.note(NAMES, KnownObject(self._put(NAMES, data, headers), mark))

    def _put_all(self, names: list[str], progress: Callable[[int, int], None]) -> None:
        """Puts files, those of one rank at once."""
        done = 0
        for _, some in groupby(names, self._new.rank):
            for name, known in ask_all(self._put_file, some, _AT_ONCE):
                self._journal.note(name, known)
                done += 1
                progress(done, len(names))

    def _put_file(self, name: str) -> tuple[str, KnownObject]:
        path = self._out / name
        fingerprint = self._new.files[name] or Fingerprint.of(path)
        headers = Headers(kind_of(name).content_type, cache_control(name, self._max_age_s))
        return name, KnownObject(self._put(name, path.read_bytes(), headers), fingerprint)

    def _put(self, name: str, data: bytes, headers: Headers) -> str:
        """Puts an object in the place of the one that is known, and returns its ETag."""
        known = self._journal.get(name)
        etag = known.etag if known else ""
        for _ in range(_TRIES):
            self._claim.check()
            try:
                return self._objects.put(name, data, headers, replaces=etag)
            except ObjectChangedError:
                found = self._objects.look(name)
            if found and not etag and name not in self._ours:
                # The answer to an earlier try of ours may be lost; else it is not ours.
                if self._objects.get(name) == (data, found.etag):
                    return found.etag
                raise PublishError(IN_THE_WAY.format(path=f"{self._objects}{name}"))
            etag = found.etag if found else ""
        raise PublishError(f"{self._objects}{name}: another program writes it again and again")

    def _delete(self, names: list[str]) -> None:
        """Deletes objects, while nobody else may have claimed them."""
        for _, some in groupby(names, self._new.rank):
            rest = list(some)
            while rest:
                part, rest = rest[:_MOST_DELETED], rest[_MOST_DELETED:]
                self._claim.renew()
                self._objects.delete(part)
                for name in part:
                    self._journal.forget(name)
