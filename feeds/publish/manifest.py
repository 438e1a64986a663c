"""The manifest of out/: the names of the files there that are ours.

Their names stand in one file, `MANIFEST`, but those of images in one of their own in `PARTS`. If
they are very many all stand in `PARTS`, each in the file that a digest of its address chooses, and
`MANIFEST` only says so. A publication rewrites the parts whose names change.

Every file is replaced as a whole, the parts before `MANIFEST`. A kill in between leaves names of
files that are not there yet, or not any more, and never a file of ours without its name.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TypeVar

import msgspec

from feeds.common.errors import DamagedManifestError, PublishError
from feeds.common.files import Fingerprint, temporary_for, write_whole
from feeds.common.media import MEDIA

T = TypeVar("T")

MANIFEST = ".feeds-manifest.json"
PARTS = ".feeds-manifest"
# So many names stand in one file: those of 5,000 feeds with pages and compressed copies, and more.
MOST_TOGETHER = 65_536
# With 100,000 feeds a part has about 160 kB.
_PARTS = 256
_PART_NAMES = tuple(f"{number:02x}.json" for number in range(_PARTS))
_IMAGES = "images.json"
# No part of a path below out/ is one of these.
_OUTSIDE = {"", ".", ".."}
# A pass may go from one way to the other while a server reads.
_TRIES = 5


class Manifest(msgspec.Struct, kw_only=True, frozen=True):
    """The files below out/ that we wrote or were about to write.

    `files` are all but `images`, which stand in the folder `MEDIA`. `items` counts the valid seeds
    of the last run that came to its end; `unfinished` says that a later one has begun to write.
    """

    version: int = 1
    items: int = 0
    unfinished: bool = False
    files: tuple[str, ...] = ()
    images: frozenset[str] = frozenset()

    def encode(self, **others: object) -> bytes:
        """Returns readable JSON: all names, sorted, or these other fields of `ManifestHead`."""
        head = {"version": self.version, "items": self.items, "unfinished": self.unfinished}
        return _encode(head | (others or {"files": sorted((*self.files, *self.images))}))


class ManifestHead(Manifest, kw_only=True, frozen=True):
    """What stands in `MANIFEST`: with `parts` so many files in `PARTS` have the `names`.

    With `has_images` one there has those of images, and `files` are all others.
    """

    names: int = 0
    parts: int = 0
    has_images: bool = False


class ManifestFiles:
    """The files of a manifest of out/, as they were read or written last."""

    def __init__(self, out: Path) -> None:
        self._out = out
        # The names in each part; empty without parts, or if it is not known what they hold.
        self._parts: list[set[str]] = []
        self._images: frozenset[str] = frozenset()
        self._read: Manifest | None = None
        # Of some names alone, these that were asked for, as they are now, and how many there are.
        self._some: set[str] | None = None
        self._count = 0

    def read(self, some: Iterable[str] | None = None) -> Manifest:
        """Returns the manifest, an empty one if there is none yet.

        One in parts can be read as if it had `some` names alone, which are known to be there. What
        is written then replaces these names; all others stay, and nobody looks at them.

        Raises:
            DamagedManifestError: it does not say which files are ours.
            PublishError: it cannot be read.
        """
        if some is not None:
            head = read_head(self._out)
            self._some, self._count = set(some), head.names
            self._read = _manifest(head, sorted(self._some), frozenset())
            return self._read
        path = self._out / MANIFEST
        for left in reversed(range(_TRIES)):
            try:
                head = _decode(path, ManifestHead)
                parts = (self._folder / name for name in _PART_NAMES[: head.parts])
                self._parts = [set(_read_part(part)) for part in parts]
                images = self._folder / _IMAGES
                known = Fingerprint.of(images)
                self._images = _read_once(images, known) if head.has_images else frozenset()
                break
            except FileNotFoundError as error:
                if error.filename == str(path):
                    return Manifest()
                if not left:
                    raise _damaged(Path(error.filename), "it is missing") from None
        names = (*_inside(head.files), *chain.from_iterable(self._parts))
        self._read = _manifest(head, names, self._images)
        return self._read

    def write(self, manifest: Manifest) -> None:
        """Replaces the manifest; out/ is made if it is missing.

        Raises:
            OSError: out/ cannot be written.
        """
        self._out.mkdir(parents=True, exist_ok=True)
        if self._some is None and len(manifest.files) + len(manifest.images) <= MOST_TOGETHER:
            self._write_together(manifest)
            return
        names = {*manifest.files, *manifest.images}
        if self._some is not None:
            self._change_parts(names - self._some, self._some - names)
            self._some = names
        else:
            self._write_parts(names)
            self._count = len(names)
        # The number of names, so that it changes when they do, and servers look.
        head = manifest.encode(version=2, names=self._count, parts=_PARTS)
        write_whole(self._out / MANIFEST, head)
        if self._images:
            self._images = frozenset()
            self._keep_parts(_PART_NAMES)

    def remove_unfinished(self) -> None:
        """Removes what a run left that was killed while it wrote a manifest."""
        Path(temporary_for(self._out / MANIFEST)).unlink(missing_ok=True)
        for path in self._folder.glob(".*"):
            path.unlink(missing_ok=True)

    def restore(self) -> None:
        """Writes the manifest as it was read.

        Raises:
            OSError: out/ cannot be written.
        """
        self.remove_unfinished()
        if self._read is not None:
            self.write(self._read)
        else:
            (self._out / MANIFEST).unlink(missing_ok=True)
            self._keep_parts(())

    @property
    def _folder(self) -> Path:
        return self._out / PARTS

    def _write_together(self, manifest: Manifest) -> None:
        """Writes all names into one file, but those of images, which are written if they change."""
        images, before = manifest.images, self._images
        if images and images != before:
            self._images = frozenset()  # until they are written
            self._folder.mkdir(exist_ok=True)
            self._write_part(_IMAGES, images)
        has_images = {"has_images": True} if images else {}
        head = manifest.encode(**has_images, files=sorted(manifest.files))
        write_whole(self._out / MANIFEST, head)
        self._parts, self._images = [], images
        self._keep_parts([_IMAGES] if images else [])

    def _write_parts(self, names: set[str]) -> None:
        """Writes the parts that have other names than they were read or written with."""
        is_whole = len(self._parts) == _PARTS
        parts = self._parts if is_whole else [set() for _ in range(_PARTS)]
        changed = _by_part(names.difference(*parts) | set().union(*parts).difference(names))
        self._parts = []  # until all are written
        self._folder.mkdir(exist_ok=True)
        for number in sorted(changed) if is_whole else range(_PARTS):
            parts[number] ^= changed[number]
            self._write_part(_PART_NAMES[number], parts[number])
        self._parts = parts

    def _change_parts(self, came: set[str], gone: set[str]) -> None:
        """Reads and writes those parts alone to which names come, or from which names go."""
        for number, moved in sorted(_by_part(came | gone).items()):
            before = _read_part(self._folder / _PART_NAMES[number])
            names = (before | (moved & came)) - (moved & gone)
            self._count += len(names) - len(before)
            self._write_part(_PART_NAMES[number], names)

    def _write_part(self, name: str, names: Iterable[str]) -> None:
        write_whole(self._folder / name, _encode(sorted(names)))

    def _keep_parts(self, names: Sequence[str]) -> None:
        """Removes all parts but these."""
        gone = {_IMAGES, *_PART_NAMES}.difference(names)
        for path in self._folder.glob("*.json"):
            if path.name in gone:
                path.unlink(missing_ok=True)
        if not names:
            self.remove_unfinished()
            with suppress(OSError):
                self._folder.rmdir()


def read_manifest(out: Path) -> Manifest:
    """Returns the manifest of an out/ folder; see `ManifestFiles.read`."""
    return ManifestFiles(out).read()


def read_head(out: Path) -> ManifestHead:
    """Returns what stands in the first file of a manifest; raises as `ManifestFiles.read` does."""
    try:
        return _decode(out / MANIFEST, ManifestHead)
    except FileNotFoundError as error:
        raise PublishError(f"cannot read {error.filename}: {error.strerror}") from None


def write_manifest(out: Path, manifest: Manifest) -> None:
    """Replaces the manifest of an out/ folder; see `ManifestFiles.write`."""
    ManifestFiles(out).write(manifest)


def _decode(path: Path, kind: type[T]) -> T:
    """Returns what stands in a file; a missing one is a FileNotFoundError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise PublishError(f"cannot read {path}: {error.strerror or error}") from None
    except msgspec.DecodeError as error:
        raise _damaged(path, error) from None


