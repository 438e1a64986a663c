"""Pages for people (HTML, html.spec.whatwg.org): one for each feed, and the index of all.

They are made by the templates ``feed.html`` and ``index.html``, above 5,000 feeds ``group.html``,
too, and load the assets: style sheets, a script, an icon.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest
from pathlib import Path
from typing import NamedTuple

from feeds.common.model import Document, FeedKind, FeedSummary
from feeds.common.times import from_unix
from feeds.render.context import FeedView, Site, up_from
from feeds.render.environment import render_page
from feeds.render.letters import Part
from feeds.render.page_context import (
    Group,
    Link,
    PageFeed,
    PagePart,
    content_policy,
    page_entry,
    page_feed,
    page_site,
)

EXTENSION = "html"

INDEX = "index.html"
_ASSETS = ("feed.css", "icon.svg", "site.js", "style.css")
_FOLDER = "assets"
ASSET_PATHS = tuple(f"{_FOLDER}/{name}" for name in _ASSETS)
# An index of parts shows so many feeds of each group.
_LARGEST = 100
_KINDS: tuple[FeedKind, ...] = ("all", "topic", "provider", "custom")


def render_html(view: FeedView) -> Document:
    """Returns the page of a feed; the site must have pages.

    Raises:
        TemplateError: a template of the site's own is faulty.
    """
    site, feed = view.site, view.feed
    up = up_from(feed.address)
    newest = max((entry.published for entry in view.entries), default=None)
    entries = [page_entry(site, feed, entry) for entry in view.entries]
    variables: dict[str, object] = {
        "site": page_site(site),
        "root": up,
        "policy": content_policy([entry.picture for entry in entries if entry.picture]),
        "feed": page_feed(site, up, feed, len(entries), newest),
        "entries": entries,
    }
    templates = site.pages.templates if site.pages else ()
    data = render_page(templates, "feed.html", variables)
    return Document(f"{feed.address}.{EXTENSION}", data)


class IndexGroup(NamedTuple):
    """The feeds of one kind as the index shows them: as `Group`, before anything is rendered."""

    kind: FeedKind
    feeds: list[FeedSummary]
    total: int
    letters: list[Link]


def index_groups(feeds: Sequence[FeedSummary], parts: Sequence[Part] = ()) -> list[IndexGroup]:
    """Returns what the index shows.

    Args:
        feeds: All feeds, that of everything first.
        parts: The pages that list them together; then the index shows the largest only.
    """
    groups = []
    for kind in _KINDS:
        some = [one for one in feeds if one.feed.kind == kind]
        shown = largest(some, _LARGEST) if parts else some
        letters = _letters("", [part for part in parts if part.kind == kind])
        groups.append(IndexGroup(kind, shown, len(some), letters))
    return [group for group in groups if group.feeds]


def render_index(site: Site, groups: Sequence[IndexGroup]) -> Document:
    """Returns the page that lists feeds of all kinds; the site must have pages.

    Raises:
        TemplateError: a template of the site's own is faulty.
    """
    shown = [
        Group(one.kind, _listed(site, "", one.feeds), one.total, one.letters) for one in groups
    ]
    variables: dict[str, object] = {
        "groups": shown,
        "main": shown[0].feeds[0],
        "query": site.pages.query if site.pages else "",
        "query_mark": site.pages.query_mark if site.pages else "",
        "split": any(one.letters for one in groups),
    }
    return _render(site, INDEX, INDEX, variables)


def render_part(site: Site, parts: Sequence[Part], place: int) -> Document:
    """Returns the page of a part of a group; the site must have pages.

    Args:
        site: The site.
        parts: All parts of the group, in their order.
        place: Which of them, from 0.

    Raises:
        TemplateError: a template of the site's own is faulty.
    """
    part, path = parts[place], path_of(parts[place])
    up = up_from(path)

    def link(number: int) -> str:
        return f"{up}{path_of(parts[number])}" if 0 <= number < len(parts) else ""

    numbers = [
        Link(str(one.number), link(number))
        for number, one in enumerate(parts)
        if one.letter == part.letter
    ]
    feeds = _listed(site, up, part.feeds)
    variables: dict[str, object] = {
        "group": Group(part.kind, feeds, len(feeds), _letters(up, parts)),
        "part": PagePart(
            *(part.letter, part.number, numbers, f"{site.base_url}{path}"),
            *(f"{up}{part.path}.opml", link(place - 1), link(place + 1)),
        ),
    }
    return _render(site, path, "group.html", variables)


def path_of(part: Part) -> str:
    """Returns the path below out/ of the page of a part."""
    return f"{part.path}.{EXTENSION}"


def largest(feeds: Sequence[FeedSummary], count: int) -> list[FeedSummary]:
    """Returns the feeds with the most entries, the largest first; all in their order if few."""
    if len(feeds) <= count:
        return list(feeds)
    return nsmallest(count, feeds, key=lambda one: (-one.entries, one.feed.address))


def _listed(site: Site, up: str, feeds: Sequence[FeedSummary]) -> list[PageFeed]:
    return [
        page_feed(
            *(site, up, one.feed, one.entries),
            from_unix(one.newest) if one.newest is not None else None,
        )
        for one in feeds
    ]


def _letters(up: str, parts: Sequence[Part]) -> list[Link]:
    """Returns links to the first page of each letter."""
    return [Link(one.letter, f"{up}{path_of(one)}") for one in parts if one.number == 1]


def _render(site: Site, path: str, template: str, variables: dict[str, object]) -> Document:
    """Renders a page that shows no pictures."""
    shared = {"site": page_site(site), "root": up_from(path), "policy": content_policy([])}
    templates = site.pages.templates if site.pages else ()
    return Document(path, render_page(templates, template, shared | variables))


def page_assets(site: Site) -> list[Document]:
    """Returns the files that pages load; one of the site's own replaces ours of the same name."""
    own = dict(site.pages.templates) if site.pages else {}
    ours = Path(__file__).with_name(_FOLDER)
    return [
        Document(
            f"{_FOLDER}/{name}",
            own[name].encode() if name in own else (ours / name).read_bytes(),
        )
        for name in _ASSETS
    ]
