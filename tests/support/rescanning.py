"""Rescans of a site into a store, pass after pass."""

from __future__ import annotations

from feeds.common.model import ItemHeader
from feeds.pipeline.rescan import Rescan, read_ahead, rescan, survey
from feeds.store import Store
from tests.support.site import Site


class Scanner:
    """One store, and rescans of a site into it."""

    def __init__(self, site: Site, store: Store) -> None:
        self.site = site
        self.store = store

    def __call__(self, *, full: bool = False) -> tuple[int, int, int, int]:
        """Returns how many seeds there were, were read, had changed, and were gone."""
        found = self.scan(full=full)
        return found.seeds, found.read, found.changed, found.gone

    def scan(self, *, full: bool = False) -> Rescan:
        loaded = self.site.load()
        todo = survey(self.store, loaded.config, loaded.base, full=full)
        ahead = read_ahead(self.store, todo, loaded.config, loaded.base, lambda *_: None)
        with self.store.transaction():
            return rescan(self.store, todo, ahead, loaded.config)

    def cards(self) -> dict[str, ItemHeader]:
        return {card.path: card for card in self.store.item_headers()}

    def qualities(self) -> dict[str, int]:
        return {path.removeprefix("seeds/"): card.quality for path, card in self.cards().items()}

    def problems(self) -> list[str]:
        return [f"{one.path} {one.field}" for one in self.store.seed_problems()]
