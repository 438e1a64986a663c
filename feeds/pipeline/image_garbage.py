"""Removes the copies in the image cache that no seed names any more, and locks the cache."""

from __future__ import annotations

import os
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
from feeds.common.files import acquire_lock
from feeds.common.reports import Clock, utc_now
from feeds.common.times import show_time, to_unix
from feeds.config import Config, Loaded
from feeds.images.cache import copies_in, folder_times, narrow_key_of, remove, remove_unfinished
from feeds.pipeline.backup import restore_missing_state
from feeds.publish import read_manifest
from feeds.store import DamagedStateError, Store, open_state

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
