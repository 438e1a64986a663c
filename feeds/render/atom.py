"""Atom 1.0 (RFC 4287), by feedgen.

feedgen drops every attribute but ``href`` from the links of entries (its issue 135) and knows no
type for subtitles and rights; both are added through its extension interface.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml.etree import SubElement, _Element

from feeds.common.archives import is_part
from feeds.common.media_types import kind_of
from feeds.common.model import Document
from feeds.common.times import rfc3339
from feeds.render.context import EntryView, FeedView, Tombstone
from feeds.render.reuse import Cut
from feeds.render.xml import (
    HISTORY_NS,
    MEDIA_NS,
    TOMBSTONES_NS,
    add_media,
    defuse,
    looks_like_html,
    mark_archive,
    plain_title,
    with_stylesheet,
)

EXTENSION = "atom"
CUT = Cut(b"\n  <entry>\n", b"\n  </entry>")

_TEXTS = ("subtitle", "rights")


def render_atom(view: FeedView) -> Document:
    """Returns the feed as an Atom document."""
    site, feed = view.site, view.feed
    generator = FeedGenerator()
    generator.register_extension("house", _AtomFeed, _AtomEntry, rss=False)
    generator.id(view.id)
    generator.title(plain_title(feed.title))
    if feed.description:
        generator.subtitle(feed.description)
    generator.updated(view.updated)
    generator.language(site.language)
    media_type = kind_of(EXTENSION).media_type
    generator.link({"href": view.url(EXTENSION), "rel": "self", "type": media_type})
    for rel, url in view.archive_links(EXTENSION).items():
        generator.link({"href": url, "rel": rel, "type": media_type})
    generator.house.is_part = is_part(view.feed.archive)
    generator.house.tombstones = view.tombstones
    for hub in site.hubs:
        generator.link({"href": hub, "rel": "hub"})
    generator.link({"href": site.page_of(feed), "rel": "alternate", "type": "text/html"})
    generator.author(_author(view))
    generator.generator("feeds", version=site.version)
    if site.icon:
        generator.icon(site.icon)
    if site.logo:
        generator.logo(site.logo)
    if site.rights:
        generator.rights(site.rights)
    for entry in view.fresh:
        _add_entry(generator, entry, site.related)
    data = with_stylesheet(generator.atom_str(pretty=True), site.stylesheet_of(feed))
    return Document(f"{feed.address}.{EXTENSION}", data)


def _author(view: FeedView) -> dict[str, str]:
    site = view.site
    author = {"name": defuse(site.author_name or site.title), "uri": site.author_url or site.home}
    if site.author_email:
        author["email"] = site.author_email
    return author


def _add_entry(generator: FeedGenerator, view: EntryView, related: int) -> None:
    item = view.item
    entry = generator.add_entry(order="append")
    entry.id(item.id)
    entry.title(plain_title(item.title))
    entry.updated(view.updated)
    entry.published(view.published)
    provider = item.provider
    entry.author({"name": defuse(provider.name), "uri": f"https://{provider.domain}/"})
    entry.content(view.content, type="html")
    if looks_like_html(item.excerpt):
        entry.summary(escape(item.excerpt, quote=False), type="html")
    elif item.excerpt:
        entry.summary(item.excerpt)
    entry.category([{"term": topic} for topic in item.topics])
    entry.house.view = view
    entry.house.related = related


class _AtomFeed(BaseExtension):
    """Adds to a feed what feedgen does not support."""

    is_part = False
    tombstones: Sequence[Tombstone] = ()

    def extend_ns(self) -> dict[str, str]:
        more = {"fh": HISTORY_NS} if self.is_part else {}
        more |= {"at": TOMBSTONES_NS} if self.tombstones else {}
        return {"media": MEDIA_NS} | more

    def extend_atom(self, feed: _Element) -> _Element:
        if self.is_part:
            mark_archive(feed)
        for one in self.tombstones:
            attributes = {"ref": one.id, "when": rfc3339(one.updated)}
            deleted = SubElement(feed, f"{{{TOMBSTONES_NS}}}deleted-entry", attributes)
            SubElement(deleted, f"{{{TOMBSTONES_NS}}}comment").text = one.comment
        for name in _TEXTS:
            _mark_html(feed.find(name))
        return feed


class _AtomEntry(BaseEntryExtension):
    """Adds to an entry what feedgen does not support."""

    view: EntryView
    related: int

    def extend_atom(self, feed: _Element) -> _Element:
        item = self.view.item
        SubElement(feed, "link", {"href": item.url, "rel": "alternate", "type": "text/html"})
        if item.original_url != item.url:
            SubElement(feed, "link", {"href": item.original_url, "rel": "via"})
        enclosure = self.view.enclosure
        if enclosure:
            attributes = {
                "href": enclosure.url,
                "rel": "enclosure",
                "type": enclosure.type,
                "length": str(enclosure.length),
                "title": defuse(enclosure.title),
            }
            SubElement(feed, "link", attributes)
        for story in item.best_related(self.related):
            attributes = {"href": story.url, "rel": "related", "title": defuse(story.title)}
            SubElement(feed, "link", attributes)
        if enclosure:
            add_media(feed, enclosure)
        return feed


def _mark_html(element: _Element | None) -> None:
    """Escapes text that looks like HTML, and marks it as HTML, so that readers show it as it is."""
    if element is not None and element.text and looks_like_html(element.text):
        element.set("type", "html")
        element.text = escape(element.text, quote=False)
