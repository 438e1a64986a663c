"""Brings out/ from one state to the next: writes, renames and removes whole files.

All new files are written beside their places and flushed before the first one is renamed: until
then a full disk or a kill leaves every published file as it was. The manifest names the new files
before they appear, so that the next run knows everything that a killed one leaves as ours.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from os.path import lexists
from pathlib import Path
from typing import NamedTuple, Self

from msgspec.structs import replace

from feeds.common.errors import PublishError
from feeds.common.files import Fingerprint, remove, sync_folder, temporary_for
from feeds.common.media import MEDIA
from feeds.common.model import Document
from feeds.publish.compression import copies_of, is_copy
from feeds.publish.manifest import Manifest, ManifestFiles
from feeds.publish.writer import IN_THE_WAY, Flushers, Place, Writer, Written


class NewOutput(NamedTuple):
    """The files that out/ is to hold after a publication.

    `keep` names all documents, put or left alone, `images` all images; `items` goes into the
    manifest. `known` and `known_images` are as the last publication left them: ours even if the
    manifest does not say so. `yielding` names documents that are left out where a file that is not
    ours has their place. `resting` are other files of ours, in their order, which nobody looks at.
    With `before` none but these files may change, of a manifest in parts.
    """

    keep: Iterable[str]
    items: int
    known: Iterable[str] = ()
    images: AbstractSet[str] = frozenset()
    known_images: AbstractSet[str] = frozenset()
    yielding: Iterable[str] = ()
    resting: Sequence[str] = ()
    before: Iterable[str] | None = None


class Sent(NamedTuple):
    """The names of documents and images that a publication put and deleted."""

    put: list[str]
    deleted: list[str]


class Publisher:
    """One publication into `out`: `put` each document that may have changed, then `finish`.

    With `precompress` texts get compressed copies, which are not listed in `written` and `removed`;
    `recompress` makes all of them again. `left_out` are the documents whose places files of others
    have. With `dry_run` nothing is written. Every OSError becomes a PublishError.
    """

    def __init__(
        self,
        out: Path,
        new: NewOutput,
        *,
        precompress: bool = False,
        recompress: bool = False,
        dry_run: bool = False,
    ) -> None:
        self.out = out
        self.written: list[str] = []
        self.linked: list[str] = []
        # Of documents as they were written; the next pass notices what happens to a file later.
        self.fingerprints: dict[str, Fingerprint] = {}
        self.writer = Writer(out, precompress, recompress, dry_run)
        self._items = new.items
        self._manifest = ManifestFiles(out)
        self._before = self._manifest.read(new.before)
        self._known = set(new.known)
        self._resting = new.resting
        # Images that stay are looked at by nobody, unless a run was killed that may have begun one.
        before = self._before.images
        self._staying = frozenset() if self._before.unfinished else before & new.images
        ours, images = (before | new.known_images) - self._staying, new.images - self._staying
        self._ours = {*self._before.files, *self._known, *ours}.difference(new.resting)
        # All files of the new state that do not stay, copies included.
        self.files = {*new.keep, *images}
        taken = self.files.intersection(new.yielding) - self._ours
        self.left_out = {name for name in taken if lexists(f"{out}/{name}")}
        self.files -= self.left_out
        # The copies of each document that were not made or left alone yet; images have none.
        copies = {name: copies_of(name) for name in self.files} if precompress else {}
        self._copies = {name: paths for name, paths in copies.items() if paths}
        self.files.update(*self._copies.values())
        # Files in the way of new documents: never claimed, never overwritten.
        self._strangers = {name for name in self.files - self._ours if lexists(f"{out}/{name}")}
        self._has_begun, self._is_whole = False, True
        self._temporary: dict[str, str] = {}
        self._expected: list[str] = []
        self._folders: set[str] = set()
        self._flushers = Flushers()
        # What workers wrote and have not said yet that it is flushed.
        self._unflushed: dict[str, str] = {}

    @property
    def removed(self) -> list[str]:
        """The documents and images that are published no more."""
        return sorted(name for name in self._ours - self.files if not is_copy(name))

    def place_of(self, *names: str) -> Place:
        """Returns what is known of the places of these documents and their copies."""
        files = {*names, *(copy for name in names for copy in self._copies.get(name, ()))}
        return Place(frozenset(files & self._strangers), self._known >= files)

    def put(self, document: Document) -> bool:
        """Writes a document; returns whether it differs from what is published.

        Raises:
            PublishError: the file cannot be written, or one that is not ours is in its way.
        """
        if document.path in self.left_out:
            return False
        with self.failures():
            self._expected.append(document.path)
            written = self.writer.write(document, self.place_of(document.path), self._begin)
            self._flushers.add(path for _, path in self._take([written]))
        return written.is_new

    def expect(self, names: Iterable[str]) -> None:
        """Prepares for these documents, which `writer` writes in other processes.

        Raises:
            OSError: the manifest cannot be written.
        """
        self._expected.extend(names)
        if not self.writer.dry_run:
            self._begin()

    def take_unflushed(self, documents: Iterable[Written]) -> None:
        """Takes documents that a worker wrote; `finish` flushes them unless the worker has."""
        self._unflushed.update(self._take(documents))

    def take_flushed(self, names: Iterable[str]) -> None:
        """Takes the names of files that the worker flushed which wrote them.

        One that `take_unflushed` does not know yet is flushed once more.
        """
        for name in names:
            self._unflushed.pop(name, None)

    def _take(self, documents: Iterable[Written]) -> Iterator[tuple[str, str]]:
        """Takes documents that `writer` wrote; what is new of them becomes visible in the end.

        Yields each new file that is to be flushed.
        """
        for document in documents:
            self._copies.pop(document.path, None)
            if document.is_new:
                self.written.append(document.path)
            self.files.difference_update(document.dropped)
            for one in (document, *document.copies):
                if one.fingerprint:
                    self.fingerprints[one.path] = one.fingerprint
            if not self.writer.dry_run:
                for name in document.new_files():
                    yield name, self._claim_temporary(name)

    def link(self, name: str, source: str | Path) -> None:
        """Takes a file as it is, by a hard link if possible, else by a copy with its mtime.

        What is put after it becomes visible after it. The file is taken to be flushed already.

        Raises:
            PublishError: it cannot be linked or copied, or a file that is not ours is in its way.
        """
        if name in self._strangers:
            raise PublishError(IN_THE_WAY.format(path=self.out / name))
        self.linked.append(name)
        if self.writer.dry_run:
            return
        with self.failures():
            self._begin()
            temporary = self._claim_temporary(name)
            try:
                os.link(source, temporary)
            except OSError:  # another disk, too many links, a file system without, or a leftover
                Path(temporary).unlink(missing_ok=True)
                shutil.copy2(source, temporary)
                self._flushers.add([temporary])

    def finish(self) -> None:
        """Makes everything that was put visible, and removes our files that are not kept.

        Raises:
            PublishError: the disk is full, or out/ cannot be written.
        """
        if self.writer.dry_run:
            return
        with self.failures():
            for name in list(self._copies):  # of documents that were left alone
                self._put_copies(name)
            self._flushers.add(self._unflushed.values())
            self._flushers.finish()
            gone = self._ours - self.files
            if gone or self._before.unfinished:
                self._begin()
            self._manifest.remove_unfinished()
            self._is_whole = False
            for path, temporary in self._temporary.items():
                os.replace(temporary, path)  # noqa: PTH105 (images are many)
            self._temporary.clear()
            self._expected.clear()
            # Documents before the images that they name.
            for name in sorted(gone, key=lambda name: (name.startswith(f"{MEDIA}/"), name)):
                remove(self.out, name)
            for folder in sorted(self._folders):
                sync_folder(folder)
            self._write_manifest(Manifest(items=self._items), self.files)

    def close(self) -> None:
        """Takes back files that did not become visible; published files stay as they are."""
        self._flushers.close()
        if self._has_begun:
            names = (one for name in self._expected for one in (name, *copies_of(name)))
            written = (temporary_for(f"{self.out}/{name}") for name in names)
            for temporary in (*self._temporary.values(), *written):
                with suppress(OSError):
                    Path(temporary).unlink(missing_ok=True)
            self._temporary.clear()
            self._expected.clear()
            if self._is_whole:
                with suppress(OSError):  # takes back the claim on names that were never written
                    self._manifest.restore()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put_copies(self, name: str) -> None:
        """Makes the copies of a document that was left alone, unless they are known.

        Copies are renamed right after their document: for as long as that takes, or until the next
        pass after a kill in this moment, a reader may get the old document from a copy, whole.
        """
        place = self.place_of(name)
        if place.has_copies and not self.writer.recompress:
            return
        document = Written(name, is_new=False, fingerprint=Fingerprint.of(self.out / name))
        data = (self.out / name).read_bytes()
        copies = self.writer.write_copies(document, data, place, self._begin)
        self._flushers.add(path for _, path in self._take([copies]))

    def _begin(self) -> None:
        """Before the first write: removes what a killed run left, and claims the names to come."""
        if self._has_begun:
            return
        self._has_begun = True
        claimed = (self._ours | self.files) - self._strangers
        if self._before.unfinished:
            for name in claimed:
                with suppress(FileNotFoundError, NotADirectoryError):
                    Path(temporary_for(f"{self.out}/{name}")).unlink()
        self._write_manifest(Manifest(items=self._before.items, unfinished=True), claimed)

    def _write_manifest(self, manifest: Manifest, names: set[str]) -> None:
        """Writes a manifest with these names and those of all files that nobody looks at."""
        new = {name for name in names if name.startswith(f"{MEDIA}/")}
        files = (*sorted(names - new), *self._resting)  # in an order that is quick to sort
        self._manifest.write(replace(manifest, files=files, images=self._staying.union(new)))

    def _claim_temporary(self, name: str) -> str:
        path = f"{self.out}/{name}"
        if (folder := path.rpartition("/")[0]) not in self._folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        self._temporary[path] = temporary = temporary_for(path)
        return temporary

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Raises every OSError as a PublishError that says how out/ is left."""
        try:
            yield
        except OSError as error:
            where, reason = error.filename or self.out, error.strerror or str(error)
            state = (
                "out/ is left as it was."
                if self._is_whole
                else "Every file in out/ is whole, some are new; the next run does the rest."
            )
            raise PublishError(f"cannot publish: {where}: {reason}. {state}") from None
