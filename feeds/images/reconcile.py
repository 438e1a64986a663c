"""Brings what is known of copies of images up to the files that the cache holds.

Files appear in the cache in two ways: a fetch puts them there, and a site drops them there that has
them already. And they get lost and damaged. All this is noticed here, by passes (where the mtime of
a folder, or an item, changed) and before every fetch (everywhere).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from feeds.common.image_types import CachedImage, ImageStore
from feeds.config import Config
from feeds.images.cache import (
    announced,
    copies_in,
    copy_name,
    folder_times,
    give_name,
    is_of_all_files,
    remove,
    write_aside,
)

if TYPE_CHECKING:
    from feeds.images.decode import CopySettings

# File systems note changes with a granularity of up to two seconds (FAT).
_SETTLING_NS = 2_000_000_000
# Raise it whenever the same bytes and settings would give another copy.
_COPY_VERSION = 2
# A pass holds the store meanwhile; folders that are left are looked into the next time.
_PATIENCE_SECONDS = 10.0


class _Seen(msgspec.Struct, frozen=True):
    """What the last look at the cache saw: in which form copies were, and the folders' mtimes."""

    cache: str
    form: str
    folders: dict[str, int]


class CacheScope(NamedTuple):
    """How much of the cache is looked at: by default, what may have changed.

    These are folders whose mtime changed, and those to which images of changed items belong.
    `everywhere` looks into all folders, `only` into these. `digests` also reads every copy. Without
    `write` no file is touched.
    """

    write: bool = True
    everywhere: bool = False
    digests: bool = False
    only: set[str] | None = None


CHANGED = CacheScope()


def form_name(config: Config) -> str:
    """Returns the name of the way that copies are made: version, width and ``+`` for metadata."""
    width, metadata = config.images.max_width, config.images.keep_metadata
    return f"{_COPY_VERSION}:{width}{'+' if metadata else ''}"


def reconcile(
    store: ImageStore,
    config: Config,
    now: int,
    warn: Callable[[str], None],
    scope: CacheScope = CHANGED,
) -> set[str]:
    """Takes in what was dropped into the cache, and notices what was damaged or is gone.

    Ends after some seconds, and returns the folders that are left: what they hold is decoded the
    next time, or by a call with `only` these.
    """
    cache = config.images.cache
    times = folder_times(cache)
    seen = store.get_meta("image cache", _Seen)
    before = seen.folders if seen and seen.cache == str(cache) else {}
    if not times and not before:
        return set()
    form = form_name(config)
    look = {name for name in times.keys() | before.keys() if times.get(name) != before.get(name)}
    look |= {key[:2] for key in store.keys_of(store.touched)}
    if scope.everywhere or seen is None or seen.form != form:
        look |= times.keys() | before.keys()
    if scope.only is not None:
        look = scope.only
    keeper = _Keeper(store, config, now, warn, scope)
    began, left = time.monotonic(), set(look)
    for folder in sorted(look):
        keeper.look_into(folder)
        left.remove(folder)
        if time.monotonic() - began > _PATIENCE_SECONDS:
            break
    settled = time.time_ns() - _SETTLING_NS
    folders = {name: mtime for name, mtime in times.items() if mtime < settled}
    folders |= dict.fromkeys(left, 0)  # no folder has this mtime, so it is looked into again
    this = _Seen(str(cache), form, folders)
    if this != seen:
        store.set_meta("image cache", this)
    return left


def unusable(image: CachedImage, reason: str) -> CachedImage:
    """Returns an image as one without a copy, to be fetched at once."""
    return CachedImage(key=image.key, url=image.url, host=image.host, reason=reason)


