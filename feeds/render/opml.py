"""Subscription lists: OPML 2.0 (opml.org/spec2.opml)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from html import escape
from itertools import groupby

from lxml import etree

from feeds.common.model import Document, Feed, FeedKind, FeedSummary
from feeds.common.times import from_unix, mail_date
from feeds.render.atom import EXTENSION
from feeds.render.context import NEVER, Site
from feeds.render.index_parts import FOLDER, Part

PATH = "feeds.opml"
# Where all lists of parts are listed.
LISTS_PATH = f"{FOLDER}/index.opml"

_MARKUP = re.compile(r"<|&(?! |$)")
_GROUPS: dict[FeedKind, str] = {
    "topic": "Topics",
    "provider": "Providers",
    "custom": "Custom",
    "digest": "Digests",
}


def render_opml(site: Site, feeds: Sequence[FeedSummary]) -> Document:
    """Returns the list of all feeds, the one of everything first, the rest in groups."""
    updated = last_update(feeds)
    return _list(PATH, site, feeds, from_unix(updated) if updated is not None else NEVER)


def render_undated(site: Site, feeds: Sequence[FeedSummary]) -> Document:
    """Returns the list of some feeds, which is the same whatever stories they have."""
    return _list(PATH, site, feeds)


def render_part(site: Site, part: Part) -> Document:
    """Returns the list of the feeds of a part, which is the same whatever stories they have."""
    return _list(path_of(part), site, part.feeds)


def render_lists(site: Site, parts: Sequence[Part]) -> Document:
    """Returns the list of the lists of all parts, each to be included."""
    root, body = _start(site)
    for kind, some in groupby(parts, key=lambda part: part.kind):
        group = etree.SubElement(body, "outline", text=_GROUPS[kind])
        for part in some:
            url = f"{site.base_url}{path_of(part)}"
            etree.SubElement(group, "outline", text=part.title, type="include", url=url)
    return _document(LISTS_PATH, root)


def path_of(part: Part) -> str:
    """Returns the path below out/ of the list of a part."""
    return f"{part.path}.opml"


def size_in(site: Site, feed: Feed) -> int:
    """Returns the bytes that a feed takes in a list at most."""
    title = len(escape(escape(feed.title)).encode())
    return 100 + 2 * (title + len(site.base_url) + len(feed.address))


def last_update(feeds: Sequence[FeedSummary]) -> int | None:
    """Returns when the last of these feeds was updated, in Unix seconds; None if all are empty."""
    return max((feed.updated for feed in feeds if feed.updated is not None), default=None)


def _list(
    path: str, site: Site, feeds: Sequence[FeedSummary], modified: datetime | None = None
) -> Document:
    root, body = _start(site)
    if modified is not None:
        etree.SubElement(root[0], "dateModified").text = mail_date(modified)
    for one in feeds:
        if one.feed.kind == "all":
            _outline(body, site, one.feed)
    for kind, title in _GROUPS.items():
        members = [one.feed for one in feeds if one.feed.kind == kind]
        if members:
            group = etree.SubElement(body, "outline", text=title)
            for feed in members:
                _outline(group, site, feed)
    return _document(path, root)


def _start(site: Site) -> tuple[etree._Element, etree._Element]:
    """Returns the root and the body of a list."""
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = _text(site.title)
    return root, etree.SubElement(root, "body")


def _document(path: str, root: etree._Element) -> Document:
    data = etree.tostring(root, pretty_print=True, encoding="UTF-8", xml_declaration=True)
    return Document(path, data)


def _outline(parent: etree._Element, site: Site, feed: Feed) -> None:
    title = _text(feed.title)
    etree.SubElement(
        parent,
        "outline",
        {
            "text": title,
            "title": title,
            "type": "rss",  # OPML's word for every subscription, whatever its format
            "xmlUrl": f"{site.base_url}{feed.address}.{EXTENSION}",
            "htmlUrl": site.page_of(feed),
        },
    )


def _text(text: str) -> str:
    # OPML allows encoded markup in text, so what a strict HTML parser stumbles over is encoded.
    return escape(text, quote=False) if _MARKUP.search(text) else text
