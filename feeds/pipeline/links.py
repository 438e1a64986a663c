"""Which topics and providers the pages of each feed may link to: those that have a feed."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from feeds.common.model import FeedContents, FeedRef
from feeds.common.text import fold
from feeds.pipeline.context import Pass
from feeds.render.context import Site, archived_site, site_without_links


class Links:
    """Knows the topics and providers that have no feed, so that pages cannot link to them."""

    def __init__(self, run: Pass, site: Site, missing: frozenset[FeedRef]) -> None:
        self._store = run.store
        self._config = run.config
        self._site = site
        self._missing = missing
        self._missing_of = lru_cache(maxsize=100_000)(self._look_up)

    def site_for(self, one: FeedContents) -> Site:
        """Returns the site as the documents of a feed show it.

        It says no more than what the feed's own entries need, so that a topic which comes or goes
        leaves all others alone.
        """
        pages = self._site.pages
        if one.feed.part:
            return archived_site(self._site)
        if one.feed.kind == "digest":
            return site_without_links(self._site)
        if not self._missing or pages is None:
            return self._site
        found = sorted({ref for entry in one.entries for ref in self._missing_of(entry.number)})
        pages = msgspec.structs.replace(pages, missing=tuple(found))
        return msgspec.structs.replace(self._site, pages=pages)

    def _look_up(self, number: int) -> tuple[FeedRef, ...]:
        topics, domain = self._store.names_of(number)
        found: list[FeedRef] = [("topic", fold(topic)) for topic in topics]
        found = [ref for ref in found if ref in self._missing]
        if ("provider", self._config.provider(domain)) in self._missing:
            found.append(("provider", domain))
        return tuple(found)
