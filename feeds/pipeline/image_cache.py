"""Keeps the image cache: locks it, removes copies that no seed names, and makes narrower ones.

Narrower copies are made beside passes and fetches, and in turns with both: no lock and no
transaction is held while an image is decoded.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from feeds.common.errors import (
    BusyError,
    DamagedManifestError,
    ImageCacheError,
    PublishError,
    StateError,
)
from feeds.common.files import Fingerprint, bytes_of
from feeds.common.lock import acquire_lock
from feeds.common.media import narrow_name
from feeds.common.reports import Clock, utc_now
from feeds.common.store_protocols import Meta
from feeds.common.times import show_time, to_unix
from feeds.config import Config, Loaded
from feeds.images.cache import (
    copies_in,
    folder_times,
    is_of_all_files,
    narrow_key_of,
    remove,
    remove_unfinished,
    write_aside,
)
from feeds.publish import read_manifest
from feeds.store import DamagedStateError, Store, open_state
from feeds.store.backup import restore_missing_state
from feeds.store.images import ImageToNarrow, NarrowCopy

# Raise it whenever the same image and widths would give other copies.
_VERSION = 1
# How narrower copies were to be made the last time: version and widths.
_FORM = Meta("narrow images", str)
# After so many seconds the rest waits for the next fetch, so that a pass publishes what is there.
_MOST_SECONDS = 60.0
# How long another fetch is waited for.
WAIT_SECONDS = 600.0
_LOCK = ".feeds-images.lock"
# An image that no seed names any more may come back within this time.
_KEEP_SECONDS = 30 * 86_400


def collect_garbage(
    loaded: Loaded, warn: Callable[[str], None], clock: Clock = utc_now
) -> list[str]:
    """Removes the copies that nobody needs any more; returns their names, below the cache.

    Raises:
        ImageCacheError: the cache cannot be used.
        BusyError: a fetch did not end in time.
        StateError: the state file cannot be used.
    """
    now = clock()
    with looking_after(loaded.config, WAIT_SECONDS, warn, now) as store, store.transaction():
        store.note_unnamed(to_unix(now))
        return remove_unused(store, loaded.config, to_unix(now))


def remove_unused(store: Store, config: Config, now: int) -> list[str]:
    """Removes the copies that no seed has named for 30 days; returns their names.

    A copy that a document in out/ names stays. For files of which nothing is known, the time of
    their last change counts. If the manifest is damaged, nothing is removed.
    """
    cache, before = config.images.cache, now - _KEEP_SECONDS
    published = {name for names in store.feed_images().values() for name in names}
    try:
        published.update(read_manifest(config.paths.out).images)
    except DamagedManifestError:
        return []  # until a pass has made a new one
    removed = []
    for image in store.unnamed_images(before):
        if image.name not in published:
            names = [*filter(None, [image.name]), *store.drop_image(image.key)]
            for name in names:
                remove(cache, name)
            removed += names
    for folder in sorted(folder_times(cache)):
        known = {image.key for image in store.images_in(folder)}
        narrow = copies_in(cache, folder, narrow_key_of)
        for key, names in (*copies_in(cache, folder).items(), *narrow.items()):
            for name in names:
                if key not in known and name not in published:
                    status = (cache / name).stat()
                    if max(status.st_mtime, status.st_ctime) <= before:
                        remove(cache, name)
                        removed.append(name)
    return removed


@contextmanager
def looking_after(
    config: Config, wait: float, warn: Callable[[str], None], started: datetime
) -> Iterator[Store]:
    """Locks the cache and opens the store; turns faults of the cache into `ImageCacheError`."""
    cache = config.images.cache
    owner = f"process {os.getpid()} (since {show_time(started)})"

    def on_wait(other: str) -> None:
        warn(f"waiting for {other}, which fetches images")

    with ExitStack() as stack:
        try:
            stack.enter_context(acquire_lock(cache, owner, wait=wait, on_wait=on_wait, name=_LOCK))
        except BusyError as error:
            raise BusyError(f"{error} is fetching images and did not finish in time") from None
        except PublishError as error:
            raise ImageCacheError(str(error)) from None
        stack.enter_context(cache_faults_told(cache))
        remove_unfinished(cache)
        stack.callback(remove_unfinished, cache)
        restore_missing_state(config, warn)
        yield stack.enter_context(opened_state(config, warn))


@contextmanager
def opened_state(config: Config, warn: Callable[[str], None]) -> Iterator[Store]:
    """Opens the store beside passes; turns damage, which a pass would mend, into `StateError`."""
    try:
        with open_state(config.paths.state, "pass", warn) as store:
            yield store
    except DamagedStateError as error:
        raise StateError(
            f"the state file is damaged ({error}); 'feeds export' makes a new one"
        ) from None


@contextmanager
def cache_faults_told(cache: Path) -> Iterator[None]:
    """Turns faults of the disk that the cache lies on into `ImageCacheError`."""
    try:
        yield
    except OSError as error:
        where, reason = error.filename or cache, error.strerror or str(error)
        raise ImageCacheError(f"cannot use the image cache: {where}: {reason}") from None


def has_images_to_narrow(store: Store, config: Config) -> bool:
    """Tells whether there are copies of images of which narrower ones are to be made."""
    is_other = store.has_pictures() and store.get_meta(_FORM) != _form(config)
    return _is_wanted(store, config) and (is_other or store.has_images_to_narrow())


def narrow_images(
    config: Config, warn: Callable[[str], None], most_seconds: float = _MOST_SECONDS
) -> tuple[int, bool]:
    """Makes narrower copies of the images that have none yet, those of the newest items first.

    After so many seconds no further image is begun. Returns how many images got some, and whether
    a pass has something to publish.

    Raises:
        ImageCacheError: the cache cannot be used.
        StateError: the state file cannot be used.
    """
    with cache_faults_told(config.images.cache), opened_state(config, warn) as store:
        if not _is_wanted(store, config):
            return 0, False
        return _Narrowing(store, config, warn).run(time.monotonic() + most_seconds)


def _is_wanted(store: Store, config: Config) -> bool:
    shows_any = config.site.pages and bool(config.images.media_url(config.site.base_url))
    return shows_any and (bool(config.images.widths) or store.has_narrow_copies())


def _form(config: Config) -> str:
    return f"{_VERSION}:{','.join(map(str, sorted(config.images.widths)))}"


class _Narrowing:
    """One run over the images that have no narrower copies yet."""

    def __init__(self, store: Store, config: Config, warn: Callable[[str], None]) -> None:
        self._store = store
        self._cache = config.images.cache
        self._widths = config.images.widths
        self._form = _form(config)
        self._warn = warn

    def run(self, until: float) -> tuple[int, bool]:
        """Narrows images until that time (`time.monotonic`)."""
        self._look_for_lost()
        made = 0
        for image in self._store.images_to_narrow():
            if time.monotonic() > until:
                break
            try:
                made += self._narrow(image)
            except OSError as error:  # of one file, unless the disk is full
                if is_of_all_files(error):
                    raise
                self._warn(f"no narrower copies of {self._cache / image.name}: {error}")
        return made, self._store.has_image_news()

    def _look_for_lost(self) -> None:
        """Notes which narrower copies are gone or not as they were, or to be made otherwise."""
        lost = set()
        for key, one in self._store.narrow_copies():
            found = Fingerprint.of(self._cache / narrow_name(key, one.width))
            if found is None or (found.size, found.mtime_ns) != (one.length, one.mtime_ns):
                lost.add(key)
        is_other = self._store.get_meta(_FORM) != self._form
        if lost or is_other:
            with self._store.transaction():
                self._store.narrow_again(lost)
                if is_other:
                    self._store.narrow_again()
                    self._store.set_meta(_FORM, self._form)

    def _narrow(self, image: ImageToNarrow) -> bool:
        """Makes the narrower copies of an image; tells whether there are any."""
        data = bytes_of(self._cache / image.name)
        if data is None or hashlib.sha256(data).digest() != image.digest:
            return False  # the next look at the cache notices it
        made = self._made(data, image)
        try:
            with self._store.transaction():
                if not self._store.is_to_narrow(image):
                    return False  # another copy of it came meanwhile
                kept = [self._named(image.key, width, path) for width, path in made.items()]
                for width in self._store.keep_narrow(image.key, kept) - made.keys():
                    remove(self._cache, narrow_name(image.key, width))
            return bool(kept)
        except FileNotFoundError:  # a fetch that began meanwhile has tidied up
            return False
        finally:
            for path in made.values():
                path.unlink(missing_ok=True)

    def _made(self, data: bytes, image: ImageToNarrow) -> dict[int, Path]:
        """Returns the files, which have no name yet, by their widths; none if it is impossible."""
        # Imported on demand: it costs 0.1 s, and often there is nothing to do.
        from feeds.images.resize import narrowed

        try:
            copies = narrowed(data, image.width, self._widths) if self._widths else []
        except OSError as error:
            if is_of_all_files(error):
                raise
            copies = []
        except Exception as error:  # noqa: BLE001 (decoders of hostile bytes raise whatever they like)
            self._warn(f"no narrower copies of {self._cache / image.name}: {error}")
            copies = []
        return {width: write_aside(self._cache, one)[0] for width, one in copies}

    def _named(self, key: str, width: int, path: Path) -> NarrowCopy:
        status = path.stat()
        path.replace(self._cache / narrow_name(key, width))
        return NarrowCopy(width, status.st_size, status.st_mtime_ns)
