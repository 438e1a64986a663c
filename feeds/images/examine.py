"""Finds new files in the image cache, reads and decodes them, outside of any transaction.

Files appear in the cache in two ways: a fetch puts them there, and a site drops them there that has
them already. And they get lost and damaged. Passes look where the mtime of a folder changed, and
where an item that changed names an image without a copy; fetches look everywhere before they ask
for anything.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds.common.files import Fingerprint
from feeds.common.media import CachedImage
from feeds.common.store_protocols import ImageStore, Meta
from feeds.config import Config
from feeds.images.cache import (
    NewCopy,
    announced,
    copies_in,
    copy_name,
    folder_times,
    is_of_all_files,
    keep_aside,
    new_copy,
)

# Raise it whenever the same bytes and settings would give another copy.
_COPY_VERSION = 2
# Others wait for what a pass publishes; the files that are left are decoded the next time.
_PATIENCE_SECONDS = 10.0


class Fault(msgspec.Struct, frozen=True):
    """A file of the cache that cannot be used, and why; as long as it has this fingerprint."""

    fingerprint: Fingerprint
    reason: str


class CacheSeen(msgspec.Struct, frozen=True):
    """What the last look at the cache saw: how copies were made (`form`), and the folders' mtimes.

    `faults` are the files that cannot be used, by name; they are not decoded again.
    """

    cache: str
    form: str
    folders: dict[str, int]
    faults: dict[str, Fault] = {}


MEMO = Meta("image cache", CacheSeen)


class CacheScope(NamedTuple):
    """How much of the cache is looked at: by default, what may have changed.

    These are folders whose mtime changed, and those to which images of changed items belong that
    have no copy yet. `everywhere` looks into all folders. `digests` also reads every copy. Without
    `write` no file is touched.
    """

    write: bool = True
    everywhere: bool = False
    digests: bool = False


CHANGED = CacheScope()


class ExaminedFile(NamedTuple):
    """A file as it was read: its SHA-256, and the copy that it makes, or why it makes none."""

    fingerprint: Fingerprint
    digest: bytes = b""
    copy: NewCopy | None = None
    fault: str = ""


class Examined(NamedTuple):
    """The files of the cache that were read, by name; not all if time did not suffice.

    `times` are the mtimes of the cache's folders, as they were at `began_ns` since 1970. `aside`
    are the files that were written for new copies and have no name yet.
    """

    config: Config
    scope: CacheScope
    began_ns: int
    times: dict[str, int]
    files: dict[str, ExaminedFile]
    aside: list[Path]
    is_all: bool = True


def settings_of(config: Config) -> str:
    """Returns how copies are to be made, as text: version, width and ``+`` for metadata."""
    width, metadata = config.images.max_width, config.images.keep_metadata
    return f"{_COPY_VERSION}:{width}{'+' if metadata else ''}"


def examine_cache(
    store: ImageStore,
    config: Config,
    seen: CacheSeen | None,
    scope: CacheScope = CHANGED,
    keys: Iterable[str] = (),
) -> Examined:
    """Reads and decodes what is new in the cache; to be called outside of transactions.

    After some seconds no further file is decoded; the next call goes on from there. `seen` is what
    the last look at the cache saw (`MEMO`), `keys` are those of images that items will name, of
    which the store may know nothing yet.
    """
    began_ns, times = time.time_ns(), folder_times(config.images.cache)
    examined = Examined(config, scope, began_ns, times, {}, [])
    named = set(store.without_copy(keys)) if times else set()
    folders, before = look_at(seen, examined, named)
    reader = _Reader(examined, {} if scope.everywhere else before.faults)
    for folder in sorted(folders):
        known, files = store.images_in(folder), copies_in(config.images.cache, folder)
        new = sorted((files.keys() & named).difference(image.key for image in known))
        for image in [*known, *(CachedImage(key=key, url="") for key in new)]:
            if reader.is_out_of_time():
                return reader.examined._replace(is_all=False)
            reader.examine(image, files.get(image.key, []))
    return reader.examined


def unusable(image: CachedImage, reason: str) -> CachedImage:
    """Returns an image as one without a copy, to be fetched at once."""
    return CachedImage(key=image.key, url=image.url, host=image.host, reason=reason)


def look_at(
    seen: CacheSeen | None, examined: Examined, keys: Iterable[str]
) -> tuple[set[str], CacheSeen]:
    """Returns the folders to look into, and what was seen the last time.

    They are also those of `keys`, and all if copies are to be made otherwise.
    """
    this = CacheSeen(str(examined.config.images.cache), settings_of(examined.config), {})
    if seen and (seen.cache, seen.form) == (this.cache, this.form):
        this = seen
    times, before = examined.times, seen.folders if seen and seen.cache == this.cache else {}
    if not times and not before:
        return set(), this
    folders = {name for name, _ in times.items() ^ before.items()}
    if examined.scope.everywhere or this is not seen:
        folders = {*times, *before}
    return folders.union(key[:2] for key in keys), this


class Verdict(NamedTuple):
    """An image as it is known now, and the file to make its copy of, if any.

    If it has neither this nor a copy, the file that was its copy is to be removed.
    """

    image: CachedImage
    take: str = ""


def judge(
    image: CachedImage,
    names: list[str],
    examined: Examined,
    digest_of: Callable[[str], bytes],
) -> Verdict | None:
    """Compares an image with its files `names`; None if nothing changed."""
    if image.name not in names:
        if image.name:  # if there is a file, a run was killed that replaced one of another type
            lost = unusable(image, "the copy was missing from the cache")
            return Verdict(lost, names[0] if names else "")
        return Verdict(image, names[0]) if names else None
    images, settings = examined.config.images, settings_of(examined.config)
    status = Fingerprint.of_status((images.cache / image.name).stat())
    untouched = (status.size, status.mtime_ns) == (image.length, image.mtime_ns)
    if untouched and not examined.scope.digests:
        return None if image.form == settings else Verdict(image, image.name)
    digest = digest_of(image.name)
    if digest == image.digest:
        if image.form != settings:
            return Verdict(image, image.name)
        if untouched:
            return None
        return Verdict(msgspec.structs.replace(image, mtime_ns=status.mtime_ns))
    if digest == announced(images.cache, image.name):
        # A run was killed that replaced it: it is whole, but not what the server said it was.
        return Verdict(msgspec.structs.replace(image, etag="", modified=""), image.name)
    if image.fetched and images.fetch != "off":
        return Verdict(unusable(image, "the copy was damaged on disk"))
    return Verdict(unusable(image, ""), image.name)


class _Reader:
    """Reads files, and decodes those that an image takes."""

    def __init__(self, examined: Examined, faults: dict[str, Fault]) -> None:
        self.examined = examined
        self._faults = faults
        self._began = time.monotonic()
        self._decoded = 0

    def is_out_of_time(self) -> bool:
        """Tells whether to decode no more files; one is always decoded, so that all will be."""
        return self._decoded > 0 and time.monotonic() - self._began > _PATIENCE_SECONDS

    def examine(self, image: CachedImage, names: list[str]) -> None:
        """Reads what `reconcile` will need to know of the files of an image."""
        try:
            verdict = judge(image, names, self.examined, self._digest_of)
            if verdict and verdict.take:
                self._read(verdict.take, decode=True)
        except OSError as error:  # of one file: `reconcile` meets the fault as well, and says so
            if is_of_all_files(error):
                raise

    def _digest_of(self, name: str) -> bytes:
        return self._read(name, decode=False).digest

    def _read(self, name: str, *, decode: bool) -> ExaminedFile:
        path = self.examined.config.images.cache / name
        fingerprint = Fingerprint.of_status(path.stat())
        try:
            data = path.read_bytes()
        except OSError as error:
            if is_of_all_files(error):
                raise
            found = ExaminedFile(fingerprint, fault=str(error))
        else:
            found = ExaminedFile(fingerprint, hashlib.sha256(data).digest())
            known = self._faults.get(name)
            if decode and known and known.fingerprint == fingerprint:
                found = found._replace(fault=known.reason)
            elif decode:
                found = self._decode(name, data, found)
        self.examined.files[name] = found
        return found

    def _decode(self, name: str, data: bytes, found: ExaminedFile) -> ExaminedFile:
        # Imported on demand: passes that find nothing new do without Pillow.
        from feeds.images.decode import CopySettings, prepare

        images = self.examined.config.images
        self._decoded += 1
        try:
            settings = CopySettings(images.max_width, images.keep_metadata)
            made = prepare(data, settings, images.max_pixels)
        except Exception as error:  # noqa: BLE001 (decoders of hostile bytes raise whatever they like)
            return found._replace(fault=str(error))
        place = copy_name(name.rpartition("/")[2].partition(".")[0], made.type)
        is_to_write = made.data != data or place != name
        if is_to_write and self.examined.scope.write:
            copy = keep_aside(images.cache, made)
            self.examined.aside.append(copy.file)
        else:
            copy = new_copy(images.cache / name, found.fingerprint.mtime_ns, made)
        return found._replace(copy=copy)