class _Keeper:
    """Compares the files of a folder with what is known of them."""

    def __init__(
        self,
        store: ImageStore,
        config: Config,
        now: int,
        warn: Callable[[str], None],
        scope: CacheScope,
    ) -> None:
        self._store = store
        self._images = config.images
        self._now = now
        self._warn = warn
        self._write = scope.write
        self._digests = scope.digests
        self._form = form_name(config)

    def look_into(self, folder: str) -> None:
        """Brings the images of one folder up to its files."""
        files = copies_in(self._images.cache, folder)
        for image in self._store.images_in(folder):
            try:
                self._look_at(image, files.get(image.key, []))
            except OSError as error:
                if is_of_all_files(error):
                    raise
                self._warn(f"the copy of {image.url} is left as it is: {error}")

    def _look_at(self, image: CachedImage, names: list[str]) -> None:
        if not image.name:
            if names:
                self._take(image, names[0])
        elif image.name not in names:
            self._store.keep_image(unusable(image, "the copy was gone from the cache"))
            if names:  # a run was killed that replaced it by one of another type
                self._take(unusable(image, ""), names[0])
        else:
            self._compare(image)

    def _compare(self, image: CachedImage) -> None:
        status = (self._images.cache / image.name).stat()
        untouched = (status.st_size, status.st_mtime_ns) == (image.length, image.mtime_ns)
        if untouched and not self._digests and image.form == self._form:
            return
        if untouched and not self._digests:
            self._take(image, image.name)
            return
        data = (self._images.cache / image.name).read_bytes()
        digest = hashlib.sha256(data).digest()
        if digest == image.digest:
            if image.form != self._form:
                self._take(image, image.name)
            elif not untouched:
                self._store.keep_image(msgspec.structs.replace(image, mtime_ns=status.st_mtime_ns))
        elif digest == announced(self._images.cache, image.name):
            # A run was killed that replaced it: it is whole, but not what the server said it was.
            self._take(msgspec.structs.replace(image, etag="", modified=""), image.name)
        elif image.fetched and self._images.fetch != "off":
            if self._write:
                remove(self._images.cache, image.name)
            self._store.keep_image(unusable(image, "the copy was damaged on disk"))
        else:
            self._take(unusable(image, ""), image.name)

    def _take(self, image: CachedImage, name: str) -> None:
        """Makes a file the copy of an image: checked, measured, in the right form and place."""
        # Imported on demand: passes that find nothing new do without Pillow.
        from feeds.images.decode import CopySettings, prepare

        images, path = self._images, self._images.cache / name
        try:
            data = path.read_bytes()
            form = CopySettings(images.max_width, images.keep_metadata)
            copy = prepare(data, form, images.max_pixels)
        except Exception as error:  # decoders of hostile bytes raise whatever they like
            if isinstance(error, OSError) and is_of_all_files(error):
                raise
            self._warn(f"{path} cannot be used: {error}")
            if image.name:
                self._store.keep_image(unusable(image, str(error)))
            return
        place, mtime = copy_name(image.key, copy.type), path.stat().st_mtime_ns
        if self._write and (copy.data != data or place != name):
            mtime = _replace(images.cache, name, place, copy.data)
        worse = bool(image.name and image.fetched) and _lacks(image, form)
        self._store.keep_image(
            msgspec.structs.replace(
                image,
                name=place,
                type=copy.type,
                length=len(copy.data),
                width=copy.width,
                height=copy.height,
                digest=hashlib.sha256(copy.data).digest(),
                mtime_ns=mtime,
                form=self._form,
                etag="" if worse else image.etag,
                modified="" if worse else image.modified,
                missing=False,
                due=self._due(image, worse=worse),
                failures=0,
                reason="",
            )
        )

    def _due(self, image: CachedImage, *, worse: bool) -> int:
        if worse:
            return 0
        return image.due if image.name else self._now + int(self._images.refresh.total_seconds())


def _lacks(image: CachedImage, form: CopySettings) -> bool:
    """Tells whether the copy at hand lost something that copies shall have now.

    Names of forms had no version at first: ``1200+`` is then the whole name.
    """
    width = int(image.form.rpartition(":")[2].rstrip("+") or 0)
    narrowed = width > 0 and (form.max_width == 0 or form.max_width > width)
    return narrowed or (form.keep_metadata and not image.form.endswith("+"))


def _replace(cache: Path, name: str, place: str, data: bytes) -> int:
    written = write_aside(cache, data)
    give_name(cache, written, place, hashlib.sha256(data).digest())
    if place != name:
        remove(cache, name)
    return written.mtime_ns
