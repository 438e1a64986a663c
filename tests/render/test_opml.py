"""The OPML subscription list, read back with listparser and lxml."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import listparser
import pytest
from hypothesis import given
from lxml import etree
from msgspec.structs import replace

from feeds.common.model import Document, FeedContents
from feeds.render.context import Pages
from feeds.render.opml import render_opml, render_undated, size_in
from tests.support.rendering import (
    HOSTILE_LINE,
    RENDER_SITE,
    make_item,
    select_items,
)
from tests.support.validator import findings

_BASE = "https://feeds.example.org/v1/"


@pytest.fixture(scope="module")
def full(full_site: Path) -> bytes:
    return (full_site / "feeds.opml").read_bytes()


def _render(*selected: FeedContents, title: str = "Site") -> etree._Element:
    feeds = [one.summary() for one in selected]
    document: Document = render_opml(replace(RENDER_SITE, title=title), feeds)
    assert document.path == "feeds.opml"
    assert findings(document.path, document.data, RENDER_SITE.base_url) == []
    return etree.fromstring(document.data)


def _outlines(root: etree._Element) -> list[tuple[str | None, list[str | None]]]:
    top = root.iterfind("body/outline")
    return [(one.get("text"), [child.get("text") for child in one]) for one in top]


def test_list_is_read_by_listparser(full: bytes) -> None:
    parsed: Any = listparser.parse(full)
    assert (parsed.bozo, parsed.version, parsed.lists) == (False, "opml2", [])
    assert parsed.meta.title == "Example & Söhne"
    assert parsed.meta.modified_parsed == datetime(2026, 2, 11, 9, tzinfo=UTC)
    assert [(feed.url.removeprefix(_BASE), feed.tags) for feed in parsed.feeds] == [
        ("all.atom", []),
        ("topics/ai.atom", ["Topics"]),
        ("topics/c-rust-bd2fb513.atom", ["Topics"]),
        ("topics/vision.atom", ["Topics"]),
        ("providers/www.xn--exmple-cua.com.atom", ["Providers"]),
        ("custom/best-of-all-0f5737fb.atom", ["Custom"]),
    ]
    titles = [feed.title for feed in parsed.feeds]
    assert titles[:2] == ["Example & Söhne", "Example & Söhne: AI"]
    assert titles[3] == "Seeing machines"


def test_outlines_have_these_attributes(full: bytes) -> None:
    root = etree.fromstring(full)
    assert (root.tag, root.items()) == ("opml", [("version", "2.0")])
    outline = root.find("body/outline[2]/outline[3]")
    assert outline is not None
    assert dict(outline.items()) == {
        "text": "Seeing machines",
        "title": "Seeing machines",
        "type": "rss",
        "xmlUrl": f"{_BASE}topics/vision.atom",
        "htmlUrl": f"{_BASE}topics/vision.html",
    }


def test_feeds_are_grouped_whatever_their_order() -> None:
    kinds = ("custom", "provider", "topic", "all", "topic")
    selected = [
        select_items([], kind=kind, address=f"{kind}/{n}", title=f"{kind} {n}")
        for n, kind in enumerate(kinds)
    ]
    assert _outlines(_render(*selected)) == [
        ("all 3", []),
        ("Topics", ["topic 2", "topic 4"]),
        ("Providers", ["provider 1"]),
        ("Custom", ["custom 0"]),
    ]


def test_groups_without_feeds_are_left_out() -> None:
    assert _outlines(_render(select_items([]))) == [("All stories", [])]


def test_list_is_as_new_as_the_newest_of_its_feeds() -> None:
    new = make_item(2, updated=datetime(2026, 2, 9, 8, tzinfo=UTC))
    selected = (select_items([make_item(1)]), select_items([new]), select_items([]))
    assert _render(*selected).findtext("head/dateModified") == "Mon, 09 Feb 2026 08:00:00 +0000"


def test_list_of_empty_feeds_never_says_now() -> None:
    root = _render(select_items([]))
    assert root.findtext("head/dateModified") == "Sat, 01 Jan 2000 00:00:00 +0000"


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        pytest.param("Plain & simple > all", "Plain & simple > all", id="plain"),
        pytest.param("A <b>", "A &lt;b&gt;", id="tag"),
        pytest.param("a < b", "a &lt; b", id="less than"),
        pytest.param("AT&T", "AT&amp;T", id="& in a word"),
        pytest.param("&lt; &", "&amp;lt; &amp;", id="reference"),
        pytest.param("R &", "R &", id="& at the end"),
        pytest.param("R&\u00a0D", "R&amp;\u00a0D", id="& before a no-break space"),
        pytest.param("R&\u2009D", "R&amp;\u2009D", id="& before a thin space"),
    ],
)
def test_text_is_encoded_where_a_strict_parser_would_stumble(title: str, wanted: str) -> None:
    root = _render(select_items([], title=title), title=title)
    (outline,) = root.iterfind("body/outline")
    assert [outline.get("text"), outline.get("title"), root.findtext("head/title")] == [wanted] * 3


@given(HOSTILE_LINE)
def test_feed_takes_no_more_bytes_than_its_size_says(title: str) -> None:
    site = replace(RENDER_SITE, pages=Pages())
    feeds = [
        select_items([], kind="topic", address=f"topics/{n}", title=title).summary()
        for n in range(2)
    ]
    one, both = (len(render_undated(site, feeds[:count]).data) for count in (1, 2))
    assert both - one <= size_in(site, feeds[0].feed)
