"""Query feeds, and the pages of searches: what answers a query, in each format.

Imported on demand, since most servers are never asked a query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from feeds.common.errors import TemplateError
from feeds.common.files import Templates, read_templates
from feeds.common.media import Picture, pictures_to_show
from feeds.common.model import Feed, FeedContents, FeedKind, FeedRef
from feeds.common.slugs import QUERY
from feeds.common.text import fold
from feeds.config import Config
from feeds.render.context import site_of
from feeds.render.documents import render_feed, view_feed
from feeds.render.page_context import Link
from feeds.render.search import Facet, Option, Parameter, Search, Unknown, render_search, with_links
from feeds.render.words import words_of
from feeds.serve.messages import IDENTITY, digest_of
from feeds.serve.publication import Deltas
from feeds.serve.query import DEFAULT_LIMIT, MAX_TEXT, Query, QueryFault
from feeds.serve.responses import ROBOTS, TextFile
from feeds.store.search import (
    Edition,
    Facets,
    SearchIndex,
    SearchRequest,
    SearchResult,
    TooLongError,
)

_SEARCH_S = 1.0
_MOST_RESULTS = 1000
_PAGE = "html"
_KINDS: tuple[FeedKind, ...] = ("topic", "provider")
# To look for near names costs a comparison with all of them, so a few short ones must do.
_MOST_NEAR = 3
_LONGEST_NEAR = 60

Known = Mapping[FeedRef, Feed]
T = TypeVar("T")


class QueryFeeds:
    """The feeds of queries, each rendered once for all who ask the same.

    Use it from one thread at a time, since it renders with feedgen; `read_templates` from any.
    """

    def __init__(self, config: Config, deltas: Deltas, warn: Callable[[str], None]) -> None:
        self._deltas = deltas
        self._warn = warn
        self._index = SearchIndex(config.paths.state.with_name("search.db"), warn)
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Uses another configuration; all results are rendered again, since any may show it."""
        self.config = config
        # As they were read, and those in use: none if one is faulty.
        self._read: Templates = ()
        self._templates: Templates = ()
        # The edition of the index that a result comes from, and a digest for each format.
        self._results: dict[tuple[Query, bool], tuple[int, dict[str, str]]] = {}
        self.read_templates()

    def read_templates(self) -> None:
        """Reads the site's own templates, as they are since a pass; only pages show them."""
        try:
            templates = read_templates(self.config.paths.templates)
        except TemplateError as error:
            self._warn(f"{error} Searches look as before.")
            return
        if templates != self._read:
            self._read, self._templates, self._results = templates, templates, {}

    def find(self, query: Query, extension: str) -> TextFile:
        """Returns the document of a query in one format, or its page; raises TooLongError."""
        edition = self._index.edition(self.config.paths.state)
        query, is_page = _with_keys(query, edition.feeds, self.config), extension == _PAGE
        result = self._results.get((query, is_page))
        if result is None or result[0] != edition.number:
            self._render(query, edition, is_page=is_page)
            result = self._results[query, is_page]
        canonical, path = query.canonical(), f"{QUERY}.{extension}"
        text = TextFile(
            *(path, result[1][extension], edition.changed),
            url=f"{self.config.site.base_url}{path}?{canonical}",
            # Bytes that left memory are rendered again: the same edition gives the same.
            read=lambda: self._render(query, edition, is_page=is_page)[extension],
            query=canonical,
            headers=ROBOTS if is_page or self.config.site.noindex else (),
        )
        if not is_page:
            self._deltas.note(text.versions_key, text.digest, text.read)
        return text

    def faulty_page(self, faults: Iterable[QueryFault]) -> bytes:
        """Returns the page of a search that cannot be answered."""

        def said(templates: Templates) -> tuple[str, ...]:
            words = words_of(self.config.site.language, templates)
            return tuple(one.text(words) for one in faults)

        search = Search(faults=self._in_use(said))
        return self._page(self._feed(Query(), ""), search, SearchResult((), {}, {}), {})

    def close(self) -> None:
        """Closes the index."""
        self._index.close()

    def _render(self, query: Query, edition: Edition, *, is_page: bool) -> dict[str, bytes]:
        """Renders a query in all formats, or its page; keeps the result, returns the documents."""
        wanted = SearchRequest(
            query.topics, query.providers, query.min_quality, query.words(), query.limit
        )
        found = self._index.find(wanted, _SEARCH_S)
        feed = self._feed(query, query.describe(edition.feeds))
        if is_page:
            try:
                facets = self._index.count(wanted, _SEARCH_S)
            except TooLongError:  # those that were found must do
                facets = Facets(len(found.entries), [], [])
            known = {(one.kind, one.key): one for one in edition.feeds if one.kind in _KINDS}
            documents = {_PAGE: self._page(feed, search_of(query, known, facets), found, known)}
        else:
            contents, pictures = FeedContents(feed, found.entries), self._pictures(found)
            rendered = render_feed(site_of(self.config), contents, found.items, pictures)
            documents = {one.path.rpartition(".")[2]: one.data for one in rendered}
        digests = {extension: digest_of(data) for extension, data in documents.items()}
        for extension, data in documents.items():
            self._deltas.bodies.put(digests[extension], IDENTITY, data)
        self._results.pop((query, is_page), None)
        self._results[query, is_page] = edition.number, digests
        if len(self._results) > _MOST_RESULTS:
            del self._results[next(iter(self._results))]
        return documents

    def _feed(self, query: Query, described: str) -> Feed:
        own = self.config.site
        title = f"{own.title}: {described}"
        return Feed(
            *(QUERY, "custom", QUERY, title, title, "", query.limit, query.canonical()),
            show=own.show,
            show_images=own.show_images,
            noindex=own.noindex,
        )

    def _pictures(self, found: SearchResult) -> dict[int, list[Picture]]:
        """Returns the same as a pass would show of the entries' images."""
        images = self.config.images
        is_shown = (lambda _: True) if images.media_url(self.config.site.base_url) else None
        return pictures_to_show(found.images, is_shown, every=images.fetch == "all")

    def _page(self, feed: Feed, search: Search, found: SearchResult, known: Known) -> bytes:
        addresses = {ref: one.address for ref, one in known.items()}

        def render(templates: Templates) -> bytes:
            site = site_of(self.config, templates=templates)
            contents = FeedContents(feed, found.entries)
            view = view_feed(site, contents, found.items, self._pictures(found))
            site = with_links(site, addresses, view)
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


