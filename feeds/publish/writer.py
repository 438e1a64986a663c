"""Writes documents and their compressed copies beside their places, and flushes them by threads.

A worker flushes what it wrote while it writes the next documents, and says so then. The publisher
flushes the rest: what workers wrote last, and what those wrote that were killed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds.common.errors import PublishError
from feeds.common.files import Fingerprint, has_bytes, sync_files, temporary_for, write_file
from feeds.common.model import Document
from feeds.publish.compression import compress, copies_of

# Flushes wait for the disk, not for us: several at once share the journal's commits.
_AT_ONCE = 8
_AT_ONCE_BY_WORKER = 4
_TOGETHER = 4
IN_THE_WAY = (
    "{path} is in the way: it was not written by feeds. "
    "Move it, or choose another place (paths.out, --out)."
)


class Place(NamedTuple):
    """What is known of the places of some documents and their copies, before they are written.

    `strangers` are files there that are not ours; `has_copies` says that all copies are there,
    made of the published documents.
    """

    strangers: frozenset[str] = frozenset()
    has_copies: bool = False


class Written(msgspec.Struct, frozen=True):
    """A file as it stands at its place or, if it `is_new`, beside it, not flushed yet.

    `fingerprint` is None if a dry run did not write it. `copies` are those that were made or found
    to be right, `dropped` those that would be no smaller.
    """

    path: str
    is_new: bool
    fingerprint: Fingerprint | None = None
    copies: tuple[Written, ...] = ()
    dropped: tuple[str, ...] = ()

    def new_files(self) -> Iterator[str]:
        """Yields the names of the files that were written: it and its copies, if they are new."""
        return (one.path for one in (self, *self.copies) if one.is_new)


class Writer(NamedTuple):
    """Writes files below `out`; see `Publisher` for the rest.

    Before the first file is written the manifest must name it.
    """

    out: Path
    precompress: bool = False
    recompress: bool = False
    dry_run: bool = False

    def write(
        self, document: Document, place: Place, begin: Callable[[], None] | None = None
    ) -> Written:
        """Writes a document, unless its place holds the same bytes, and its copies.

        Args:
            document: what is published.
            place: what is known of its place.
            begin: is called before a file is written.

        Raises:
            PublishError: a file that is not ours is in the way.
            OSError: a file cannot be read or written.
        """
        written = self._write(document, place, begin)
        return self.write_copies(written, document.data, place, begin)

    def write_copies(
        self, written: Written, data: bytes, place: Place, begin: Callable[[], None] | None = None
    ) -> Written:
        """Writes the copies of a document that need it, and returns them with the document.

        They take its mtime, so that servers send one Last-Modified for all.
        """
        if not self.precompress or self.dry_run:
            return written
        if place.has_copies and not (written.is_new or self.recompress):
            return written
        mtime_ns = written.fingerprint.mtime_ns if written.fingerprint else None
        copies, dropped = [], []
        for name, coding in copies_of(written.path).items():
            small = compress(coding, data)
            if len(small) < len(data):
                copies.append(self._write(Document(name, small), place, begin, mtime_ns))
            else:
                dropped.append(name)
        return msgspec.structs.replace(written, copies=tuple(copies), dropped=tuple(dropped))

    def _write(
        self,
        document: Document,
        place: Place,
        begin: Callable[[], None] | None,
        mtime_ns: int | None = None,
    ) -> Written:
        name = document.path
        path = self.out / name
        before = Fingerprint.of(f"{self.out}/{name}")
        if before and has_bytes(path, document.data):
            return Written(name, is_new=False, fingerprint=before)
        if name in place.strangers or path.is_dir():
            raise PublishError(IN_THE_WAY.format(path=path))
        if self.dry_run:
            return Written(name, is_new=True)
        if begin:
            begin()
        temporary = temporary_for(path)
        try:
            descriptor = write_file(temporary, document.data)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = write_file(temporary, document.data)
        try:
            if mtime_ns is not None:
                os.utime(descriptor, ns=(mtime_ns, mtime_ns))
            fingerprint = Fingerprint.of_status(os.fstat(descriptor))
        finally:
            os.close(descriptor)
        return Written(name, is_new=True, fingerprint=fingerprint)


class Flushers:
    """Threads that flush files."""

    def __init__(self) -> None:
        # Imported on demand: a pass that changes nothing needs no threads.
        from feeds.common.workers import Threads

        self._threads = Threads[None](_AT_ONCE, "flush")
        self._paths: list[str] = []

    def add(self, paths: Iterable[str]) -> None:
        """Adds files, which are flushed some at a time.

        Raises:
            OSError: a file could not be flushed.
        """
        self._paths += paths
        self._flush(_TOGETHER)

    def finish(self) -> None:
        """Flushes what is left, and waits until all files are flushed.

        Raises:
            OSError: a file could not be flushed.
        """
        self._flush(1)
        while self._threads:
            self._threads.result()

    def close(self) -> None:
        """Waits for what is being flushed."""
        self._threads.close()

    def _flush(self, count: int) -> None:
        while len(self._paths) >= count:
            some, self._paths = self._paths[:_TOGETHER], self._paths[_TOGETHER:]
            self._threads.submit(sync_files, some)
            if len(self._threads) > _AT_ONCE:
                self._threads.result()


class WorkersFlusher:
    """Flushes what the `writer` of a worker wrote; `flushing` flushes what was added before."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self._names: list[str] = []

    def add(self, documents: Iterable[Written]) -> None:
        """Adds documents that were written."""
        if not self.writer.dry_run:
            self._names += (name for one in documents for name in one.new_files())

    @contextmanager
    def flushing(self) -> Iterator[list[str]]:
        """Flushes what was added, beside what is done in it; gives the names of these files.

        Raises:
            OSError: a file could not be flushed.
        """
        from feeds.common.workers import Threads

        names, self._names = self._names, []
        paths = [temporary_for(f"{self.writer.out}/{name}") for name in names]
        with closing(Threads[None](_AT_ONCE_BY_WORKER, "flush")) as threads:
            for place in range(min(_AT_ONCE_BY_WORKER, len(paths))):
                threads.submit(sync_files, paths[place::_AT_ONCE_BY_WORKER])
            yield names
            while threads:
                threads.result()