def _read_part(path: Path) -> frozenset[str]:
    return frozenset(_inside(_decode(path, tuple[str, ...])))


@lru_cache(maxsize=1)
def _read_once(path: Path, _: Fingerprint | None) -> frozenset[str]:
    """Returns the names of images: a pass reads them twice, and most passes change none."""
    return _read_part(path)


def _manifest(head: ManifestHead, names: Iterable[str], images: frozenset[str]) -> Manifest:
    """Returns a manifest of these names, some of which may be of images, and of these images."""
    known, files = set(names), tuple(name for name in names if not name.startswith(f"{MEDIA}/"))
    images = images | known.difference(files) if len(files) < len(known) else images
    return Manifest(items=head.items, unfinished=head.unfinished, files=files, images=images)


def _encode(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _by_part(names: Iterable[str]) -> defaultdict[int, set[str]]:
    """Returns which of these names stand in which part."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    for name in names:
        found[zlib.crc32(_address_of(name).encode()) % _PARTS].add(name)
    return found


def _address_of(name: str) -> str:
    """Returns a document's path without extensions: all documents of a feed stand in one part."""
    return name.removesuffix(".gz").removesuffix(".br").rpartition(".")[0]


def _inside(names: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the names of files that are below out/, whatever somebody wrote into a manifest."""
    text = "/" + "/\n/".join(names) + "/"
    if not any(one in text for one in ("\0", "//", "/./", "/../")):
        return names
    return tuple(
        name for name in names if "\0" not in name and _OUTSIDE.isdisjoint(name.split("/"))
    )


def _damaged(path: Path, reason: object) -> DamagedManifestError:
    return DamagedManifestError(
        path,
        f"{path} is damaged ({reason}), so it is not known which files in out/ are ours. "
        "Restore it, or empty the folder and publish again.",
    )
