"""RSS 2.0 documents, read back with feedparser, atoma and lxml."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import atoma
import feedparser
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from feeds import __version__
from feeds.common.model import Image
from feeds.render.context import Site as RenderSite
from tests.support.rendering import (
    FULL,
    HOSTILE_LINE,
    RENDER_SITE,
    make_item,
    render_items,
)
from tests.support.validator import NAMESPACES, findings

_PAGE = "https://feeds.example.org/v1/all.html"


@pytest.fixture(scope="module")
def full(full_site: Path) -> bytes:
    return (full_site / "all.rss").read_bytes()


def _channel(data: bytes) -> etree._Element:
    return etree.fromstring(data)[0]


def _tags(element: etree._Element) -> list[str]:
    return [etree.QName(child).localname for child in element]


def test_channel_is_read_by_feedparser(full: bytes) -> None:
    parsed: Any = feedparser.parse(full)
    feed = parsed.feed
    assert (parsed.bozo, parsed.version) == (False, "rss20")
    assert (feed.title, feed.link, feed.language) == ("Example & Söhne", _PAGE, "en-GB")
    assert feed.subtitle == "News <\u2060i>picked<\u2060/i> & weighed – every half hour."
    assert feed.rights == "© 2026 Example &copy; Söhne"
    assert feed.generator == f"feeds {__version__}"
    assert feed.ttl == "30"
    assert calendar.timegm(feed.updated_parsed) == FULL.updated.timestamp()
    assert feed.author_detail == {"name": "The Desk & Friends", "email": "desk@example.org"}
    image = feed.image
    assert (image.href, image.link) == ("https://www.example.org/logo.png", _PAGE)
    assert image.title == "Example & Söhne"
    assert [(link.rel, link.href) for link in feed.links] == [
        ("alternate", _PAGE),
        ("self", "https://feeds.example.org/v1/all.rss"),
        ("hub", "https://hub.example.org/"),
        ("hub", "https://hub.example.net/push?to=all&fast=1"),
    ]


def test_item_is_read_by_feedparser(full: bytes) -> None:
    parsed: Any = feedparser.parse(full)
    (entry,) = parsed.entries
    assert (entry.id, entry.title, entry.link) == (FULL.id, FULL.title, FULL.url)
    assert entry.guidislink is False
    assert calendar.timegm(entry.published_parsed) == FULL.published.timestamp()
    assert [tag.term for tag in entry.tags] == list(FULL.topics)
    assert entry.authors == [{"name": FULL.provider}]
    (enclosure,) = entry.enclosures
    assert (enclosure.href, enclosure.type, enclosure.length) == (FULL.image, "image/png", "0")
    size = {"width": "640", "height": "425"}
    image = {"url": FULL.image, "type": "image/png", "medium": "image"}
    assert entry.media_content == [image | size]
    assert entry.media_thumbnail == [{"url": FULL.image} | size]
    assert entry.summary.startswith("Close it with &lt;/b&gt;, write &amp;lt; for &lt;")
    assert f'src="{FULL.image.replace("&", "&amp;")}"' in entry.content[0].value


def test_document_is_read_by_atoma(full: bytes) -> None:
    channel = atoma.parse_rss_bytes(full)
    assert (channel.title, channel.link, channel.language) == ("Example & Söhne", _PAGE, "en-GB")
    assert channel.last_build_date == FULL.updated
    assert (channel.ttl, channel.generator) == (30, f"feeds {__version__}")
    assert channel.managing_editor == "desk@example.org (The Desk & Friends)"
    assert channel.copyright == "© 2026 Example &copy; Söhne"
    assert channel.docs == "http://www.rssboard.org/rss-specification"
    assert (channel.image.url, channel.image.link) == ("https://www.example.org/logo.png", _PAGE)
    (item,) = channel.items
    assert (item.guid, item.title, item.link) == (FULL.id, FULL.title, FULL.url)
    assert (item.pub_date, item.author) == (FULL.published, None)
    assert item.categories == list(FULL.topics)
    (enclosure,) = item.enclosures
    assert (enclosure.url, enclosure.length, enclosure.type) == (FULL.image, 0, "image/png")
    assert item.content_encoded.startswith("<figure><img ")


def test_raw_elements_have_these_attributes_and_this_order(full: bytes) -> None:
    root = etree.fromstring(full)
    assert (root.tag, root.items()) == ("rss", [("version", "2.0")])
    assert _tags(root[0])[-1] == "item"
    item = root[0][-1]
    assert _tags(item)[:4] == ["title", "link", "description", "encoded"]
    guid, enclosure = item.find("guid"), item.find("enclosure")
    assert guid is not None
    assert enclosure is not None
    assert guid.items() == [("isPermaLink", "false")]
    assert dict(enclosure.items()) == {"url": FULL.image, "length": "0", "type": "image/png"}
    links = [dict(link.items()) for link in root[0].iterfind("atom:link", NAMESPACES)]
    self_link = {"href": "https://feeds.example.org/v1/all.rss", "rel": "self"}
    assert links == [
        self_link | {"type": "application/rss+xml"},
        {"href": "https://hub.example.org/", "rel": "hub"},
        {"href": "https://hub.example.net/push?to=all&fast=1", "rel": "hub"},
    ]


def test_source_is_readable(full: bytes) -> None:
    lines = full.decode().splitlines()
    assert "    <item>" in lines
    assert "      <category>C++ &#x26; &#x3C;Rust&gt;</category>" in lines
    assert full.endswith(b"</rss>\n")


def test_item_of_the_fewest_fields_has_its_content_as_description() -> None:
    item = _channel(render_items(make_item())["rss"])[-1]
    assert sorted(_tags(item)) == ["creator", "description", "guid", "link", "pubDate", "title"]
    link = '<a href="https://news.example.com/stories/1">Story 1</a>'
    assert item.findtext("description") == f"<p>{link}</p>"


def test_channel_of_the_fewest_fields_is_described_by_its_title() -> None:
    channel = _channel(render_items(site=replace(RENDER_SITE, ttl=0))["rss"])
    assert channel.findtext("description") == channel.findtext("title") == "All stories"
    assert not {"ttl", "copyright", "managingEditor", "image"} & set(_tags(channel))


def test_empty_channel_is_valid_and_never_says_now() -> None:
    data = render_items()["rss"]
    assert findings("all.rss", data, RENDER_SITE.base_url) == []
    parsed: Any = feedparser.parse(data)
    assert (parsed.bozo, parsed.entries) == (False, [])
    assert atoma.parse_rss_bytes(data).last_build_date == datetime(2000, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("site", "wanted"),
    [
        pytest.param({"author_email": "d@example.org"}, None, id="no name"),
        pytest.param({"author_name": "Desk"}, None, id="no e-mail"),
        pytest.param(
            *({"author_name": "Desk", "author_email": "d@example.org"}, "d@example.org (Desk)"),
            id="both",
        ),
    ],
)
def test_editor_needs_both_name_and_email(site: dict[str, str], wanted: str | None) -> None:
    channel = _channel(render_items(site=replace(RENDER_SITE, **site))["rss"])
    assert channel.findtext("managingEditor") == wanted


@pytest.mark.parametrize(
    "name", ["A <b>", "A </b> man", "AT&amp;T", "Desk (London)", "half ) open ("]
)
def test_editor_of_any_name_has_no_finding(name: str) -> None:
    site = replace(RENDER_SITE, author_name=name, author_email="desk@example.org")
    assert findings("all.rss", render_items(site=site)["rss"], site.base_url) == []


@pytest.mark.parametrize(
    ("logo", "wanted"),
    [("logo.png", True), ("logo.JPG", True), ("logo.svg", False), ("logo", False), ("", False)],
)
def test_image_is_one_that_rss_knows(logo: str, *, wanted: bool) -> None:
    site: RenderSite = replace(RENDER_SITE, logo=logo and f"https://www.example.org/{logo}")
    data = render_items(site=site)["rss"]
    assert ("image" in _tags(_channel(data))) == wanted
    assert findings("all.rss", data, site.base_url) == []


def as_feedparser_reads(text: str) -> str:
    """Returns a text that could be UTF-8 taken for latin-1 as the UTF-8 that it would be."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


@example(["\u00c4\u00a1"], 631_152_000, 0)
@given(
    st.lists(HOSTILE_LINE.filter(lambda text: "</" not in text), max_size=3, unique=True),
    st.integers(631_152_000, 4_000_000_000),
    st.integers(0, 1),
)
def test_any_item_is_read_back_field_by_field(topics: list[str], seconds: int, cached: int) -> None:
    time = datetime.fromtimestamp(seconds, UTC)
    images = (Image("https://i.example.org/a?b=1&c=2", 1, 2, cached=True),) * cached
    item = make_item(topics=tuple(topics), published=time, images=images)
    data = render_items(item)["rss"]
    (parsed,) = feedparser.parse(data).entries
    (read,) = atoma.parse_rss_bytes(data).items
    assert read.categories == topics
    assert [tag.term for tag in parsed.get("tags", [])] == list(map(as_feedparser_reads, topics))
    assert read.pub_date == time
    assert calendar.timegm(parsed.published_parsed) == seconds
    wanted = [(image.url, 0, "image/jpeg") for image in images]
    assert [(one.url, one.length, one.type) for one in read.enclosures] == wanted
    assert [(one.href, int(one.length), one.type) for one in parsed.enclosures] == wanted
