"""The page of a search: its form, the stories that it finds, and ways to narrow or follow it.

Only ``feeds serve`` has it, at /query. It is made by the template ``search.html``.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from feeds.common.model import Document, FeedKind, FeedRef
from feeds.common.slugs import QUERY, Addresses
from feeds.common.text import fold
from feeds.render.content import site_words
from feeds.render.context import FeedView, Pages, Site
from feeds.render.environment import render
from feeds.render.html import page_days
from feeds.render.page_context import Link, page_entry, page_feed, page_site, readers_of

PATH = f"{QUERY}.html"
_TEMPLATE = "search.html"


class Option(NamedTuple):
    """A topic or source of a search: with how many stories, and the search with or without it."""

    name: str
    href: str
    stories: int
    chosen: bool


class Facet(NamedTuple):
    """The topics of a search, or its sources."""

    kind: FeedKind
    options: list[Option]


class Unknown(NamedTuple):
    """A topic or source that a search names and that there is not; `near` are such that there are.

    `without` is the search without it.
    """

    kind: FeedKind
    name: str
    without: str
    near: list[Link]


class Parameter(NamedTuple):
    """A parameter of a search, as its address has it."""

    name: str
    value: str


class Search(NamedTuple):
    """A search: what its form holds, and what it found.

    `address` is the query part of the page's address, `feed_query` that of its feeds. `names` are
    those of its topics and sources. `hidden` are the parameters that the form keeps. `total` is how
    many stories it finds in all; `faults` say why it cannot be answered.
    """

    address: str = ""
    feed_query: str = ""
    text: str = ""
    min_quality: int = 0
    names: tuple[str, ...] = ()
    hidden: tuple[Parameter, ...] = ()
    total: int = 0
    facets: tuple[Facet, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    faults: tuple[str, ...] = ()


def render_search(site: Site, view: FeedView, search: Search, most_text: int) -> Document:
    """Returns the page of a search; the site must have pages.

    Args:
        site: The site.
        view: The feed of the search, with the stories that are shown.
        search: The search.
        most_text: How many characters its text may have.

    Raises:
        TemplateError: a template of the site's own is faulty.
    """
    words = site_words(site)
    quality = f"{words.search_quality} {search.min_quality}" if search.min_quality else ""
    parts = (search.text, *search.names, quality)
    label = " · ".join(filter(None, parts)) or words.all_stories
    query = f"?{search.feed_query}"
    feed = page_feed(site, "", view.feed, len(view.entries), None)
    feed = feed._replace(
        name=label,
        title=words.by_title(title=label, site=site.title),
        href=f"{QUERY}?{search.address}" if search.address else QUERY,
        url=f"{site.base_url}{QUERY}?{search.address}".rstrip("?"),
        formats=[one._replace(href=one.href + query, url=one.url + query) for one in feed.formats],
    )
    shown = page_site(site)
    variables: dict[str, object] = {
        "feed": feed,
        "days": page_days(site, [page_entry(site, view.feed, one) for one in view.entries]),
        "readers": readers_of(site, feed.formats[0].url),
        "search": search,
        "most_text": most_text,
        "description": words.by_title(title=words.search, site=shown.title),
        "noindex": True,
        # The page has a form of its own.
        "query": "",
        "query_mark": "",
    }
    return render(site, PATH, _TEMPLATE, variables)


def with_links(site: Site, known: dict[FeedRef, str], view: FeedView) -> Site:
    """Returns the site with links from the stories of a search to the feeds that there are.

    Args:
        site: The site; it must have pages.
        known: The addresses of the feeds of topics and providers, by kind and key.
        view: The feed of the search.
    """
    named: set[FeedRef] = {("provider", one.item.provider.domain) for one in view.entries}
    named |= {("topic", fold(topic)) for one in view.entries for topic in one.item.topics}
    parts = {ref: known[ref].partition("/")[2] for ref in named & known.keys()}
    pages = msgspec.structs.replace(
        site.pages or Pages(),
        addresses=Addresses(
            {key: part for (kind, key), part in parts.items() if kind == "topic"},
            {key: part for (kind, key), part in parts.items() if kind == "provider"},
        ),
        missing=tuple(named - known.keys()),
    )
    return msgspec.structs.replace(site, pages=pages)
