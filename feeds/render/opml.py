"""The subscription list: OPML 2.0 (opml.org/spec2.opml)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.utils import format_datetime
from html import escape

from lxml import etree

from feeds.common.model import Document, Feed, FeedSummary
from feeds.common.times import from_unix
from feeds.render.atom import EXTENSION
from feeds.render.context import NEVER, Site

PATH = "feeds.opml"

_MARKUP = re.compile(r"<|&(?! |$)")
_GROUPS = (("topic", "Topics"), ("provider", "Providers"), ("custom", "Custom"))


def render_opml(site: Site, feeds: Sequence[FeedSummary]) -> Document:
    """Returns the list of all feeds, the one of everything first, the rest in groups."""
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = _text(site.title)
    updated = max((feed.updated for feed in feeds if feed.updated is not None), default=None)
    modified = from_unix(updated) if updated is not None else NEVER
    etree.SubElement(head, "dateModified").text = format_datetime(modified)
    body = etree.SubElement(root, "body")
    for one in feeds:
        if one.feed.kind == "all":
            _outline(body, site, one.feed)
    for kind, title in _GROUPS:
        members = [one.feed for one in feeds if one.feed.kind == kind]
        if members:
            group = etree.SubElement(body, "outline", text=title)
            for feed in members:
                _outline(group, site, feed)
    data = etree.tostring(root, pretty_print=True, encoding="UTF-8", xml_declaration=True)
    return Document(PATH, data)


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
