"""RSS 2.0 by the RSS Advisory Board's best-practices profile, by feedgen.

feedgen's extension interface adds what it lacks: creators, hubs, Media RSS, plain text that stays
plain, and publication dates (feedgen's own switch the locale of the whole process).
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from html import escape

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml.etree import SubElement, _Element

from feeds.common.media import kind_of
from feeds.common.model import Document
from feeds.common.times import mail_date
from feeds.render.context import EntryView, FeedView
from feeds.render.entries import (
    MOST_FORMS,
    Cut,
    Form,
    form_of,
    gap,
    numbered,
    picture_texts,
    xml_attributes,
    xml_texts,
)
from feeds.render.xml import (
    HISTORY_NS,
    MEDIA_NS,
    add_media,
    defuse,
    mark_archive,
    plain_title,
    rss_text,
    with_stylesheet,
    write_rss_text,
)

EXTENSION = "rss"
CUT = Cut(b"\n    <item>\n", b"\n    </item>", closing=b"\n  </channel>\n</rss>\n")
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
    shell = with_stylesheet(generator.rss_str(pretty=True), site.stylesheet_of(feed))
    entries = [one.once(EXTENSION, partial(_item, one)) for one in view.fresh]
    data = CUT.fill(shell, entries)
    return Document(f"{feed.address}.{EXTENSION}", data)


def _item(view: EntryView) -> str:
    item, enclosure = view.item, view.enclosure
    texts = {
        "url": item.url,
        "summary": escape(item.excerpt, quote=False),
        "content": view.content,
        "id": item.id,
        "published": mail_date(view.published),
        "creator": item.provider.name,
    }
    ready = {"title": rss_text(plain_title(item.title))}
    ready.update(numbered("topic", [rss_text(topic) for topic in item.topics]))
    if enclosure:
        ready |= xml_attributes(picture_texts(enclosure))
    form = form_of(view, summary="html" if item.excerpt else "")
    return _pattern(form) % (ready | xml_texts(texts))


@lru_cache(maxsize=MOST_FORMS)
def _pattern(form: Form) -> str:
    """Returns an item of this form as feedgen writes it."""
    generator = FeedGenerator()
    generator.register_extension("house", _Namespaces, _RssItem, atom=False)
    generator.title(gap("title"))
    generator.description(gap("summary"))
    generator.link({"href": gap("url")})
    entry = generator.add_entry(order="append")
    entry.title(gap("title"))
    entry.guid(gap("id"), permalink=False)
    entry.link({"href": gap("url")})
    if form.summary:
        entry.description(gap("summary"))
    entry.content(gap("content"))
    entry.category([{"term": gap("topic", number)} for number in range(form.topics)])
    if form.picture is not None:
        entry.enclosure(gap("picture"), gap("length"), gap("type"))
    entry.house.form = form
    return CUT.only(generator.rss_str(pretty=True))


class _Namespaces(BaseExtension):
    """Declares what items use that feedgen does not support."""

    def extend_ns(self) -> dict[str, str]:
        return {"dc": DC_NS, "media": MEDIA_NS}


class _RssChannel(_Namespaces):
    """Adds to a channel what feedgen does not support."""

    view: FeedView

    def extend_ns(self) -> dict[str, str]:
        history = {"fh": HISTORY_NS} if self.view.feed.part else {}
        return super().extend_ns() | history

    def extend_rss(self, feed: _Element) -> _Element:
        channel = feed[0]
        for name in ("title", "description", "copyright", "image/title"):
            _rewrite(channel.find(name))
        if self.view.feed.part:
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

    form: Form

    def extend_rss(self, feed: _Element) -> _Element:
        SubElement(feed, "pubDate").text = gap("published")
        SubElement(feed, f"{{{DC_NS}}}creator").text = gap("creator")
        if self.form.picture is not None:
            add_media(feed, self.form.picture)
        return feed


def _rewrite(element: _Element | None) -> None:
    if element is not None and element.text:
        write_rss_text(element, element.text)
