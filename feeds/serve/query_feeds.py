"""Query feeds, and the pages of searches: what answers a query, in each format."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from feeds.common.errors import TemplateError
from feeds.common.files import Templates, read_templates
from feeds.common.media import Picture, pictures_to_show
from feeds.common.model import Feed, FeedContents, FeedRef
from feeds.common.slugs import QUERY
from feeds.config import Config
from feeds.render.context import site_of
from feeds.render.words import words_of
from feeds.serve.delta import Deltas
from feeds.serve.negotiation import IDENTITY
from feeds.serve.publication import digest_of
from feeds.serve.query import MAX_TEXT, Query, QueryFault
from feeds.serve.responses import ROBOTS, TextFile
from feeds.store.search import (
    Edition,
    Facets,
    SearchIndex,
    SearchRequest,
    SearchResult,
    TooLongError,
)

if TYPE_CHECKING:
    from feeds.render.search import Search

_SEARCH_S = 1.0
_MOST_RESULTS = 1000
_PAGE = "html"

T = TypeVar("T")


class _Result(NamedTuple):
    """The result of a query: the edition of the index it comes from, and a digest per format."""

    edition: int
    digests: dict[str, str]


class QueryFeeds:
    """The feeds of queries, each rendered once for all who ask the same.

    Use it from one thread at a time, since it renders with feedgen, and call `configure` first.
    """

    def __init__(self, deltas: Deltas, warn: Callable[[str], None]) -> None:
        self._deltas = deltas
        self._warn = warn
        self._index: SearchIndex | None = None

    def configure(self, config: Config) -> None:
        """Uses another configuration; all results are rendered again, since any may show it."""
        self._config = config
        # As they were read, and those in use: none if one is faulty.
        self._read: Templates = ()
        self._templates: Templates = ()
        self._results: dict[tuple[Query, bool], _Result] = {}
        self.read_templates()

    def read_templates(self) -> None:
        """Reads the site's own templates, as they are since a pass; only pages show them."""
        try:
            templates = read_templates(self._config.paths.templates)
        except TemplateError as error:
            self._warn(f"{error} Searches look as before.")
            return
        if templates != self._read:
            self._read, self._templates, self._results = templates, templates, {}

    def find(self, query: Query, extension: str) -> TextFile:
        """Returns the document of a query in one format, or its page.

        Raises:
            TooLongError: the search took too long.
        """
        state = self._config.paths.state
        if self._index is None:
            self._index = SearchIndex(state.with_name("search.db"), self._warn)
        index, edition = self._index, self._index.edition(state)
        query = _with_keys(query, edition.feeds, self._config)
        is_page = extension == _PAGE
        result = self._results.get((query, is_page))
        if result is None or result.edition != edition.number:
            self._render(query, edition, index, is_page=is_page)
            result = self._results[query, is_page]
        canonical, path = query.canonical(), f"{QUERY}.{extension}"
        text = TextFile(
            path,
            result.digests[extension],
            edition.changed,
            f"{self._config.site.base_url}{path}?{canonical}",
            # Bytes that left memory are rendered again: the same edition gives the same.
            lambda: self._render(query, edition, index, is_page=is_page)[extension],
            canonical,
            ROBOTS if is_page or self._config.site.noindex else (),
        )
        if not is_page:
            self._deltas.note(text.versions_key, text.digest, text.read)
        return text

    def faulty_page(self, faults: Iterable[QueryFault]) -> bytes:
        """Returns the page of a search that cannot be answered."""
        # Imported on demand, as below.
        from feeds.render.search import Search

        def said(templates: Templates) -> tuple[str, ...]:
            words = words_of(self._config.site.language, templates)
            return tuple(one.text(words) for one in faults)

        search = Search(faults=self._in_use(said))
        return self._page(self._feed(Query(), ""), search, SearchResult((), {}, {}), {})

    def close(self) -> None:
        """Closes the index."""
        if self._index is not None:
            self._index.close()

    def _render(
        self, query: Query, edition: Edition, index: SearchIndex, *, is_page: bool
    ) -> dict[str, bytes]:
        """Renders a query in all formats, or its page; keeps the result, returns the documents."""
        # Imported on demand: most servers are never asked a query.
        from feeds.render.documents import render_feed
        from feeds.serve.search import known_feeds, search_of

        wanted = SearchRequest(
            query.topics, query.providers, query.min_quality, query.words(), query.limit
        )
        found = index.find(wanted, _SEARCH_S)
        feed = self._feed(query, query.describe(edition.feeds))
        if is_page:
            known = known_feeds(edition.feeds)
            search = search_of(query, known, _counted(index, wanted, found))
            addresses = {ref: one.address for ref, one in known.items()}
            documents = {_PAGE: self._page(feed, search, found, addresses)}
        else:
            contents = FeedContents(feed, found.entries)
            rendered = render_feed(
                site_of(self._config), contents, found.items, self._pictures(found)
            )
            documents = {one.path.rpartition(".")[2]: one.data for one in rendered}
        digests = {extension: digest_of(data) for extension, data in documents.items()}
        for extension, data in documents.items():
            self._deltas.bodies.put(digests[extension], IDENTITY, data)
        self._results.pop((query, is_page), None)
        self._results[query, is_page] = _Result(edition.number, digests)
        if len(self._results) > _MOST_RESULTS:
            del self._results[next(iter(self._results))]
        return documents

    def _feed(self, query: Query, described: str) -> Feed:
        own = self._config.site
        title = f"{own.title}: {described}"
        return Feed(
            *(QUERY, "custom", QUERY, title, title, "", query.limit, query.canonical()),
            show=own.show,
            show_images=own.show_images,
            noindex=own.noindex,
        )

    def _pictures(self, found: SearchResult) -> dict[int, list[Picture]]:
        """Returns the same as a pass would show of the entries' images."""
        images = self._config.images
        is_shown = (lambda _: True) if images.media_url(self._config.site.base_url) else None
        return pictures_to_show(found.images, is_shown, every=images.fetch == "all")

    def _page(
        self, feed: Feed, search: Search, found: SearchResult, known: dict[FeedRef, str]
    ) -> bytes:
        from feeds.render.documents import view_feed
        from feeds.render.search import render_search, with_links

        def render(templates: Templates) -> bytes:
            site = site_of(self._config, templates=templates)
            contents = FeedContents(feed, found.entries)
            view = view_feed(site, contents, found.items, self._pictures(found))
            site = with_links(site, known, view)
            return render_search(site, view._replace(site=site), search, MAX_TEXT).data

        return self._in_use(render)

    def _in_use(self, render: Callable[[Templates], T]) -> T:
        """Renders with the site's own templates; from a fault on, until they change, with ours."""
        if self._templates:
            try:
                return render(self._templates)
            except TemplateError as error:
                self._warn(f"{error}; until it is mended, searches look as feeds would have them")
                # The names of style sheets stay, which out/ has from the last pass.
                rest = (one for one in self._templates if not one[0].endswith((".html", ".toml")))
                self._templates = tuple(rest)
        return render(self._templates)


def _counted(index: SearchIndex, wanted: SearchRequest, found: SearchResult) -> Facets:
    """Returns the numbers beside the stories; if to count all takes too long, those found alone."""
    try:
        return index.count(wanted, _SEARCH_S)
    except TooLongError:
        return Facets(len(found.entries), [], [])


def _with_keys(query: Query, feeds: tuple[Feed, ...], config: Config) -> Query:
    """Resolves topics that are named by the addresses of their feeds, and former domains."""
    slugs = {
        address.removeprefix("topics/"): feed.key
        for feed in feeds
        if feed.kind == "topic"
        for address in (*feed.aliases, feed.address)
    }
    keys = set(slugs.values())
    named = {topic if topic in keys else slugs.get(topic, topic) for topic in query.topics}
    providers = set(map(config.provider, query.providers))
    return query._replace(topics=tuple(sorted(named)), providers=tuple(sorted(providers)))
