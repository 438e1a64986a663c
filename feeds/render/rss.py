"""RSS 2.0 by the RSS Advisory Board's best-practices profile, by feedgen.

feedgen's extension interface adds what it lacks: creators, hubs, Media RSS, plain text that stays
plain, and publication dates (feedgen's own switch the locale of the whole process).
"""

from __future__ import annotations

import re
from email.utils import format_datetime
from html import escape

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml.etree import SubElement, _Element

from feeds.common.archives import is_part
from feeds.common.media_types import kind_of
from feeds.common.model import Document
from feeds.render.context import EntryView, FeedView
from feeds.render.reuse import Cut
from feeds.render.xml import (
    HISTORY_NS,
    MEDIA_NS,
    add_media,
    defuse,
    mark_archive,
    needs_care,
    plain_title,
    with_stylesheet,
    write_rss_text,
)

EXTENSION = "rss"
CUT = Cut(b"\n    <item>\n", b"\n    </item>")
DC_NS = "http://purl.org/dc/elements/1.1/"
ATOM_NS = "http://www.w3.org/2005/Atom"

_BRACKETS = re.compile(r"[()]")
# RSS 2.0 wants an image of one of these kinds, and validators look at the name.
_IMAGE_NAMES = (".jpg", ".jpeg", ".gif", ".png")


def render_rss(view: FeedView) -> Document:
    """Returns the feed as an RSS document."""
    site, feed = view.site, view.feed
    generator = FeedGenerator()
    generator.register_extension("house", _RssChannel, _RssItem, atom=False)
    generator.house.view = view
    title = plain_title(feed.title)
    generator.title(title)
    generator.description(feed.description or title)
    generator.lastBuildDate(view.updated)
    generator.language(site.language)
    media_type = kind_of(EXTENSION).media_type
    generator.link({"href": view.url(EXTENSION), "rel": "self", "type": media_type})
    generator.link({"href": site.page_of(feed), "rel": "alternate"})
    generator.generator(f"feeds {site.version}")
    if site.author_email and site.author_name:
        name = defuse(_BRACKETS.sub("", site.author_name))  # brackets enclose it
        generator.managingEditor(f"{site.author_email} ({name})")
    if site.logo.lower().endswith(_IMAGE_NAMES):
        generator.image(site.logo, title=title, link=site.page_of(feed))
    if site.rights:
        generator.rights(site.rights)
    if site.ttl:
        generator.ttl(site.ttl)
    for entry in view.fresh:
        _add_item(generator, entry)
    data = with_stylesheet(generator.rss_str(pretty=True), site.stylesheet_of(feed))
    return Document(f"{feed.address}.{EXTENSION}", data)


def _add_item(generator: FeedGenerator, view: EntryView) -> None:
    item = view.item
    entry = generator.add_entry(order="append")
    entry.title(plain_title(item.title))
    entry.guid(item.id, permalink=False)
    entry.link({"href": item.url})
    if item.excerpt:
        entry.description(escape(item.excerpt, quote=False))
    entry.content(view.content)
    entry.category([{"term": topic} for topic in item.topics])
    if view.enclosure:
        enclosure = view.enclosure
        entry.enclosure(enclosure.url, str(enclosure.length), enclosure.type)
    entry.house.view = view


class _RssChannel(BaseExtension):
    """Adds to a channel what feedgen does not support."""

    view: FeedView

    def extend_ns(self) -> dict[str, str]:
        history = {"fh": HISTORY_NS} if is_part(self.view.feed.archive) else {}
        return {"dc": DC_NS, "media": MEDIA_NS} | history

    def extend_rss(self, feed: _Element) -> _Element:
        channel = feed[0]
        for name in ("title", "description", "copyright", "image/title"):
            _rewrite(channel.find(name))
        if is_part(self.view.feed.archive):
            mark_archive(channel)
        media_type = kind_of(EXTENSION).media_type
        for rel, url in self.view.archive_links(EXTENSION).items():
            attributes = {"href": url, "rel": rel, "type": media_type}
            SubElement(channel, f"{{{ATOM_NS}}}link", attributes)
        for hub in self.view.site.hubs:
            SubElement(channel, f"{{{ATOM_NS}}}link", {"href": hub, "rel": "hub"})
        return feed


class _RssItem(BaseEntryExtension):
    """Adds to an item what feedgen does not support."""

    view: EntryView

    def extend_rss(self, feed: _Element) -> _Element:
        item = self.view.item
        if any(map(needs_care, (item.title, *item.topics))):
            _rewrite(feed.find("title"))
            for category in feed.iterfind("category"):
                _rewrite(category)
        SubElement(feed, "pubDate").text = format_datetime(self.view.published)
        SubElement(feed, f"{{{DC_NS}}}creator").text = item.provider.name
        if self.view.enclosure:
            add_media(feed, self.view.enclosure)
        return feed


def _rewrite(element: _Element | None) -> None:
    if element is not None and element.text:
        write_rss_text(element, element.text)
