"""What the page of a search says of it: its topics and sources, and those that there are not."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from feeds.common.model import Feed, FeedKind, FeedRef
from feeds.common.slugs import QUERY
from feeds.common.text import fold
from feeds.render.page_context import Link
from feeds.render.search import Facet, Option, Parameter, Search, Unknown
from feeds.serve.query import DEFAULT_LIMIT, Query
from feeds.store.search import Facets

Known = dict[FeedRef, Feed]

_KINDS: tuple[FeedKind, ...] = ("topic", "provider")
# To look for near names costs a comparison with all of them, so a few short ones must do.
_MOST_NEAR = 3
_LONGEST_NEAR = 60


def known_feeds(feeds: Iterable[Feed]) -> Known:
    """Returns the feeds of topics and providers by kind and key."""
    return {(one.kind, one.key): one for one in feeds if one.kind in _KINDS}


def search_of(query: Query, known: Known, facets: Facets) -> Search:
    """Returns what the page of a search says of it.

    Args:
        query: The search, its topics and providers by the keys of their feeds.
        known: All feeds of topics and providers.
        facets: What was counted.
    """
    refs: list[FeedRef] = [("topic", one) for one in query.topics]
    refs += [("provider", one) for one in query.providers]
    unknown = [ref for ref in refs if ref not in known]
    hidden = [Parameter(*one) for one in (*refs, ("limit", str(query.limit)))]
    return Search(
        address=query.address(),
        feed_query=query.canonical(),
        text=query.text,
        min_quality=query.min_quality,
        names=tuple(known[ref].name if ref in known else ref[1] for ref in refs),
        hidden=tuple(hidden[: None if query.limit != DEFAULT_LIMIT else -1]),
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
    chosen = [key for key in _keys(query, kind) if (kind, key) in known]
    others = [key for key in counts if (kind, key) in known and key not in chosen]
    return [
        Option(known[kind, key].name, _href(query, (kind, key)), counts.get(key, 0), key in chosen)
        for key in (*chosen, *others)
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
