"""The documents about feeds: the subscription lists, redirects, the index and its assets.

Up to `MOST_TOGETHER` feeds stand in one list and one index. Above that both show the largest only,
and every group of feeds has lists and pages of its own, so that a pass rewrites little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from feeds.common.model import Document, Feed, FeedKind, FeedSummary
from feeds.common.slugs import Addresses
from feeds.render import html, opml, web_servers
from feeds.render.context import RENDER_VERSION, Site
from feeds.render.documents import extensions_of
from feeds.render.front import FRONT, Front, front_feeds, render_front
from feeds.render.index_parts import Part, by_name, split_group
from feeds.render.page_context import shown_name

# Feeds that are listed.
MOST_TOGETHER = 5_000
# In `feeds.opml` as well, if their names are long.
_MOST_BYTES = 2_000_000
_GROUPS: tuple[FeedKind, ...] = ("topic", "provider", "custom", "digest")


class Overview(NamedTuple):
    """Documents about feeds, by their paths below out/; `key` is a digest of all that they show."""

    paths: tuple[str, ...]
    key: bytes
    render: Callable[[], list[Document]]


class _Draft(NamedTuple):
    """An overview without its key: `shown` is what its documents show besides the site."""

    paths: tuple[str, ...]
    shown: object
    render: Callable[[], list[Document]]


class Some(NamedTuple):
    """What is known of very many feeds, of which some have other entries than before.

    `listed` are those, in order, that any document can show whose feeds may be others now, `parts`
    those with such a feed. `totals` has how many feeds of a kind are listed.
    """

    listed: Sequence[FeedSummary]
    groups: Sequence[list[Part]]
    totals: dict[FeedKind, int]


def overviews(
    site: Site,
    feeds: Sequence[FeedSummary],
    front: Front | None = None,
    groups: Sequence[list[Part]] | None = None,
) -> list[Overview]:
    """Returns the documents about all feeds, to be rendered if their keys are others than before.

    Lists and index leave out empty feeds, except the feed of everything.

    Args:
        site: The site; without pages there is no index.
        feeds: All feeds, that of everything first.
        front: The stories of the front page; None for no such page.
        groups: What `split_feeds` returns, if that was asked.
    """
    listed = _listed(feeds)
    groups = split_feeds(site, feeds) if groups is None else groups
    drafts = [*_lists(site, listed, groups), *_redirects(site, feeds), *_robots(site, feeds)]
    if site.pages:
        drafts += _pages(site, listed, groups)
        drafts += _front(site, listed, front) if front else []
    return _keyed(site, drafts)


def overviews_of_some(site: Site, some: Some, front: Front) -> list[Overview]:
    """Returns the documents that change with the entries of `some` feeds (see `paths_of_some`)."""
    drafts = [_largest_list(site, some.listed)]
    if site.pages:
        drafts += [_index(site, some.listed, some.groups, some.totals)]
        drafts += _part_pages(site, [_in_order(site, one) for one in some.groups])
        drafts += _front(site, some.listed, front)
    return _keyed(site, drafts)


def paths_of_some(site: Site, parts: Iterable[str]) -> list[str]:
    """Returns the paths of the documents that can change with the entries of feeds in `parts`."""
    pages = [html.INDEX, FRONT, *(f"{one}.{html.EXTENSION}" for one in parts)]
    return [opml.PATH, *(pages if site.pages else [])]


def split_feeds(site: Site, feeds: Sequence[FeedSummary]) -> list[list[Part]]:
    """Returns the groups of feeds, each in parts; none if the feeds are few enough for one list."""
    listed = _listed(feeds)
    if len(listed) <= MOST_TOGETHER:
        return []
    return [
        split_group(kind, some, partial(_name_of, site))
        for kind in _GROUPS
        if (some := [one for one in listed if one.feed.kind == kind])
    ]


def _listed(feeds: Sequence[FeedSummary]) -> list[FeedSummary]:
    return [one for one in feeds if one.entries or one.feed.kind == "all"]


def _keyed(site: Site, drafts: Iterable[_Draft]) -> list[Overview]:
    pages = site.pages and msgspec.structs.replace(site.pages, addresses=Addresses())
    # Without addresses: feeds know theirs.
    shown = _digest((RENDER_VERSION, msgspec.structs.replace(site, pages=pages)))
    return [Overview(one.paths, _digest((shown, one.shown)), one.render) for one in drafts]


def _in_order(site: Site, parts: Sequence[Part]) -> list[Part]:
    return [one._replace(feeds=by_name(one.feeds, partial(_name_of, site))) for one in parts]


def _name_of(site: Site, one: FeedSummary) -> str:
    return shown_name(site, one.feed)


def _lists(
    site: Site, listed: Sequence[FeedSummary], groups: Sequence[list[Part]]
) -> Iterator[_Draft]:
    if not groups:
        shown = (opml.last_update(listed), [one.feed for one in listed])
        yield _draft(opml.PATH, shown, opml.render_opml, site, listed)
        return
    yield _largest_list(site, listed)
    parts = [part for group in groups for part in group]
    for part in parts:
        feeds = [one.feed for one in part.feeds]
        yield _draft(opml.path_of(part), feeds, opml.render_part, site, part)
    yield _draft(opml.LISTS_PATH, list(map(_place, parts)), opml.render_lists, site, parts)


def _largest_list(site: Site, listed: Sequence[FeedSummary]) -> _Draft:
    some = _most_wanted(site, listed)
    # Without a date they stay as they are until a feed comes, goes or is renamed.
    return _draft(opml.PATH, [one.feed for one in some], opml.render_undated, site, some)


def _most_wanted(site: Site, listed: Sequence[FeedSummary]) -> list[FeedSummary]:
    """Returns the feed of everything, the site's own and the largest others, in their order."""
    others = [one for one in listed if one.feed.kind in ("topic", "provider")]
    kept = {one.feed.address for one in listed} - {one.feed.address for one in others}
    room = _MOST_BYTES - sum(
        opml.size_in(site, one.feed) for one in listed if one.feed.address in kept
    )
    for one in html.largest(others, MOST_TOGETHER):
        room -= opml.size_in(site, one.feed)
        if room < 0:
            break
        kept.add(one.feed.address)
    return [one for one in listed if one.feed.address in kept]


