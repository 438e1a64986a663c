"""Which files in out/ are ours.

Their names stand in one file, `MANIFEST`. If they are very many they stand in `PARTS`, each in the
file that a digest of its address chooses, and `MANIFEST` only says so: then a publication rewrites
the parts whose names change.

Every file is replaced as a whole, the parts before `MANIFEST`. A kill in between leaves names of
files that are not there yet, or not any more, and never a file of ours without its name.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path

import msgspec

from feeds.common.errors import DamagedManifestError, PublishError
from feeds.common.files import temporary_for, write_whole

MANIFEST = ".feeds-manifest.json"
PARTS = ".feeds-manifest"
# So many names stand in one file: those of 5,000 feeds with pages and compressed copies, and more.
MOST_TOGETHER = 65_536
# With 100,000 feeds a part has about 160 kB.
_PARTS = 256
_PART_NAME = "{:02x}.json"
# No part of a path below out/ is one of these.
_OUTSIDE = {"", ".", ".."}
# A pass may go from one way to the other while a server reads.
_TRIES = 5


class Manifest(msgspec.Struct, kw_only=True, frozen=True):
    """The files below out/ that we wrote or were about to write.

    `items` counts the valid seeds of the last run that came to its end; `unfinished` says that a
    later one has begun to write.
    """

    version: int = 1
    items: int = 0
    unfinished: bool = False
    files: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Returns the manifest as readable JSON, with the files sorted."""
        return _encode(msgspec.structs.replace(self, files=tuple(sorted(self.files))))


class ManifestHead(Manifest, kw_only=True, frozen=True):
    """What stands in `MANIFEST`: with `parts` so many files in `PARTS` have the `names`."""

    names: int = 0
    parts: int = 0


class ManifestFiles:
    """The files of a manifest of out/, as they were read or written last."""

    def __init__(self, out: Path) -> None:
        self._out = out
        # The names in each part; empty without parts, or if it is not known what they hold.
        self._parts: list[set[str]] = []
        self._read: Manifest | None = None
        # After `read_some` the names that were asked for, as they are now, and how many there are.
        self._some: set[str] | None = None
        self._count = 0

    def read(self, some: Iterable[str] | None = None) -> Manifest:
        """Returns the manifest, an empty one if there is none yet; of `some` names as `read_some`.

        Raises:
            DamagedManifestError: it does not say which files are ours.
            PublishError: it cannot be read.
        """
        if some is not None:
            return self.read_some(some)
        path = self._out / MANIFEST
        for left in reversed(range(_TRIES)):
            try:
                head = msgspec.json.decode(path.read_bytes(), type=ManifestHead)
                self._parts = [self._read_part(number) for number in range(head.parts)]
                break
            except FileNotFoundError as error:
                if error.filename == str(path):
                    return Manifest()
                if not left:
                    raise _damaged(Path(error.filename), "it is missing") from None
            except OSError as error:
                where, reason = error.filename or path, error.strerror or error
                raise PublishError(f"cannot read {where}: {reason}") from None
            except msgspec.DecodeError as error:
                raise _damaged(path, error) from None
        names = tuple(chain.from_iterable(self._parts)) if head.parts else head.files
        found = Manifest(items=head.items, unfinished=head.unfinished, files=_inside(names))
        self._read = found
        return found

    def read_some(self, names: Iterable[str]) -> Manifest:
        """Returns a manifest in parts as if it had these names alone, which are known to be there.

        What is written then replaces these names; all others stay, and nobody looks at them.

        Raises:
            DamagedManifestError, PublishError: as `read`.
        """
        head = read_head(self._out)
        self._some, self._count = set(names), head.names
        self._read = Manifest(
            items=head.items, unfinished=head.unfinished, files=tuple(sorted(self._some))
        )
        return self._read

    def write(self, manifest: Manifest) -> None:
        """Replaces the manifest; out/ is made if it is missing.

        Raises:
            OSError: out/ cannot be written.
        """
        self._out.mkdir(parents=True, exist_ok=True)
        path, names = self._out / MANIFEST, set(manifest.files)
        if self._some is not None:
            self._change_parts(names - self._some, self._some - names)
            self._some = names
        elif len(names) <= MOST_TOGETHER:
            write_whole(path, manifest.encode())
            self._remove_parts()
            return
        else:
            self._write_parts(names)
            self._count = len(names)
        head = {
            "version": 2,
            "items": manifest.items,
            "unfinished": manifest.unfinished,
            "names": self._count,  # so that it changes when they do, and servers look
            "parts": _PARTS,
        }
        write_whole(path, _encode(head))

    def remove_unfinished(self) -> None:
        """Removes what a run left that was killed while it wrote a manifest."""
        temporary_for(self._out / MANIFEST).unlink(missing_ok=True)
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
            self._remove_parts()

    @property
    def _folder(self) -> Path:
        return self._out / PARTS

    def _read_part(self, number: int) -> set[str]:
        path = self._folder / _PART_NAME.format(number)
        try:
            return set(msgspec.json.decode(path.read_bytes(), type=list[str]))
        except msgspec.DecodeError as error:
            raise _damaged(path, error) from None

    def _write_parts(self, names: set[str]) -> None:
        """Writes the parts that have other names than they were read or written with."""
        is_whole = len(self._parts) == _PARTS
        parts = self._parts if is_whole else [set() for _ in range(_PARTS)]
        changed = _by_part(names.difference(*parts) | set().union(*parts).difference(names))
        self._parts = []  # until all are written
        self._folder.mkdir(exist_ok=True)
        for number in sorted(changed) if is_whole else range(_PARTS):
            parts[number] ^= changed[number]
            self._write_part(number, parts[number])
        self._parts = parts

    def _change_parts(self, came: set[str], gone: set[str]) -> None:
        """Reads and writes those parts alone to which names come, or from which names go."""
        for number, moved in sorted(_by_part(came | gone).items()):
            before = self._read_part(number)
            names = (before | (moved & came)) - (moved & gone)
            self._count += len(names) - len(before)
            self._write_part(number, names)

    def _write_part(self, number: int, names: set[str]) -> None:
        write_whole(self._folder / _PART_NAME.format(number), _encode(sorted(names)))

    def _remove_parts(self) -> None:
        self._parts = []
        if self._folder.exists():
            self.remove_unfinished()
            for number in range(_PARTS):
                (self._folder / _PART_NAME.format(number)).unlink(missing_ok=True)
            with suppress(OSError):
                self._folder.rmdir()


def read_manifest(out: Path) -> Manifest:
    """Returns the manifest of an out/ folder, an empty one if it has none yet.

    Raises:
        DamagedManifestError: it does not say which files are ours.
        PublishError: it cannot be read.
    """
    return ManifestFiles(out).read()


def read_head(out: Path) -> ManifestHead:
    """Returns what stands in the first file of a manifest.

    Raises:
        DamagedManifestError: it cannot be understood.
        PublishError: it cannot be read.
    """
    path = out / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=ManifestHead)
    except OSError as error:
        raise PublishError(f"cannot read {path}: {error.strerror or error}") from None
    except msgspec.DecodeError as error:
        raise _damaged(path, error) from None


def write_manifest(out: Path, manifest: Manifest) -> None:
    """Replaces the manifest of an out/ folder, which is made if it is missing.

    Raises:
        OSError: out/ cannot be written.
    """
    ManifestFiles(out).write(manifest)


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
