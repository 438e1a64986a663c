"""Brings the store's rows of images up to the files of the cache that `examine_cache` found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from feeds.common.files import SETTLING_NS, Fingerprint
from feeds.common.media import CachedImage
from feeds.common.model import FeedRef
from feeds.common.store_protocols import ImageStore
from feeds.config.model import ImagesConfig
from feeds.images.cache import NewCopy, copies_in, copy_name, give_name, is_of_all_files, remove
from feeds.images.examine import (
    MEMO,
    CacheSeen,
    Examined,
    ExaminedFile,
    Fault,
    Verdict,
    judge,
    look_at,
    settings_of,
    unusable,
)
from feeds.images.retry import with_copy


class ImageChanges(NamedTuple):
    """The copies that came or changed since the last pass, and the feeds that show such images."""

    copies: set[str]
    feeds: set[FeedRef]


def reconcile(
    store: ImageStore,
    examined: Examined,
    items: Iterable[str],
    now: int,
    warn: Callable[[str], None],
) -> ImageChanges:
    """Takes in files that were dropped into the cache, and notices damaged and missing ones.

    To be called in a transaction. Files that changed since they were examined are looked at the
    next time, as are those that time did not suffice for. `items` are the ids of those that
    changed, `now` is in seconds since 1970.
    """
    config = examined.config
    seen = store.get_meta(MEMO)
    named = store.without_copy(store.keys_of(items))
    wanted, before = look_at(seen, examined, named)
    keeper = _Keeper(store, examined, now, warn)
    left = {folder for folder in sorted(wanted) if not keeper.look_into(folder)}
    settled = examined.began_ns - SETTLING_NS
    folders = {name: mtime for name, mtime in examined.times.items() if mtime < settled}
    folders |= dict.fromkeys(left, 0)  # no folder has this mtime, so it is looked into again
    known = {} if examined.scope.everywhere else before.faults
    faults = {name: one for name, one in known.items() if name.split("/")[1] not in wanted - left}
    this = CacheSeen(str(config.images.cache), settings_of(config), folders, faults | keeper.faults)
    if this != seen and (folders or wanted):
        store.set_meta(MEMO, this)
    for path in examined.aside:
        path.unlink(missing_ok=True)
    return ImageChanges(store.image_news(), store.feeds_with_image_news())


class _Keeper:
    """Brings rows and names up to what was examined."""

    def __init__(
        self, store: ImageStore, examined: Examined, now: int, warn: Callable[[str], None]
    ) -> None:
        self._store = store
        self._examined = examined
        self._images = examined.config.images
        self._now = now
        self._warn = warn
        self.faults: dict[str, Fault] = {}

    def look_into(self, folder: str) -> bool:
        """Brings the images of one folder up to its files; tells whether all were examined."""
        files = copies_in(self._images.cache, folder)
        is_whole = True
        for image in self._store.images_in(folder):
            try:
                names = files.get(image.key, [])
                verdict = judge(image, names, self._examined, self._digest_of)
                if verdict:
                    self._keep(image, verdict)
            except _NotExaminedError:
                is_whole = False
            except OSError as error:
                if is_of_all_files(error):
                    raise
                self._warn(f"the copy of {image.url} is left as it is: {error}")
        return is_whole

    def _file(self, name: str) -> ExaminedFile:
        """Returns what was read of a file that did not change since."""
        found = self._examined.files.get(name)
        if found is None or found.fingerprint != Fingerprint.of(self._images.cache / name):
            raise _NotExaminedError
        return found

    def _digest_of(self, name: str) -> bytes:
        found = self._file(name)
        if not found.digest:
            raise OSError(found.fault)
        return found.digest

    def _keep(self, image: CachedImage, verdict: Verdict) -> None:
        base = verdict.image
        if not verdict.take:
            if not base.name and self._examined.scope.write:
                remove(self._images.cache, image.name)
            self._store.keep_image(base)
            return
        file = self._file(verdict.take)
        if file.copy:
            self._take(base, verdict.take, file.copy)
        elif file.fault:
            self._warn(f"{self._images.cache / verdict.take} cannot be used: {file.fault}")
            if file.digest:
                self.faults[verdict.take] = Fault(file.fingerprint, file.fault)
            if base.name or base.reason:
                self._store.keep_image(unusable(base, file.fault) if base.name else base)
        else:
            raise _NotExaminedError

    def _take(self, image: CachedImage, name: str, copy: NewCopy) -> None:
        """Makes what was examined the copy of an image, by the present settings, in its place."""
        cache, place = self._images.cache, copy_name(image.key, copy.type)
        if copy.file != cache / name:
            try:
                give_name(cache, copy, place)
            except FileNotFoundError:  # a fetch that began meanwhile has tidied up
                raise _NotExaminedError from None
            if place != name:
                remove(cache, name)
        taken = with_copy(image, copy, settings_of(self._examined.config))
        if image.name and image.fetched and _lacks(image, self._images):
            taken = msgspec.structs.replace(taken, etag="", modified="", due=0)
        elif not image.name:
            due = self._now + int(self._images.refresh.total_seconds())
            taken = msgspec.structs.replace(taken, due=due)
        self._store.keep_image(taken)


class _NotExaminedError(Exception):
    """A file is not the one that was examined, or was not examined."""


def _lacks(image: CachedImage, images: ImagesConfig) -> bool:
    """Tells whether the copy lost something that the configuration asks for now.

    There was no version at first: ``1200+`` is then the whole text.
    """
    width = int(image.form.rpartition(":")[2].rstrip("+") or 0)
    narrowed = width > 0 and (images.max_width == 0 or images.max_width > width)
    return narrowed or (images.keep_metadata and not image.form.endswith("+"))
