"""Atom 1.0 documents, read back with feedparser, atoma and lxml."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import atoma
import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from feeds import __version__
from feeds.common.model import Image, Item, Provider, Related
from tests.support.rendering import (
    FULL,
    HOSTILE_LINE,
    RENDER_SITE,
    make_item,
    render_items,
)
from tests.support.validator import NAMESPACES, findings

_IMAGE = "https://images.example.com/1.jpg"


@pytest.fixture(scope="module")
def full(full_site: Path) -> bytes:
    return (full_site / "all.atom").read_bytes()


def _links(parent: etree._Element) -> list[dict[str, str]]:
    links = parent.iterfind("atom:link", NAMESPACES)
    return [{str(name): str(value) for name, value in link.attrib.items()} for link in links]


def _entry(item: Item) -> etree._Element:
    entry = etree.fromstring(render_items(item)["atom"]).find("atom:entry", NAMESPACES)
    assert entry is not None
    return entry


def _names(parent: etree._Element) -> list[str]:
    return [etree.QName(child).localname for child in parent]


def test_feed_is_read_by_feedparser(full: bytes) -> None:
    parsed: Any = feedparser.parse(full)
    feed = parsed.feed
    assert (parsed.bozo, parsed.version) == (False, "atom10")
    assert feed.id == "urn:uuid:0bd762ab-1f72-5b31-9988-24bac94b983b"
    assert feed.title == "Example & Söhne"
    assert feed.subtitle == "News &lt;i&gt;picked&lt;/i&gt; &amp; weighed – every half hour."
    assert feed.rights == "© 2026 Example &amp;copy; Söhne"
    assert calendar.timegm(feed.updated_parsed) == FULL.updated.timestamp()
    assert feed.language == "en-GB"
    assert feed.generator_detail == {"name": "feeds", "version": __version__}
    assert feed.icon == "https://www.example.org/icon-512.png"
    assert feed.logo == "https://www.example.org/logo.png"
    desk = {"name": "The Desk & Friends", "email": "desk@example.org"}
    assert feed.authors == [desk | {"href": "https://www.example.org/desk"}]
    assert feed.link == "https://feeds.example.org/v1/all.html"


def test_entry_is_read_by_feedparser(full: bytes) -> None:
    parsed: Any = feedparser.parse(full)
    (entry,) = parsed.entries
    assert (entry.id, entry.title, entry.link) == (FULL.id, FULL.title, FULL.url)
    assert calendar.timegm(entry.published_parsed) == FULL.published.timestamp()
    assert calendar.timegm(entry.updated_parsed) == FULL.updated.timestamp()
    assert [tag.term for tag in entry.tags] == list(FULL.topics)
    assert entry.authors == [
        {"name": "Exämple <\u2060/b> & Co", "href": "https://www.xn--exmple-cua.com/"}
    ]
    (enclosure,) = entry.enclosures
    assert (enclosure.href, enclosure.type, enclosure.length) == (FULL.image, "image/png", "0")
    size = {"width": "640", "height": "425"}
    image = {"url": FULL.image, "type": "image/png", "medium": "image"}
    assert entry.media_content == [image | size]
    assert entry.media_thumbnail == [{"url": FULL.image} | size]
    assert entry.summary.startswith("Close it with &lt;/b&gt;, write &amp;lt; for &lt;")
    assert entry.content[0].type == "text/html"
    assert f'src="{FULL.image.replace("&", "&amp;")}"' in entry.content[0].value


def test_document_is_read_by_atoma(full: bytes) -> None:
    feed = atoma.parse_atom_bytes(full)
    assert (feed.id_, feed.updated) == (
        "urn:uuid:0bd762ab-1f72-5b31-9988-24bac94b983b",
        FULL.updated,
    )
    assert (feed.title.value, feed.title.text_type.value) == ("Example & Söhne", "text")
    assert feed.subtitle.text_type.value == feed.rights.text_type.value == "html"
    assert (feed.generator.name, feed.generator.version) == ("feeds", __version__)
    (author,) = feed.authors
    assert (author.name, author.email) == ("The Desk & Friends", "desk@example.org")
    (entry,) = feed.entries
    assert (entry.id_, entry.title.value) == (FULL.id, FULL.title)
    assert (entry.published, entry.updated) == (FULL.published, FULL.updated)
    assert [category.term for category in entry.categories] == list(FULL.topics)
    assert [link.length for link in entry.links] == [None, None, 0, None, None]
    assert (entry.summary.text_type.value, entry.content.text_type.value) == ("html", "html")


def test_links_have_these_attributes_and_this_order(full: bytes) -> None:
    root = etree.fromstring(full)
    self_type, html = "application/atom+xml", "text/html"
    assert _links(root) == [
        {"href": "https://feeds.example.org/v1/all.atom", "rel": "self", "type": self_type},
        {"href": "https://hub.example.org/", "rel": "hub"},
        {"href": "https://hub.example.net/push?to=all&fast=1", "rel": "hub"},
        {"href": "https://feeds.example.org/v1/all.html", "rel": "alternate", "type": html},
    ]
    (entry,) = root.iterfind("atom:entry", NAMESPACES)
    image = {"href": FULL.image, "type": "image/png", "length": "0"}
    best = "Best <\u2060em>of<\u2060/em> all &\u2060amp; more"
    assert _links(entry) == [
        {"href": FULL.url, "rel": "alternate", "type": html},
        {"href": FULL.original, "rel": "via"},
        image | {"rel": "enclosure", "title": 'A café, "open" & <\u2060bright>'},
        {"href": "https://other.example.com/1?x=1&y=2", "rel": "related", "title": best},
        {"href": "https://other.example.com/2", "rel": "related", "title": "Second best"},
    ]


def test_source_is_readable(full: bytes) -> None:
    lines = full.decode().splitlines()
    assert "  <entry>" in lines
    assert "    <title>The &lt;b&gt; tag &amp; AT&amp;T: “cafés” – 5 &lt; 6</title>" in lines
    assert full.endswith(b"</feed>\n")
    assert max(len(line) for line in lines) < 400


def test_entry_of_the_fewest_fields_holds_no_empty_element() -> None:
    entry = _entry(make_item())
    assert sorted(_names(entry)) == [
        *("author", "content", "id", "link", "published", "title", "updated")
    ]
    alternate = {"href": "https://news.example.com/stories/1", "rel": "alternate"}
    assert _links(entry) == [alternate | {"type": "text/html"}]
    assert entry.findtext("atom:updated", "", NAMESPACES) == "2026-02-01T08:00:00+00:00"


def test_feed_of_the_fewest_fields_is_its_own_author() -> None:
    root = etree.fromstring(render_items(make_item())["atom"])
    assert not {"subtitle", "icon", "logo", "rights"} & set(_names(root))
    assert root.findtext("atom:author/atom:name", "", NAMESPACES) == "Site"
    assert root.findtext("atom:author/atom:uri", "", NAMESPACES) == "https://www.example.org/"
    assert [link["rel"] for link in _links(root)] == ["self", "alternate"]


def test_empty_feed_is_valid_and_never_says_now() -> None:
    data = render_items(description="Nothing yet.")["atom"]
    assert findings("all.atom", data, RENDER_SITE.base_url) == []
    parsed: Any = feedparser.parse(data)
    assert (parsed.bozo, parsed.entries, parsed.feed.title) == (False, [], "All stories")
    assert atoma.parse_atom_bytes(data).updated == datetime(2000, 1, 1, tzinfo=UTC)


def test_feed_is_as_new_as_its_last_changed_entry() -> None:
    old, new = datetime(2026, 2, 2, tzinfo=UTC), datetime(2026, 2, 9, tzinfo=UTC)
    items = (make_item(1), make_item(2, updated=new), make_item(3, updated=old))
    feed = atoma.parse_atom_bytes(render_items(*items)["atom"])
    assert feed.updated == new
    assert [entry.id_ for entry in feed.entries] == [item.id for item in items]


def test_ids_depend_on_neither_host_nor_title() -> None:
    moved = replace(RENDER_SITE, base_url="https://moved.example.org/", title="Renamed")
    before, after = (
        atoma.parse_atom_bytes(render_items(make_item(), site=site, title=site.title)["atom"])
        for site in (RENDER_SITE, moved)
    )
    assert (before.id_, before.entries[0].id_) == (after.id_, after.entries[0].id_)
    other = atoma.parse_atom_bytes(render_items(make_item(), address="topics/ai")["atom"])
    assert other.id_ != before.id_


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("a.jpg", "image/jpeg"),
        ("photo.AVIF", "image/avif"),
        ("a.webp?x=.gif#b.png", "image/webp"),
        ("v1.png/photo", "image/jpeg"),
        ("a.php", "image/jpeg"),
        ("?image=a.png", "image/jpeg"),
    ],
)
def test_enclosure_type_comes_from_the_extension(name: str, wanted: str) -> None:
    image = Image(f"https://images.example.com/{name}", cached=True)
    entry = _entry(make_item(images=(image,)))
    assert [link["type"] for link in _links(entry) if link["rel"] == "enclosure"] == [wanted]
    assert [media.get("type") for media in entry.iterfind("media:content", NAMESPACES)] == [wanted]


def test_enclosure_is_the_first_cached_image_alone() -> None:
    names = ("a.gif", "b.png", "c.webp")
    images = [Image(f"https://i.example.org/{name}", cached=name != "a.gif") for name in names]
    for shown, wanted in ((images, ["https://i.example.org/b.png"]), (images[:1], [])):
        entry = _entry(make_item(images=tuple(shown)))
        assert [link["href"] for link in _links(entry) if link["rel"] == "enclosure"] == wanted
        for tag in ("media:content", "media:thumbnail"):
            assert [one.get("url") for one in entry.iterfind(tag, NAMESPACES)] == wanted


def test_media_leaves_out_sizes_that_are_not_known() -> None:
    entry = _entry(make_item(images=(Image(_IMAGE, width=640, cached=True),)))
    (content,) = entry.iterfind("media:content", NAMESPACES)
    (thumbnail,) = entry.iterfind("media:thumbnail", NAMESPACES)
    assert set(content.attrib) == {"url", "type", "medium", "width"}
    assert set(thumbnail.attrib) == {"url", "width"}


def test_enclosure_without_a_title_takes_the_entry_s() -> None:
    entry = _entry(make_item(title="A story", images=(Image(_IMAGE, cached=True),)))
    assert [link["title"] for link in _links(entry) if link["rel"] == "enclosure"] == ["A story"]


@given(
    st.lists(HOSTILE_LINE, max_size=3, unique=True),
    st.lists(st.tuples(HOSTILE_LINE, st.integers(0, 100)), max_size=7),
    st.integers(0, 7),
    st.integers(631_152_000, 4_000_000_000),
)
def test_any_entry_is_read_back_field_by_field(
    topics: list[str], related: list[tuple[str, int]], count: int, seconds: int
) -> None:
    time = datetime.fromtimestamp(seconds, UTC)
    stories = tuple(
        Related(title, f"https://e.example.org/{quality}", quality) for title, quality in related
    )
    item = make_item(
        topics=tuple(topics), related=stories, published=time, provider=Provider("P", "p.example")
    )
    data = render_items(item, site=replace(RENDER_SITE, related=count))["atom"]
    (parsed,) = feedparser.parse(data).entries
    (entry,) = atoma.parse_atom_bytes(data).entries
    best = sorted((quality for _, quality in related), reverse=True)[:count]
    wanted = [f"https://e.example.org/{quality}" for quality in best]
    assert [link.href for link in entry.links if link.rel == "related"] == wanted
    assert [link.href for link in parsed.links if link.rel == "related"] == wanted
    assert [category.term for category in entry.categories] == topics
    assert [tag.term for tag in parsed.get("tags", [])] == topics
    assert entry.published == entry.updated == time
    assert calendar.timegm(parsed.published_parsed) == seconds
