"""Brings out/ from one state to the next.

All new files are written beside their places and flushed before the first one is renamed: until
then a full disk or a kill leaves every published file as it was. The manifest names the new files
before they appear, so that the next run knows everything that a killed one leaves as ours.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from os.path import lexists
from pathlib import Path
from typing import NamedTuple, Self

from feeds.common.errors import PublishError
from feeds.common.files import (
    Fingerprint,
    bytes_of,
    flush,
    has_bytes,
    remove,
    sync_file,
    sync_folder,
    temporary_for,
    write_file,
    write_whole,
)
from feeds.common.media_types import compress, copies_of, is_copy
from feeds.common.model import MEDIA, Document
from feeds.publish.manifest import MANIFEST, Manifest, read_manifest, write_manifest

# Flushes wait for the disk, not for us: several at once share the journal's commits.
_FLUSHERS = 8
_MAX_PENDING = 32
_IN_THE_WAY = (
    "{path} is in the way: it was not written by feeds. "
    "Move it, or choose another folder (paths.out, --out)."
)


class NewOutput(NamedTuple):
    """What out/ is to hold after a publication.

    `keep` names all documents and images, put or left alone; `items` goes into the manifest.
    `known` names files that are as the last publication left them: they are ours even if the
    manifest does not say so.
    """

    keep: Iterable[str]
    items: int
    known: Iterable[str] = ()


class Publisher:
    """One publication into `out`: `put` each document that may have changed, then `finish`.

    With `precompress` texts get compressed copies, which are not listed in `written` and `removed`;
    `recompress` makes all of them again. With `dry_run` nothing is written. Every OSError becomes a
    PublishError.
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
        self._dry_run = dry_run
        self._recompress = recompress
        self._items = new.items
        self._before = read_manifest(out)
        self._manifest_before = bytes_of(out / MANIFEST)
        self._known = set(new.known)
        self._ours = {*self._before.files, *self._known}
        # All files of the new state, copies included.
        self.files = set(new.keep)
        # The copies of each document that were not made or left alone yet.
        self._copies = {name: copies_of(name) for name in self.files} if precompress else {}
        self.files.update(*self._copies.values())
        # Files in the way of new documents: never claimed, never overwritten.
        self._strangers = {name for name in self.files - self._ours if lexists(f"{out}/{name}")}
        self._has_begun = False
        self._is_whole = True
        self._temporary: dict[Path, Path] = {}
        self._folders: set[Path] = set()
        # Imported on demand: a pass that changes nothing needs no threads.
        from feeds.common.workers import Threads

        self._flushers = Threads[None](_FLUSHERS, "flush")

    @property
    def removed(self) -> list[str]:
        """The documents and images that are published no more."""
        return sorted(name for name in self._ours - self.files if not is_copy(name))

    def put(self, document: Document) -> bool:
        """Takes a document; returns whether it differs from what is published.

        Raises:
            PublishError: the file cannot be written, or one that is not ours is in its way.
        """
        with self._failures():
            changed = self._place(document.path, document.data)
            if changed:
                self.written.append(document.path)
            self._put_copies(document.path, document.data)
        return changed

    def link(self, name: str, source: Path) -> None:
        """Takes a file as it is, by a hard link if possible, else by a copy with its mtime.

        What is put after it becomes visible after it. The file is taken to be flushed already.

        Raises:
            PublishError: it cannot be linked or copied, or a file that is not ours is in its way.
        """
        path = self.out / name
        if name in self._strangers:
            raise PublishError(_IN_THE_WAY.format(path=path))
        self.linked.append(name)
        if self._dry_run:
            return
        with self._failures():
            self._begin()
            temporary = self._claim_temporary(path)
            try:
                temporary.hardlink_to(source)
            except OSError:  # another disk, too many links, a file system without, or a leftover
                temporary.unlink(missing_ok=True)
                shutil.copy2(source, temporary)
                self._flushers.submit(sync_file, temporary)

    def finish(self) -> None:
        """Makes everything that was put visible, and removes our files that are not kept.

        Raises:
            PublishError: the disk is full, or out/ cannot be written.
        """
        if self._dry_run:
            return
        with self._failures():
            for name in list(self._copies):  # of documents that were left alone
                self._put_copies(name)
            while len(self._flushers):
                self._flushers.result()
            gone = self._ours - self.files
            if gone or self._before.unfinished:
                self._begin()
            temporary_for(self.out / MANIFEST).unlink(missing_ok=True)  # of a run killed early
            self._is_whole = False
            for path, temporary in self._temporary.items():
                temporary.replace(path)
            self._temporary.clear()
            # Documents before the images that they name.
            for name in sorted(gone, key=lambda name: (name.startswith(f"{MEDIA}/"), name)):
                remove(self.out, name)
            for folder in sorted(self._folders):
                sync_folder(folder)
            files = tuple(sorted(self.files))
            write_manifest(self.out, Manifest(items=self._items, files=files))

    def close(self) -> None:
        """Takes back files that did not become visible; published files stay as they are."""
        self._flushers.close()
        for temporary in self._temporary.values():
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        self._temporary.clear()
        if self._has_begun and self._is_whole:
            with suppress(OSError):
                self._restore_manifest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _place(self, name: str, data: bytes, mtime_ns: int | None = None) -> bool:
        """Writes a file beside its place, unless that holds these bytes already."""
        path = self.out / name
        before = Fingerprint.of(f"{self.out}/{name}")
        if before and has_bytes(path, data):
            self.fingerprints[name] = before
            return False
        if name in self._strangers or path.is_dir():
            raise PublishError(_IN_THE_WAY.format(path=path))
        if not self._dry_run:
            self._begin()
            self.fingerprints[name] = self._write(path, data, mtime_ns)
        return True

    def _put_copies(self, name: str, data: bytes | None = None) -> None:
        """Makes the copies of a document, unless they are `known` to be made of these bytes.

        They take its mtime, so that servers send one Last-Modified for all. They are renamed right
        after it: for as long as that takes, or until the next pass after a kill in this moment, a
        reader may get the old document from a copy, whole.
        """
        copies = self._copies.pop(name, {})
        rewritten = self.out / name in self._temporary
        if not copies or self._dry_run:
            return
        if not rewritten and not self._recompress and self._known >= {name, *copies}:
            return
        if data is None:
            data = (self.out / name).read_bytes()
        fingerprint = self.fingerprints.get(name) or Fingerprint.of(f"{self.out}/{name}")
        for copy, coding in copies.items():
            small = compress(coding, data)
            if len(small) < len(data):
                self._place(copy, small, fingerprint.mtime_ns if fingerprint else None)
            else:
                self.files.discard(copy)

    def _begin(self) -> None:
        """Before the first write: removes what a killed run left, and claims the names to come."""
        if self._has_begun:
            return
        self._has_begun = True
        before, claimed = self._before, sorted((self._ours | self.files) - self._strangers)
        if before.unfinished:
            for name in claimed:
                with suppress(FileNotFoundError, NotADirectoryError):
                    temporary_for(self.out / name).unlink()
        claim = Manifest(items=before.items, unfinished=True, files=tuple(claimed))
        write_manifest(self.out, claim)

    def _claim_temporary(self, path: Path) -> Path:
        if path.parent not in self._folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(path.parent)
        self._temporary[path] = temporary = temporary_for(path)
        return temporary

    def _write(self, path: Path, data: bytes, mtime_ns: int | None) -> Fingerprint:
        descriptor = write_file(self._claim_temporary(path), data)
        if mtime_ns is not None:
            os.utime(descriptor, ns=(mtime_ns, mtime_ns))
        fingerprint = Fingerprint.of_status(os.fstat(descriptor))
        self._flushers.submit(flush, descriptor)
        if len(self._flushers) > _MAX_PENDING:
            self._flushers.result()
        return fingerprint

    def _restore_manifest(self) -> None:
        """Takes back the claim on names that were never written."""
        path = self.out / MANIFEST
        temporary_for(path).unlink(missing_ok=True)
        if self._manifest_before is None:
            path.unlink(missing_ok=True)
        else:
            write_whole(path, self._manifest_before)

    @contextmanager
    def _failures(self) -> Iterator[None]:
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
