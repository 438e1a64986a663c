"""The site's index page, and what all pages load: style sheets, a script, an icon."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from feeds.common.model import Document, FeedKind, FeedSummary
from feeds.common.times import from_unix
from feeds.render.context import Site
from feeds.render.environment import render_page
from feeds.render.html import MEDIA_TYPE
from feeds.render.page_context import Group, content_policy, page_feed, page_site

PATH = "index.html"

_ASSETS = {
    "feed.css": "text/css",
    "icon.svg": "image/svg+xml",
    "site.js": "text/javascript",
    "style.css": "text/css",
}
_FOLDER = "assets"
PATHS = (PATH, *(f"{_FOLDER}/{name}" for name in _ASSETS))
_KINDS: tuple[FeedKind, ...] = ("all", "topic", "provider", "custom")


def render_index(site: Site, feeds: Sequence[FeedSummary]) -> Document:
    """Returns the list of all feeds as a page; the site must have pages.

    Raises:
        TemplateError: a template of the site's own is faulty.
    """
    listed = [
        page_feed(
            *(site, "", one.feed, one.entries),
            from_unix(one.newest) if one.newest is not None else None,
        )
        for one in feeds
    ]
    groups = [Group(kind, [feed for feed in listed if feed.kind == kind]) for kind in _KINDS]
    variables: dict[str, object] = {
        "site": page_site(site),
        "root": "",
        "policy": content_policy([]),
        "groups": [group for group in groups if group.feeds],
        "main": listed[0],
        "query": site.pages.query if site.pages else "",
        "query_mark": site.pages.query_mark if site.pages else "",
    }
    templates = site.pages.templates if site.pages else ()
    return Document(PATH, MEDIA_TYPE, render_page(templates, "index.html", variables))


def assets(site: Site) -> list[Document]:
    """Returns the files that pages load, the site's own where it has one of that name."""
    own = dict(site.pages.templates) if site.pages else {}
    ours = Path(__file__).with_name(_FOLDER)
    return [
        Document(
            f"{_FOLDER}/{name}",
            media_type,
            own[name].encode() if name in own else (ours / name).read_bytes(),
        )
        for name, media_type in _ASSETS.items()
    ]
