"""Query feeds: found in the search index, and rendered once for all who ask the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from feeds.common.image_types import pictures_to_show
from feeds.common.model import Feed, FeedContents, Picture
from feeds.common.slugs import QUERY
from feeds.config import Config
from feeds.render.context import site_of
from feeds.serve.body_cache import BodyCache, digest_of
from feeds.serve.delta import Deltas
from feeds.serve.negotiation import IDENTITY
from feeds.serve.query import Query
from feeds.serve.responses import TextFile
from feeds.store.search import Edition, SearchIndex, SearchRequest, SearchResult

_SEARCH_S = 1.0
_MOST_RESULTS = 1000


class _Result(NamedTuple):
    """The result of a query: the edition of the index it comes from, and a digest per format."""

    edition: int
    digests: dict[str, str]


class QueryFeeds:
    """The feeds of queries. Use it from one thread at a time, since it renders with feedgen."""

    def __init__(
        self,
        config: Config,
        bodies: BodyCache,
        deltas: Deltas,
        warn: Callable[[str], None],
    ) -> None:
        self._config = config
        self._bodies = bodies
        self._deltas = deltas
        self._warn = warn
        self._index: SearchIndex | None = None
        self._results = OrderedDict[Query, _Result]()

    def configure(self, config: Config, deltas: Deltas) -> None:
        """Takes over a configuration; all results are rendered again, since any may show it."""
        self._config, self._deltas, self._results = config, deltas, OrderedDict[Query, _Result]()

    def find(self, query: Query, extension: str) -> TextFile:
        """Returns the document of a query in one format.

        Raises:
            TooLongError: the search took too long.
        """
        if self._index is None:
            file = self._config.paths.state.with_name("search.db")
            self._index = SearchIndex(file, self._warn)
        index, edition = self._index, self._index.edition(self._config.paths.state)
        query = _with_keys(query, edition.feeds, self._config)
        result = self._results.get(query)
        if result is None or result.edition != edition.number:
            self._render(query, edition, index)
            result = self._results[query]
        canonical = query.canonical()
        path = f"{QUERY}.{extension}"
        text = TextFile(
            path,
            result.digests[extension],
            edition.changed,
            f"{self._config.site.base_url}{path}?{canonical}",
            # Bytes that left memory are rendered again: the same edition gives the same.
            lambda: self._render(query, edition, index)[extension],
            canonical,
        )
        self._deltas.note(text.versions_key, extension, text.digest, text.read)
        return text

    def close(self) -> None:
        """Closes the index."""
        if self._index is not None:
            self._index.close()

    def _render(self, query: Query, edition: Edition, index: SearchIndex) -> dict[str, bytes]:
        """Renders a query in all formats, and keeps the result; returns the documents."""
        # Imported on demand: most servers are never asked a query.
        from feeds.render.documents import render_feed

        wanted = SearchRequest(
            query.topics, query.providers, query.min_quality, query.words(), query.limit
        )
        found = index.find(wanted, _SEARCH_S)
        site = site_of(self._config)
        names: dict[tuple[str, str], str] = {
            (feed.kind, feed.key): feed.name for feed in edition.feeds
        }
        title = f"{site.title}: {query.describe(names)}"
        canonical = query.canonical()
        feed = Feed(QUERY, "custom", QUERY, title, title, "", query.limit, canonical)
        documents: dict[str, bytes] = {}
        digests: dict[str, str] = {}
        selected, pictures = FeedContents(feed, found.entries), self._pictures(found)
        for document in render_feed(site, selected, found.items, pictures):
            extension = document.path.rpartition(".")[2]
            documents[extension] = document.data
            digest = digests[extension] = digest_of(document.data)
            self._bodies.put(digest, IDENTITY, document.data)
        results = self._results
        results[query] = _Result(edition.number, digests)
        results.move_to_end(query)
        while len(results) > _MOST_RESULTS:
            results.popitem(last=False)
        return documents

    def _pictures(self, found: SearchResult) -> dict[int, list[Picture]]:
        """Returns what a pass would show of the entries' images."""
        every = self._config.images.fetch == "all"
        shows = self._config.images.media_url(self._config.site.base_url)
        return pictures_to_show(found.images, (lambda _: True) if shows else None, every=every)


def _with_keys(query: Query, feeds: tuple[Feed, ...], config: Config) -> Query:
    """Resolves topics that are named by the addresses of their feeds, and former domains."""
    keys = {feed.key for feed in feeds if feed.kind == "topic"}
    slugs = {
        address.removeprefix("topics/"): feed.key
        for feed in feeds
        if feed.kind == "topic"
        for address in (*feed.aliases, feed.address)
    }
    named = {topic if topic in keys else slugs.get(topic, topic) for topic in query.topics}
    providers = set(map(config.provider, query.providers))
    return query._replace(topics=tuple(sorted(named)), providers=tuple(sorted(providers)))
