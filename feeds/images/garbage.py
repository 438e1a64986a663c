"""Removes copies of images that nobody needs any more from the cache."""

from __future__ import annotations

from feeds.common.errors import DamagedManifestError
from feeds.config import Config
from feeds.images.cache import copies_in, folder_times, remove
from feeds.publish import read_manifest
from feeds.store import Store

# So long after the last seed stopped to name it an image may still come back.
KEEP_SECONDS = 30 * 86_400


def remove_unused(store: Store, config: Config, now: int) -> list[str]:
    """Removes what no known seed has named for 30 days; returns the names.

    What a document in out/ still names stays, however long that is. Of files that nothing is known
    of, the time of their last change counts. Where the manifest is damaged nothing is removed.
    """
    cache, before = config.images.cache, now - KEEP_SECONDS
    published = {name for names in store.feed_images().values() for name in names}
    try:
        published.update(read_manifest(config.paths.out).files)
    except DamagedManifestError:
        return []  # until a pass has made it anew
    removed = []
    for image in store.unnamed_images(before):
        if image.name not in published:
            store.drop_image(image.key)
            if image.name:
                remove(cache, image.name)
                removed.append(image.name)
    for folder in sorted(folder_times(cache)):
        known = {image.key for image in store.images_in(folder)}
        for key, names in copies_in(cache, folder).items():
            for name in names:
                if key not in known and name not in published:
                    status = (cache / name).stat()
                    if max(status.st_mtime, status.st_ctime) <= before:
                        remove(cache, name)
                        removed.append(name)
    return removed
