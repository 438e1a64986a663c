"""Atom 1.0 (RFC 4287), by feedgen.

feedgen drops every attribute but ``href`` from the links of entries (its issue 135) and knows no
type for subtitles and rights; both are added through its extension interface.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache, partial
from html import escape

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml.etree import SubElement, _Element

from feeds.common.media import kind_of
from feeds.common.model import Document
from feeds.common.times import rfc3339
from feeds.render.context import EntryView, FeedView, Tombstone
from feeds.render.entries import (
    MOST_FORMS,
    PUBLISHED,
    UPDATED,
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
    TOMBSTONES_NS,
    add_media,
    defuse,
    looks_like_html,
    mark_archive,
    plain_title,
    with_stylesheet,
)

EXTENSION = "atom"
CUT = Cut(b"\n  <entry>\n", b"\n  </entry>", closing=b"\n</feed>\n")

_TEXTS = ("subtitle", "rights")


def render_atom(view: FeedView) -> Document:
    """Returns the feed as an Atom document."""
    site, feed = view.site, view.feed
    generator = _generator(view.id, plain_title(feed.title), view.updated)
    if feed.description:
        generator.subtitle(feed.description)
    generator.language(site.language)
    media_type = kind_of(EXTENSION).media_type
    generator.link({"href": view.url(EXTENSION), "rel": "self", "type": media_type})
    for rel, url in view.archive_links(EXTENSION).items():
        generator.link({"href": url, "rel": rel, "type": media_type})
    generator.house.is_part = view.feed.part is not None
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
    shell = with_stylesheet(generator.atom_str(pretty=True), site.stylesheet_of(feed))
    entries = [one.once(EXTENSION, partial(_entry, one, site.related)) for one in view.fresh]
    data = CUT.fill(shell, entries)
    return Document(f"{feed.address}.{EXTENSION}", data)


def _author(view: FeedView) -> dict[str, str]:
    site = view.site
    author = {"name": defuse(site.author_name or site.title), "uri": site.author_url or site.home}
    if site.author_email:
        author["email"] = site.author_email
    return author


def _entry(view: EntryView, related: int) -> str:
    item, enclosure = view.item, view.enclosure
    is_html = looks_like_html(item.excerpt)
    form = form_of(view, related, "html" if is_html else "text" if item.excerpt else "")
    texts = {
        "id": item.id,
        "title": plain_title(item.title),
        "updated": view.updated.isoformat(),
        "published": view.published.isoformat(),
        "author": defuse(item.provider.name),
        "domain": item.provider.domain,
        "content": view.content,
        "summary": escape(item.excerpt, quote=False) if is_html else item.excerpt,
    }
    attributes = {"url": item.url, "original": item.original_url}
    attributes.update(numbered("topic", item.topics))
    if enclosure:
        attributes |= picture_texts(enclosure)
        attributes["caption"] = defuse(enclosure.title)
    if form.related:
        stories = item.best_related(related)
        attributes.update(numbered("story", [one.url for one in stories]))
        attributes.update(numbered("headline", [defuse(one.title) for one in stories]))
    return _pattern(form) % (xml_texts(texts) | xml_attributes(attributes))


@lru_cache(maxsize=MOST_FORMS)
def _pattern(form: Form) -> str:
    """Returns an entry of this form as feedgen writes it."""
    generator = _generator(gap("id"), gap("title"), UPDATED)
    entry = generator.add_entry(order="append")
    entry.id(gap("id"))
    entry.title(gap("title"))
    entry.updated(UPDATED)
    entry.published(PUBLISHED)
    entry.author({"name": gap("author"), "uri": f"https://{gap('domain')}/"})
    entry.content(gap("content"), type="html")
    if form.summary:
        entry.summary(gap("summary"), type="html" if form.summary == "html" else None)
    entry.category([{"term": gap("topic", number)} for number in range(form.topics)])
    entry.house.form = form
    text = CUT.only(generator.atom_str(pretty=True))
    text = text.replace(PUBLISHED.isoformat(), gap("published"))
    return text.replace(UPDATED.isoformat(), gap("updated"))


def _generator(id_: str, title: str, updated: datetime) -> FeedGenerator:
    generator = FeedGenerator()
    generator.register_extension("house", _AtomFeed, _AtomEntry, rss=False)
    generator.id(id_)
    generator.title(title)
    generator.updated(updated)
    return generator


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

    form: Form

    def extend_atom(self, feed: _Element) -> _Element:
        form = self.form
        SubElement(feed, "link", {"href": gap("url"), "rel": "alternate", "type": "text/html"})
        if form.has_original:
            SubElement(feed, "link", {"href": gap("original"), "rel": "via"})
        if form.picture is not None:
            attributes = {
                "href": gap("picture"),
                "rel": "enclosure",
                "type": gap("type"),
                "length": gap("length"),
                "title": gap("caption"),
            }
            SubElement(feed, "link", attributes)
        for number in range(form.related):
            story, headline = gap("story", number), gap("headline", number)
            SubElement(feed, "link", {"href": story, "rel": "related", "title": headline})
        if form.picture is not None:
            add_media(feed, form.picture)
        return feed


def _mark_html(element: _Element | None) -> None:
    """Escapes text that looks like HTML, and marks it as HTML, so that readers show it as it is."""
    if element is not None and element.text and looks_like_html(element.text):
        element.set("type", "html")
        element.text = escape(element.text, quote=False)
