"""Pages for people (HTML, html.spec.whatwg.org): one for each feed, and the index of all.

They are made by the templates ``feed.html`` and ``index.html``, and load the assets: style sheets,
a script, an icon.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from feeds.common.model import Document, FeedKind, FeedSummary
from feeds.common.times import from_unix
from feeds.render.context import FeedView, Site, up_from
from feeds.render.environment import render_page
from feeds.render.page_context import Group, content_policy, page_entry, page_feed, page_site

EXTENSION = "html"

_INDEX = "index.html"
_ASSETS = ("feed.css", "icon.svg", "site.js", "style.css")
_FOLDER = "assets"
INDEX_PATHS = (_INDEX, *(f"{_FOLDER}/{name}" for name in _ASSETS))
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
    return Document(_INDEX, render_page(templates, _INDEX, variables))


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
