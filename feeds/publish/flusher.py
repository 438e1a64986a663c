"""Flushes new files by threads: those of a publisher, and those of the workers that wrote them.

A worker flushes what it wrote while it writes the next documents, and says so then. The publisher
flushes the rest: what workers wrote last, and what those wrote that were killed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager

from feeds.common.files import sync_files, temporary_for
from feeds.publish.writer import Writer, Written

# Flushes wait for the disk, not for us: several at once share the journal's commits.
_AT_ONCE = 8
_AT_ONCE_BY_WORKER = 4
_TOGETHER = 4


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
