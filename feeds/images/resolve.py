"""The copies of images that a pass shows: which there are, and which are to be put into out/."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from feeds.common.files import Fingerprint
from feeds.common.image_types import pictures_to_show
from feeds.common.model import Entry, Picture
from feeds.common.protocols import ImageStore
from feeds.config import Config


class ImageResolver:
    """Tells of each image whether its copy can be shown.

    A copy is usable if its size and mtime, in out/ or else in the cache, equal the stored ones.
    `links` are the names that are not in out/ yet, `present` those that are. `before` are the names
    in the documents of each feed, as the last pass left them. `untouched` says that the folders of
    copies in out/ did not change since then, so what it published is still there.
    """

    def __init__(
        self,
        store: ImageStore,
        config: Config,
        before: dict[str, tuple[str, ...]],
        *,
        untouched: bool = False,
    ) -> None:
        images = config.images
        self._store = store
        self._every = images.fetch == "all"
        self._cache = images.cache
        self._shows = bool(images.media_url(config.site.base_url))
        self._out = config.paths.out if self._shows and not images.base_url else None
        self._knows = store.has_pictures()
        self.links: set[str] = set()
        self.present: set[str] = set()
        if untouched and self._out:
            self.present.update(*before.values())
            self.present -= store.image_news()
        self._usable = dict.fromkeys(self.present, True)

    def of(self, entries: Iterable[Entry]) -> dict[int, list[Picture]]:
        """Returns what documents show of the images of these entries, by their numbers."""
        if not self._knows:
            return {}
        found = self._store.pictures((one.number for one in entries), every=self._every)
        return pictures_to_show(found, self._can_show if self._shows else None, every=self._every)

    def can_show(self, names: Iterable[str]) -> bool:
        """Tells whether all these copies can be shown."""
        return all(self._can_show(name) for name in names)

    def published(self, named: Iterable[tuple[str, ...]]) -> list[str]:
        """Returns which of the copies that documents name belong into out/."""
        return sorted(set().union(*named)) if self._out else []

    def _can_show(self, name: str) -> bool:
        if name not in self._usable:
            self._usable[name] = self._look(name)
        return self._usable[name]

    def _look(self, name: str) -> bool:
        wanted = self._store.copy_stamp(name)
        if wanted is None:
            return False
        if self._out and _is(self._out, name, wanted):
            self.present.add(name)
            return True
        is_cached = _is(self._cache, name, wanted)
        if self._out and is_cached:
            self.links.add(name)
        return is_cached


def names_of(pictures: dict[int, list[Picture]]) -> tuple[str, ...]:
    """Returns the names of the copies among these."""
    return tuple(sorted({one.name for some in pictures.values() for one in some if one.name}))


def _is(folder: Path, name: str, wanted: tuple[int, int]) -> bool:
    found = Fingerprint.of(f"{folder}/{name}")
    return found is not None and (found.size, found.mtime_ns) == wanted
