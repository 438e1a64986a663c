"""The page of a search: what stands on it, and where its links lead."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import msgspec
import pytest

from feeds.common.model import Feed, FeedContents, Item
from feeds.render.context import Pages
from feeds.render.documents import view_feed
from feeds.render.page_context import Link
from feeds.render.search import Facet, Option, Parameter, Search, Unknown, render_search, with_links
from tests.support.rendering import RENDER_SITE, make_item, select_items
from tests.support.validator_html import sound_page

BASE = RENDER_SITE.base_url
HOSTILE = '<b>"&'
FEED = Feed("query", "custom", "query", "", "Site: x", "", 50, "q=a&limit=50")


def page(search: Search, *items: Item, language: str = "en") -> Element:
    site = msgspec.structs.replace(RENDER_SITE, pages=Pages(query="query"), language=language)
    contents = FeedContents(FEED, select_items(items).entries)
    view = view_feed(site, contents, dict(enumerate(items, 1)), {})
    known = {("topic", "ai"): "topics/the-ai", ("provider", "example.com"): "providers/example.com"}
    site = with_links(site, known, view)  # type: ignore[arg-type]  # literals
    source = render_search(site, view._replace(site=site), search, 200).data
    return sound_page(source)


def text(element: Element | None) -> str:
    return "" if element is None else " ".join("".join(element.itertext()).split())


def test_page_shows_a_search_and_how_to_follow_it() -> None:
    other = Option(HOSTILE, "query", 1, chosen=False)
    search = Search(
        "topic=ai&q=a",
        "topic=ai&q=a&limit=50",
        HOSTILE,
        7,
        ("AI",),
        (Parameter("topic", "ai"),),
        3,
        (Facet("topic", [Option("AI", "query?q=a", 2, chosen=True), other]),),
        (Unknown("provider", HOSTILE, "query", [Link("Near", "query?provider=near.org")]),),
    )
    found = page(search, make_item(topics=("AI", "Rare")))
    assert text(found.find(".//h1")) == f"{HOSTILE} · AI · Quality from 7"
    links = {str(one.get("rel")): one.get("href") for one in found.iter("link")}
    assert links["canonical"] == f"{BASE}query?topic=ai&q=a"
    assert links["alternate"] == f"{BASE}query.json?topic=ai&q=a&limit=50"
    assert [one.get("content") for one in found.iter("meta") if one.get("name") == "robots"] == [
        "noindex"
    ]
    fields = {one.get("name"): one.get("value") for one in found.iter("input")}
    assert fields == {"q": HOSTILE, "min_quality": "7", "topic": "ai"}
    assert text(found.find(".//*[@role='status']")) == "the newest 1 of 3 stories"
    (aside,) = found.iter("aside")
    assert [(one.get("href"), text(one), one.get("aria-label")) for one in aside.iter("a")] == [
        ("query?q=a", "AI ×", "Without “AI”"),
        ("query", f"{HOSTILE} 1", None),
    ]
    said = found.find(".//*[@class='said']")
    assert text(said).startswith(f"No source is called “{HOSTILE}”. Without “{HOSTILE}” Perhaps")
    (article,) = found.iter("article")
    assert [one.get("href") for one in article.iter("a")][1:] == [
        *("providers/example.com.html", "topics/the-ai.html")
    ]


@pytest.mark.parametrize("language", ["ar", "de", "en", "es", "fr"])
def test_page_of_a_search_that_fails_has_the_form_in_each_language(language: str) -> None:
    found = page(Search(faults=("q: <wrong>", "limit: bad")), language=language)
    assert [text(one) for one in found.findall(".//*[@role='alert']//li")] == [
        *("q: <wrong>", "limit: bad")
    ]
    assert found.find(".//input[@name='q']") is not None
    assert not [one for one in found.iter("link") if one.get("rel") == "alternate"]
    assert found.find(".//article") is None
