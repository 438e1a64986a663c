"""Query feeds: their parameters, the feeds that answer them, and the form that leads to them."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Self
from urllib.parse import parse_qsl, urlencode

from feeds.common.images import pictures_to_show
from feeds.common.model import Feed, FeedContents
from feeds.common.slugs import QUERY
from feeds.common.text import clean_line, fold
from feeds.common.urls import WANTED_DOMAIN, normal_domain
from feeds.config import Config
from feeds.render.context import site_of
from feeds.serve.delta import Deltas
from feeds.serve.negotiation import IDENTITY
from feeds.serve.publication import digest_of
from feeds.serve.responses import FORM, ROBOTS, TextFile
from feeds.store.search import Edition, SearchIndex, SearchRequest

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
MAX_TEXT = 200
MAX_WORDS = 16
MAX_NAMES = 20

_PARAMETERS = ("topic", "provider", "min_quality", "q", "limit")
_ONCE = {"min_quality", "q", "limit"}
_MAX_FIELDS = 2 * MAX_NAMES + len(_ONCE)
_PHRASE = re.compile(r'"([^"]*)"|([^\s"]+)')
# The index takes for words only what has a letter or digit (sqlite.org/fts5.html, section 4.3.1).
_WORD = re.compile(r"[^\W_]")
_SEARCH_S = 1.0
_MOST_RESULTS = 1000


# Parameters


class BadQueryError(ValueError):
    """A query that cannot be answered; its message has a line for everything that is wrong."""


class Query(NamedTuple):
    """A checked query. Topics are folded and providers normalised; both are sorted.

    A field that is empty or 0 is no condition.
    """

    topics: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    min_quality: int = 0
    text: str = ""
    limit: int = DEFAULT_LIMIT

    @classmethod
    def parse(cls, query: str) -> Self:
        """Parses the query part of an address; a parameter without a value is ignored.

        Raises:
            BadQueryError: a parameter is wrong or unknown.
        """
        faults: list[str] = []
        try:
            pairs = parse_qsl(query, errors="strict", max_num_fields=_MAX_FIELDS)
        except UnicodeDecodeError:
            raise BadQueryError("not UTF-8") from None
        except ValueError:
            raise BadQueryError(f"more than {_MAX_FIELDS} parameters") from None
        given: dict[str, list[str]] = {name: [] for name in _PARAMETERS}
        for name, value in pairs:
            if name not in given:
                known = ", ".join(_PARAMETERS)
                faults.append(f"{clean_line(name, repair=False)[:40]}: unknown (known: {known})")
            elif text := clean_line(value, repair=False):
                given[name].append(text)
        faults += [f"{name}: given twice" for name in sorted(_ONCE) if len(given[name]) > 1]
        parsed = cls(
            topics=_names("topic", map(fold, given["topic"]), faults),
            providers=_names("provider", _domains(given["provider"], faults), faults),
            min_quality=_number("min_quality", given, (0, 100), 0, faults),
            text=_text(given["q"], faults),
            limit=_number("limit", given, (1, MAX_LIMIT), DEFAULT_LIMIT, faults),
        )
        if faults:
            raise BadQueryError("\n".join(faults))
        return parsed

    def canonical(self) -> str:
        """Returns the query part of an address, the same for all equal queries."""
        pairs: list[tuple[str, str | int]] = [("topic", topic) for topic in self.topics]
        pairs += [("provider", provider) for provider in self.providers]
        if self.min_quality:
            pairs.append(("min_quality", self.min_quality))
        if self.text:
            pairs.append(("q", self.text))
        pairs.append(("limit", self.limit))
        return urlencode(pairs)

    def words(self) -> str:
        """Returns the text as an FTS5 expression: all its words and "quoted phrases".

        FTS5 takes each as a string, so nothing in them is an operator.
        """
        found = (phrase or word for phrase, word in _PHRASE.findall(self.text))
        return " ".join(f'"{one}"' for one in found if _WORD.search(one))

    def describe(self, feeds: Iterable[Feed]) -> str:
        """Returns the query in words, with topics and providers named as these feeds are."""
        names = {(feed.kind, feed.key): feed.name for feed in feeds}
        topics = " or ".join(names.get(("topic", one), one) for one in self.topics)
        providers = " or ".join(names.get(("provider", one), one) for one in self.providers)
        quality = f"quality from {self.min_quality}" if self.min_quality else ""
        text = self.text if not self.text or '"' in self.text else f"“{self.text}”"
        return ", ".join(filter(None, (text, topics, providers, quality))) or "everything"


def _names(name: str, values: Iterable[str], faults: list[str]) -> tuple[str, ...]:
    found = sorted(set(values))
    if len(found) > MAX_NAMES:
        faults.append(f"{name}: {len(found)} of them, wanted at most {MAX_NAMES}")
    if any(len(one) > MAX_TEXT for one in found):
        faults.append(f"{name}: longer than {MAX_TEXT} characters")
    return tuple(found)


def _domains(values: list[str], faults: list[str]) -> list[str]:
    domains = []
    for value in values:
        if (domain := normal_domain(value)) is None:
            faults.append(f"provider: found {value[:60]!r}, wanted {WANTED_DOMAIN}")
        else:
            domains.append(domain)
    return domains


def _number(
    name: str, given: dict[str, list[str]], bounds: tuple[int, int], default: int, faults: list[str]
) -> int:
    if not given[name]:
        return default
    text, (low, high) = given[name][0], bounds
    if re.fullmatch(r"\d{1,6}", text, re.ASCII) and low <= int(text) <= high:
        return int(text)
    faults.append(f"{name}: found {text[:60]!r}, wanted a whole number from {low} to {high}")
    return default


def _text(values: list[str], faults: list[str]) -> str:
    text = values[0] if values else ""
    if len(text) > MAX_TEXT:
        faults.append(f"q: {len(text)} characters, wanted at most {MAX_TEXT}")
    elif text and not _WORD.search(text):
        faults.append("q: no letter or digit in it")
    elif len(text.split()) > MAX_WORDS:
        faults.append(f"q: {len(text.split())} words, wanted at most {MAX_WORDS}")
    return text


# Feeds


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
        self._results: dict[Query, _Result] = {}

    def find(self, query: Query, extension: str) -> TextFile:
        """Returns the document of a query in one format.

        Raises:
            TooLongError: the search took too long.
        """
        state = self._config.paths.state
        if self._index is None:
            self._index = SearchIndex(state.with_name("search.db"), self._warn)
        index, edition = self._index, self._index.edition(state)
        query = _with_keys(query, edition.feeds, self._config)
        result = self._results.get(query)
        if result is None or result.edition != edition.number:
            self._render(query, edition, index)
            result = self._results[query]
        canonical, path = query.canonical(), f"{QUERY}.{extension}"
        text = TextFile(
            path,
            result.digests[extension],
            edition.changed,
            f"{self._config.site.base_url}{path}?{canonical}",
            # Bytes that left memory are rendered again: the same edition gives the same.
            lambda: self._render(query, edition, index)[extension],
            canonical,
            ROBOTS if self._config.site.noindex else (),
        )
        self._deltas.note(text.versions_key, text.digest, text.read)
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
        site, images = site_of(self._config), self._config.images
        title = f"{site.title}: {query.describe(edition.feeds)}"
        own = self._config.site
        feed = Feed(
            *(QUERY, "custom", QUERY, title, title, "", query.limit, query.canonical()),
            show=own.show,
            show_images=own.show_images,
            noindex=own.noindex,
        )
        # The same as a pass would show of the entries' images.
        is_shown = (lambda _: True) if images.media_url(self._config.site.base_url) else None
        pictures = pictures_to_show(found.images, is_shown, every=images.fetch == "all")
        documents = {
            one.path.rpartition(".")[2]: one.data
            for one in render_feed(site, FeedContents(feed, found.entries), found.items, pictures)
        }
        digests = {extension: digest_of(data) for extension, data in documents.items()}
        for extension, data in documents.items():
            self._deltas.bodies.put(digests[extension], IDENTITY, data)
        self._results.pop(query, None)
        self._results[query] = _Result(edition.number, digests)
        if len(self._results) > _MOST_RESULTS:
            del self._results[next(iter(self._results))]
        return documents


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


# The form


def query_form(config: Config, feeds: Sequence[Feed]) -> TextFile:
    """Returns the page whose buttons lead to query feeds, by the topics and providers of feeds.

    It needs no script.
    """
    # Imported on demand: most servers are never asked for it.
    from feeds.render.environment import render_page

    topics = [(one.name, one.name) for one in feeds if one.kind == "topic"]
    providers = [(one.key, one.name) for one in feeds if one.kind == "provider"]
    variables: dict[str, object] = {
        "title": config.site.title,
        "has_pages": config.site.pages,
        "topics": sorted(topics),
        "providers": sorted(providers),
        "limits": {"text": MAX_TEXT, "stories": MAX_LIMIT, "default_stories": DEFAULT_LIMIT},
    }
    data = render_page((), "query.html", variables)
    style = hashlib.sha256(render_page((), "query.css", {})).digest()
    policy = (
        f"default-src 'none'; style-src 'sha256-{base64.b64encode(style).decode()}'; "
        "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = (("content-security-policy", policy), ("referrer-policy", "no-referrer"))
    return TextFile(FORM, digest_of(data), None, "", lambda: data, headers=headers)