def _redirects(site: Site, feeds: Sequence[FeedSummary]) -> Iterator[_Draft]:
    moved = [one for one in feeds if one.feed.aliases]
    if moved:
        yield _Draft(
            web_servers.REDIRECTS,
            [(one.feed.address, one.feed.aliases) for one in moved],
            lambda: web_servers.render_redirects(site.base_url, moved, extensions_of(site)),
        )


def _robots(site: Site, feeds: Sequence[FeedSummary]) -> Iterator[_Draft]:
    others = web_servers.exceptions(site.noindex, feeds)
    if others or site.noindex:
        extensions = extensions_of(site)
        yield _Draft(
            web_servers.ROBOTS,
            others,
            lambda: web_servers.render_robots_headers(site.noindex, others, extensions),
        )


def _pages(
    site: Site, listed: Sequence[FeedSummary], groups: Sequence[list[Part]]
) -> Iterator[_Draft]:
    yield _index(site, listed, groups)
    assets = html.page_assets(site)
    paths = tuple(one.path for one in assets)
    yield _Draft(paths, paths, lambda: assets)
    yield _draft(html.FOLLOW, listed[0].feed, html.render_follow, site, listed[0].feed)
    yield _draft(html.LOST, (), html.render_lost, site)
    yield _draft(html.ROBOTS, (), html.render_robots, site)
    mapped = [one for one in listed if not one.feed.noindex]
    if not site.noindex:
        addresses = [one.feed.address for one in mapped]
        yield _draft(html.SITEMAP, addresses, html.render_sitemap, site, mapped)
    yield from _part_pages(site, groups)


def _index(
    site: Site,
    listed: Sequence[FeedSummary],
    groups: Sequence[list[Part]],
    totals: dict[FeedKind, int] | None = None,
) -> _Draft:
    index = html.index_groups(listed, [part for group in groups for part in group], totals)
    shown = [(one.kind, _rows(one.feeds), one.total, one.letters) for one in index]
    return _draft(html.INDEX, shown, html.render_index, site, index)


def _part_pages(site: Site, groups: Sequence[list[Part]]) -> Iterator[_Draft]:
    """Yields the pages of those parts of which the feeds are known."""
    for parts in groups:
        for place, part in enumerate(parts):
            if not part.feeds:
                continue
            linked = [
                _place(one)
                for number, one in enumerate(parts)
                if one.number == 1 or one.letter == part.letter or abs(number - place) == 1
            ]
            shown_part = (_place(part), linked, _rows(part.feeds))
            yield _draft(html.path_of(part), shown_part, html.render_part, site, parts, place)


def _front(site: Site, listed: Sequence[FeedSummary], front: Front) -> Iterator[_Draft]:
    shown = front_feeds(listed)
    key = (front.key, *shown)
    yield _Draft((FRONT,), key, lambda: [render_front(site, shown, front.view())])


def _draft(path: str, shown: object, render: Callable[..., Document], *args: object) -> _Draft:
    return _Draft((path,), shown, lambda: [render(*args)])


def _place(part: Part) -> tuple[str, int, str]:
    return part.letter, part.number, part.path


def _rows(feeds: Sequence[FeedSummary]) -> list[tuple[Feed, int, int | None]]:
    return [(one.feed, one.entries, one.newest) for one in feeds]


def _digest(shown: object) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(shown)).digest()
