"""Brings out/ from one state to the next.

All new files are written beside their places and flushed before the first one is renamed: until
then a full disk or a kill leaves every published file as it was. The manifest names the new files
before they appear, so a run killed in between leaves nothing that the next does not know as ours.
"""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Self

from feeds.errors import PublishError
from feeds.model import MEDIA, Document, Fingerprint
from feeds.publish.manifest import MANIFEST, Manifest, read_manifest

_TEMPORARY = ".feeds-tmp"
# Flushes wait for the disk, not for us: several at once share the journal's commits.
_FLUSHERS = 8
_MAX_PENDING = 32
_IN_THE_WAY = (
    "{path} is in the way: it was not written by feeds. "
    "Move it, or choose another folder (paths.out, --out)."
)


def stamp_of(out: Path, name: str) -> Fingerprint | None:
    """Returns the fingerprint of a published file, None where there is none."""
    try:
        status = os.stat(f"{out}/{name}")  # noqa: PTH116 (asked of every document in every pass)
    except OSError:
        return None
    return Fingerprint(status.st_size, status.st_mtime_ns, status.st_ino)


class Publisher:
    """One publication into `out`: `put` each document that may have changed, then `finish`.

    `keep` names all documents of the new state, put or left alone; `items` goes into the manifest.
    `known` names files that are ours even if the manifest does not say so.
    With `dry_run` nothing is written. Every OSError becomes a PublishError.
    """

    def __init__(
        self,
        out: Path,
        keep: Iterable[str],
        items: int,
        *,
        known: Iterable[str] = (),
        dry_run: bool = False,
    ) -> None:
        self.out = out
        self.written: list[str] = []
        self.linked: list[str] = []
        # Of the documents that were put, as they were written: what happens to a file after that is
        # for the next pass to notice.
        self.stamps: dict[str, Fingerprint] = {}
        self._dry_run = dry_run
        before = read_manifest(out)
        self._before = _bytes_of(out / MANIFEST)
        ours = {*before.files, *known}
        kept = set(keep)
        # What stands in the way of a new document: never claimed, never overwritten.
        self._strangers = {name for name in kept - ours if os.path.lexists(f"{out}/{name}")}
        self.removed = sorted(ours - kept)
        self._manifest = Manifest(items=items, files=tuple(sorted(kept)))
        claimed = sorted((ours | kept) - self._strangers)
        self._claim = Manifest(items=before.items, unfinished=True, files=tuple(claimed))
        self._crashed = before.unfinished
        self._began = False
        self._is_whole = True
        self._temporary: dict[Path, Path] = {}
        self._folders: set[Path] = set()
        self._pending: deque[Future[None]] = deque()
        self._flushers = ThreadPoolExecutor(_FLUSHERS, thread_name_prefix="flush")

    def put(self, document: Document) -> bool:
        """Takes a document; returns whether it differs from what is published.

        Raises:
            PublishError: the file cannot be written, or one that is not ours is in its way.
        """
        path = self.out / document.path
        try:
            before = stamp_of(self.out, document.path)
            if before and _has_bytes(path, document.data):
                self.stamps[document.path] = before
                return False
            if document.path in self._strangers or path.is_dir():
                raise PublishError(_IN_THE_WAY.format(path=path))
            self.written.append(document.path)
            if not self._dry_run:
                self._begin()
                self.stamps[document.path] = self._write(path, document.data)
        except OSError as error:
            raise self._failure(error) from None
        return True

    def link(self, name: str, source: Path) -> None:
        """Takes a file as it is, by a hard link where that can be, else by a copy with its mtime.

        What is put after it becomes visible after it. The file is taken to be flushed already.

        Raises:
            PublishError: it cannot be linked or copied, or a file that is not ours is in its way.
        """
        path = self.out / name
        try:
            if name in self._strangers:
                raise PublishError(_IN_THE_WAY.format(path=path))
            self.linked.append(name)
            if self._dry_run:
                return
            self._begin()
            temporary = self._claim_temporary(path)
            try:
                temporary.hardlink_to(source)
            except OSError:  # another disk, too many links, a file system without, or a leftover
                temporary.unlink(missing_ok=True)
                shutil.copy2(source, temporary)
                self._pending.append(self._flushers.submit(_sync_file, temporary))
        except OSError as error:
            raise self._failure(error) from None

    def finish(self) -> None:
        """Makes everything that was put visible, and removes our files that are not kept.

        Raises:
            PublishError: the disk is full, or out/ cannot be written.
        """
        if self._dry_run:
            return
        try:
            while self._pending:
                self._pending.popleft().result()
            if self.removed or self._crashed:
                self._begin()
            _temporary_for(self.out / MANIFEST).unlink(missing_ok=True)  # of a run killed early
            self._is_whole = False
            for path, temporary in self._temporary.items():
                temporary.replace(path)
            self._temporary.clear()
            # Documents before the images that they name.
            for name in sorted(self.removed, key=lambda name: name.startswith(f"{MEDIA}/")):
                _remove(self.out, name)
            for folder in sorted(
                {(self.out / name).parent for name in (*self.written, *self.linked)}
            ):
                _sync_folder(folder)
            manifest = self._manifest.encode()
            if not _has_bytes(self.out / MANIFEST, manifest):
                self._write_manifest(manifest)
        except OSError as error:
            raise self._failure(error) from None

    def close(self) -> None:
        """Takes back what was put and did not become visible; what is published stays as it is."""
        self._flushers.shutdown()
        for temporary in self._temporary.values():
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        self._temporary.clear()
        if self._began and self._is_whole:
            with suppress(OSError, PublishError):
                self._restore_manifest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self) -> None:
        """Before the first write: sweeps up after a killed run, and claims the names to come."""
        if self._began:
            return
        self._began = True
        if self._crashed:
            for name in self._claim.files:
                with suppress(FileNotFoundError, NotADirectoryError):
                    _temporary_for(self.out / name).unlink()
        self._write_manifest(self._claim.encode())

    def _claim_temporary(self, path: Path) -> Path:
        if path.parent not in self._folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(path.parent)
        temporary = _temporary_for(path)
        self._temporary[path] = temporary
        return temporary

    def _write(self, path: Path, data: bytes) -> Fingerprint:
        temporary = self._claim_temporary(path)
        descriptor = _write_file(temporary, data)
        status = os.fstat(descriptor)
        self._pending.append(self._flushers.submit(_flush, descriptor))
        if len(self._pending) > _MAX_PENDING:
            self._pending.popleft().result()
        return Fingerprint(status.st_size, status.st_mtime_ns, status.st_ino)

    def _restore_manifest(self) -> None:
        """Takes back the claim on names that were never written."""
        path = self.out / MANIFEST
        _temporary_for(path).unlink(missing_ok=True)
        if self._before is None:
            path.unlink(missing_ok=True)
        elif not _has_bytes(path, self._before):
            self._write_bytes(path, self._before)

    def _write_manifest(self, manifest: bytes) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        self._write_bytes(self.out / MANIFEST, manifest)

    def _write_bytes(self, path: Path, data: bytes) -> None:
        temporary = _temporary_for(path)
        _flush(_write_file(temporary, data))
        temporary.replace(path)
        _sync_folder(path.parent)

    def _failure(self, error: OSError) -> PublishError:
        where = error.filename or self.out
        reason = error.strerror or str(error)
        state = (
            "out/ is left as it was."
            if self._is_whole
            else "Every file in out/ is whole, some are new already; the next run does the rest."
        )
        return PublishError(f"cannot publish: {where}: {reason}. {state}")


def _temporary_for(path: Path) -> Path:
    return path.with_name(f".{path.name}{_TEMPORARY}")


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _has_bytes(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def _write_file(path: Path, data: bytes) -> int:
    """Writes a new file and returns its open descriptor; the bytes are not flushed yet."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError as error:
        os.close(descriptor)
        error.filename = str(path)
        raise
    return descriptor


def _flush(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file(path: Path) -> None:
    _flush(os.open(path, os.O_RDONLY | os.O_CLOEXEC))


def _sync_folder(folder: Path) -> None:
    """Flushes a folder, without which a rename may not survive a power cut."""
    _flush(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))


def _remove(out: Path, name: str) -> None:
    path = out / name
    with suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()
    with suppress(OSError):
        for folder in path.relative_to(out).parents[:-1]:
            (out / folder).rmdir()  # only where it is empty