# What the page of a search says of it


def search_of(query: Query, known: Known, facets: Facets) -> Search:
    """Returns the form of a search and ways to narrow it.

    The topics and providers of `query` are the keys of feeds, `known` are all feeds of these kinds.
    """
    refs = [(kind, key) for kind in _KINDS for key in _keys(query, kind)]
    unknown = [ref for ref in refs if ref not in known]
    limit = [("limit", str(query.limit))] if query.limit != DEFAULT_LIMIT else []
    return Search(
        address=query.address(),
        feed_query=query.canonical(),
        text=query.text,
        min_quality=query.min_quality,
        names=tuple(known[ref].name if ref in known else ref[1] for ref in refs),
        hidden=tuple(Parameter(*one) for one in (*refs, *limit)),
        total=facets.total,
        facets=tuple(
            Facet(kind, options)
            for kind, counts in zip(_KINDS, (facets.topics, facets.providers), strict=True)
            if (options := _options(query, kind, dict(counts), known))
        ),
        unknown=tuple(
            Unknown(*ref, _href(query, ref), _near(query, ref, known) if n < _MOST_NEAR else [])
            for n, ref in enumerate(unknown)
        ),
    )


def _options(query: Query, kind: FeedKind, counts: dict[str, int], known: Known) -> list[Option]:
    """Returns the topics or sources of a search: those that it names, then those with the most."""
    keys = [key for key in (*_keys(query, kind), *counts) if (kind, key) in known]
    chosen = _keys(query, kind)
    return [
        Option(known[kind, key].name, _href(query, (kind, key)), counts.get(key, 0), key in chosen)
        for key in dict.fromkeys(keys)
    ]


def _near(query: Query, ref: FeedRef, known: Known) -> list[Link]:
    """Returns the topics or sources that are called nearly so, instead of one that there is not."""
    kind, wanted = ref
    names = {
        fold(name): key
        for (other, key), feed in known.items()
        if other == kind
        for name in (key, feed.name)
    }
    found = [name for name in names if f" {wanted}" in f" {name}"][:_MOST_NEAR]
    if len(wanted) <= _LONGEST_NEAR:
        found += get_close_matches(wanted, names, _MOST_NEAR)
    without = _toggled(query, ref)
    keys = list(dict.fromkeys(names[name] for name in found))[:_MOST_NEAR]
    return [Link(known[kind, key].name, _href(without, (kind, key))) for key in keys]


def _keys(query: Query, kind: str) -> tuple[str, ...]:
    return query.topics if kind == "topic" else query.providers


def _toggled(query: Query, ref: FeedRef) -> Query:
    """Returns a query with a topic or provider, or without it if it has it."""
    kind, key = ref
    keys = tuple(sorted({*_keys(query, kind)} ^ {key}))
    return query._replace(topics=keys) if kind == "topic" else query._replace(providers=keys)


def _href(query: Query, ref: FeedRef) -> str:
    address = _toggled(query, ref).address()
    return f"{QUERY}?{address}" if address else QUERY
