"""JSON Feed 1.1 documents, read back with json and atoma."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import atoma
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from feeds.common.model import Feed, Image, Item, Provider
from feeds.render.context import Enclosure, EntryView, FeedView
from feeds.render.jsonfeed import render_json
from tests.support.rendering import (
    FULL,
    HOSTILE_LINE,
    RENDER_SITE,
    make_item,
    render_items,
)
from tests.support.validator import findings

_HOME = "https://www.example.org/"
_PAGE = "https://feeds.example.org/v1/all.html"


@pytest.fixture(scope="module")
def full(full_site: Path) -> bytes:
    return (full_site / "all.json").read_bytes()


def _item(item: Item) -> dict[str, Any]:
    (read,) = json.loads(render_items(item)["json"])["items"]
    return dict(read)


def test_feed_has_these_members(full: bytes) -> None:
    feed = json.loads(full)
    del feed["items"]
    assert feed == {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Example & Söhne",
        "home_page_url": _PAGE,
        "feed_url": "https://feeds.example.org/v1/all.json",
        "description": "News <i>picked</i> & weighed – every half hour.",
        "icon": "https://www.example.org/icon-512.png",
        "favicon": "https://www.example.org/favicon.png",
        "authors": [{"name": "The Desk & Friends", "url": "https://www.example.org/desk"}],
        "language": "en-GB",
        "hubs": [
            {"type": "WebSub", "url": "https://hub.example.org/"},
            {"type": "WebSub", "url": "https://hub.example.net/push?to=all&fast=1"},
        ],
    }


def test_item_has_these_members(full: bytes) -> None:
    (item,) = json.loads(full)["items"]
    assert item.pop("content_html").startswith("<figure><img ")
    image = {"url": FULL.image, "mime_type": "image/png", "title": FULL.image_title}
    assert item == {
        "id": FULL.id,
        "url": FULL.url,
        "external_url": FULL.original,
        "title": FULL.title,
        "summary": FULL.excerpt,
        "image": FULL.image,
        "date_published": "2026-02-10T07:30:00Z",
        "date_modified": "2026-02-11T09:00:00Z",
        "authors": [{"name": FULL.provider, "url": FULL.provider_url}],
        "tags": [*FULL.topics, *FULL.tags],
        "language": "de-DE",
        "attachments": [image],
        "_feeds": {"quality": 88, "heat": 12, "provider_domain": "www.xn--exmple-cua.com"},
    }


def test_document_is_read_by_atoma(full: bytes) -> None:
    feed = atoma.parse_json_feed_bytes(full)
    assert (feed.title, feed.home_page_url) == ("Example & Söhne", _PAGE)
    (item,) = feed.items
    assert (item.id_, item.url, item.external_url) == (FULL.id, FULL.url, FULL.original)
    assert (item.title, item.summary) == (FULL.title, FULL.excerpt)
    assert (item.date_published, item.date_modified) == (FULL.published, FULL.updated)
    assert (item.tags, item.image) == ([*FULL.topics, *FULL.tags], FULL.image)
    (attachment,) = item.attachments
    assert (attachment.url, attachment.mime_type) == (FULL.image, "image/png")
    assert (attachment.title, attachment.size_in_bytes) == (FULL.image_title, None)


def test_source_is_readable(full: bytes) -> None:
    lines = full.decode().splitlines()
    assert '      "title": "The <b> tag & AT&T: “cafés” – 5 < 6",' in lines
    assert full.endswith(b"}\n")


def test_item_of_the_fewest_fields_holds_no_empty_member() -> None:
    item = _item(make_item())
    assert set(item) == {
        *("id", "url", "title", "content_html", "date_published", "date_modified", "authors"),
        "_feeds",
    }
    assert item["_feeds"] == {"quality": 70, "heat": -1, "provider_domain": "example.com"}


def test_item_of_quality_0_says_so() -> None:
    assert _item(make_item(quality=0, heat=0))["_feeds"]["quality"] == 0


def test_feed_of_the_fewest_fields_is_its_own_author() -> None:
    feed = json.loads(render_items()["json"])
    assert set(feed) == {
        *("version", "title", "home_page_url", "feed_url", "authors", "language", "items")
    }
    assert feed["authors"] == [{"name": "Site", "url": _HOME}]
    assert feed["items"] == []


def test_empty_feed_is_valid() -> None:
    data = render_items()["json"]
    assert findings("all.json", data, RENDER_SITE.base_url) == []
    assert atoma.parse_json_feed_bytes(data).items == []


@pytest.mark.parametrize(("length", "wanted"), [(0, None), (1, 1), (123_456, 123_456)])
def test_attachment_tells_its_size_where_it_is_known(length: int, wanted: int | None) -> None:
    time = datetime(2026, 2, 1, tzinfo=UTC)
    enclosure = Enclosure("https://i.example.org/a.jpg", "image/jpeg", length, 0, 0, "A")
    entry = EntryView(make_item(), time, time, enclosure, "<p>A</p>")
    feed = Feed("all", "all", "", "", "All", "", 50)
    (item,) = json.loads(render_json(FeedView(RENDER_SITE, feed, time, [entry], [entry])).data)[
        "items"
    ]
    assert item["attachments"][0].get("size_in_bytes") == wanted


@given(
    HOSTILE_LINE,
    st.lists(HOSTILE_LINE, max_size=3, unique=True),
    st.integers(631_152_000, 4_000_000_000),
)
def test_any_text_is_read_back_exactly(text: str, topics: list[str], seconds: int) -> None:
    image = Image("https://i.example.org/a.jpg", title=text, cached=True)
    time = datetime.fromtimestamp(seconds, UTC)
    item = make_item(title=text, excerpt=text, topics=tuple(topics), images=(image,))
    item = replace(item, provider=Provider(text, "example.com"), published=time)
    site = replace(RENDER_SITE, author_name=text)
    data = render_items(item, site=site, title=text, description=text)["json"]
    feed = json.loads(data)
    (read,) = feed["items"]
    shown = (feed["title"], feed["description"], feed["authors"][0]["name"])
    assert {*shown, read["title"], read["summary"], read["attachments"][0]["title"]} == {text}
    assert (read["authors"][0]["name"], read.get("tags", [])) == (text, topics)
    assert datetime.fromisoformat(read["date_published"]) == time
    assert atoma.parse_json_feed_bytes(data).items[0].title == text
