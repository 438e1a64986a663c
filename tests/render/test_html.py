"""A feed's page, read back with a strict HTML parser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from feeds.common.model import Image, Item, Provider, Related
from feeds.common.slugs import Addresses, slug
from feeds.render.context import Pages
from tests.support.rendering import HOSTILE_LINE, RENDER_SITE, make_item, render_items
from tests.support.validator_html import sound_page, text_of

_TIME = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)
_SITE = replace(RENDER_SITE, pages=Pages())


def _page(*items: Item, pages: Pages | None = None, **feed: Any) -> Element:
    site = replace(_SITE, pages=pages) if pages else _SITE
    return sound_page(render_items(*items, site=site, **feed)["html"])


def _links(page: Element, path: str) -> list[tuple[str, str | None]]:
    return [(text_of(link), link.get("href")) for link in page.iterfind(f".//{path}")]


def test_page_is_there_only_where_the_site_has_pages() -> None:
    assert set(render_items(make_item(), site=RENDER_SITE)) == {"atom", "rss", "json"}
    assert set(render_items(make_item(), site=_SITE)) == {"atom", "rss", "json", "html"}


def test_entry_shows_all_that_a_visitor_wants_to_know() -> None:
    item = make_item(
        title="The <b> tag & more",
        excerpt="In short: 5 < 6.",
        updated=_TIME,
        locale="de",
        topics=("AI", "C++"),
        images=(Image("https://feeds.example.org/1.jpg", 640, 425, "A camera", cached=True),),
        related=(
            Related("Worse", "https://e.example/2", 8),
            Related("Better", "https://e.example/1", 9, _TIME, "E & Co"),
        ),
    )
    page = _page(item, address="topics/ai", kind="topic", key="ai", name="AI", title="Site: AI")
    article = page.find(".//article")
    assert article is not None
    assert (article.get("lang"), article.get("dir")) == ("de", "ltr")
    assert _links(article, "h3/a") == [("The <b> tag & more", item.url)]
    assert _links(article, "p/span/a") == [("The Example", "../providers/example.com.html")]
    times = [(text_of(time), time.get("datetime")) for time in article.iterfind("p//time")]
    assert times == [
        ("08:00", "2026-02-01T08:00:00Z"),
        ("updated 3 February 2026, 04:05 UTC", "2026-02-03T04:05:00Z"),
    ]
    assert text_of(page.find(".//section[@class='day']/h2")) == "Sunday 1 February 2026"
    assert text_of(article.find(".//span[@class='quality q4']")) == "quality 70"
    assert text_of(article.find(".//p[@class='excerpt']")) == "In short: 5 < 6."
    assert _links(article, "ul[@class='topics']/li/a") == [
        ("AI", "../topics/ai.html"),
        ("C++", "../topics/c-cedb1bac.html"),
    ]
    stories = article.findall(".//details/ul/li")
    assert [text_of(story) for story in stories] == ["Better E & Co 3 February 2026", "Worse"]
    (image,) = article.iter("img")
    assert {name: image.get(name) for name in ("src", "alt", "width", "height", "loading")} == {
        "src": "../1.jpg",
        "alt": "A camera",
        "width": "640",
        "height": "425",
        "loading": None,  # the first one is in sight
    }


def test_entry_of_the_fewest_fields_shows_no_empty_part() -> None:
    article = _page(make_item()).find(".//article")
    assert article is not None
    assert [child.tag for child in article] == ["h3", "p"]
    assert "updated" not in text_of(article)


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        pytest.param(
            Image("https://feeds.example.org/media/ab/1.png", 3, 2, "", cached=True),
            {"src": "../media/ab/1.png", "alt": "", "width": "3", "height": "2"},
            id="own, without a title",
        ),
        pytest.param(
            Image("https://feeds.example.org/1.png", 3, 0, "Story 1", cached=True),
            {"src": "../1.png", "alt": ""},
            id="half a size, title of the story",
        ),
    ],
)
def test_picture_has_what_is_known_of_it(image: Image, wanted: dict[str, str]) -> None:
    (found,) = _page(make_item(images=(image,)), address="topics/ai").iter("img")
    names = ("src", "alt", "width", "height")
    assert {name: found.get(name) for name in names if name in found.attrib} == wanted


@pytest.mark.parametrize(
    ("size", "name", "fit"),
    [
        pytest.param((640, 425), "1.jpg", "picture", id="wide"),
        pytest.param((600, 900), "1.jpg", "picture tall", id="tall"),
        pytest.param((60, 40), "1.jpg", "picture whole", id="small"),
        pytest.param((640, 425), "1.png", "picture whole", id="drawn"),
    ],
)
def test_picture_is_cut_as_its_shape_allows(size: tuple[int, int], name: str, fit: str) -> None:
    image = Image(f"https://feeds.example.org/{name}", *size, cached=True)
    box = _page(make_item(images=(image,))).find(".//article/div")
    assert box is not None
    assert box.get("class") == fit


def _policy(page: Element) -> list[str]:
    meta = page.find(".//meta[@http-equiv]")
    assert meta is not None
    return meta.get("content", "").split("; ")


@pytest.mark.parametrize(
    ("media_url", "sources", "shown"),
    [
        pytest.param("", "'self'", [], id="no copies"),
        pytest.param(_SITE.base_url, "'self'", ["media/3.jpg"], id="own"),
        pytest.param(
            "https://cdn.example.org:8443/a/",
            "'self' https://cdn.example.org:8443",
            ["https://cdn.example.org:8443/a/4.jpg"],
            id="elsewhere",
        ),
    ],
)
def test_page_asks_no_host_but_that_of_copies(
    media_url: str, sources: str, shown: list[str]
) -> None:
    urls = ["https://b.example.org/1.jpg", "https://cdn.example.org/b/2.jpg"]
    urls += [f"{_SITE.base_url}media/3.jpg"] if media_url == _SITE.base_url else []
    urls += [f"{media_url}4.jpg"] if len(shown) and media_url != _SITE.base_url else []
    items = [make_item(n, images=(Image(url, cached=True),)) for n, url in enumerate(urls)]
    data = render_items(*items, site=replace(_SITE, media_url=media_url))["html"]
    page = html5lib.parse(data, namespaceHTMLElements=False)
    assert _policy(page) == [
        *("default-src 'none'", "base-uri 'none'", "connect-src 'self'", "form-action 'self'"),
        *(f"img-src {sources}", "script-src 'self'", "style-src 'self'"),
    ]
    assert [one.get("src") for one in page.iter("img")] == shown


@pytest.mark.parametrize(
    ("feed", "description"),
    [
        pytest.param(
            {"kind": "topic", "name": "AI", "title": "Site: AI"},
            "The newest 2 stories on AI from 1 source",
            id="topic",
        ),
        pytest.param(
            {"kind": "provider", "name": "Sky", "title": "Site: Sky"},
            "The newest 2 stories from Sky",
            id="provider",
        ),
        pytest.param({"kind": "all"}, "The newest stories from Site, from 1 source", id="all"),
        pytest.param({"kind": "topic", "description": "Own & true"}, "Own & true", id="its own"),
    ],
)
def test_page_has_a_description_of_its_own(feed: dict[str, Any], description: str) -> None:
    page = _page(make_item(1), make_item(2), address="topics/ai", **feed)
    told = {one.get("name", one.get("property")): one.get("content") for one in page.iter("meta")}
    assert told["description"] == told["og:description"] == description
    assert told["og:url"] == "https://feeds.example.org/topics/ai.html"
    assert len([name for name in told if name == "theme-color"]) == 1


def test_page_offers_readers_that_follow_its_feed() -> None:
    pages = Pages(
        readers=(("Mine", "", "https://r.example/?a={url}"), ("App", "Here", "feed:{raw}"))
    )
    page = _page(make_item(), pages=pages, address="topics/ai", name="AI", kind="topic")
    assert _links(page, "ul[@class='readers']/li/a") == [
        ("Mine", "https://r.example/?a=https%3A%2F%2Ffeeds.example.org%2Ftopics%2Fai.atom"),
        ("App", "feed:https://feeds.example.org/topics/ai.atom"),
    ]
    assert text_of(page.find(".//details[@class='follow']/summary")) == "Follow"


def test_page_draws_the_activity_up_to_its_own_newest_story() -> None:
    days = (0, 0, 1, 29, 30, 400)
    items = [make_item(n, published=_TIME - timedelta(days=day)) for n, day in enumerate(days)]
    drawing = _page(*items).find(".//{*}svg")
    assert drawing is not None
    assert drawing.get("aria-label") == "4 stories in 30 days, most on 3 February 2026"
    full = _page(*items[:4], max_items=4).find(".//{*}svg")
    assert full is not None
    assert full.get("aria-label", "").startswith("more than 4 stories in 30 days")


@pytest.mark.parametrize("switch", ["show_quality", "show_heat"])
def test_marks_of_the_editors_can_be_switched_off(switch: str) -> None:
    item = make_item(quality=90, heat=90)
    shown = text_of(_page(item).find(".//article/p"))
    assert "quality 90" in shown
    assert "hot" in shown
    hidden = text_of(_page(item, pages=replace(Pages(), **{switch: False})).find(".//article/p"))
    assert ("quality" in hidden, "hot" in hidden) == (
        switch != "show_quality",
        switch != "show_heat",
    )


def test_topic_and_provider_lead_to_their_feeds_where_there_are_such() -> None:
    pages = Pages(
        Addresses({"computer vision": "seeing"}, {"example.com": "the-example"}),
        (("provider", "other.org"), ("topic", "gossip")),
    )
    items = [
        make_item(1, topics=("Computer  VISION", "Gossip", "Seeing")),
        make_item(2, provider=Provider("Other", "other.org")),
    ]
    page = _page(*items, pages=pages)
    assert _links(page, "ul[@class='topics']/li/a") == [
        ("Computer VISION", "topics/seeing.html"),
        ("Seeing", f"topics/{slug('Seeing', {'seeing'})}.html"),
    ]
    assert _links(page, "span[@class='provider']/a") == [
        ("The Example", "providers/the-example.html")
    ]
    assert "Gossip" in text_of(page.find(".//ul[@class='topics']"))


def test_page_tells_of_its_feed_in_every_format() -> None:
    page = _page(address="topics/ai", title="The <AI> feed", name="AI")
    base = "https://feeds.example.org/topics/ai"
    types = {"atom": "application/atom+xml", "rss": "application/rss+xml"}
    types["json"] = "application/feed+json"
    alternates = page.findall("head/link[@rel='alternate']")
    assert [(one.get("type"), one.get("href")) for one in alternates] == [
        (media_type, f"{base}.{extension}") for extension, media_type in types.items()
    ]
    assert alternates[0].get("title") == "The <AI> feed (Atom)"
    assert _links(page, "ul[@class='addresses']/li/a") == [
        (name, f"../topics/ai.{name.lower()}") for name in ("Atom", "RSS", "JSON")
    ]
    shown = [text_of(one) for one in page.iter("code")]
    assert shown == [f"{base}.{extension}" for extension in types]
    assert text_of(page.find("head/title")) == "The <AI> feed"


def test_page_of_an_empty_feed_says_so_in_a_friendly_way() -> None:
    page = _page(name="AI", kind="topic", title="Site: AI")
    assert text_of(page.find(".//h1")) == "AI"
    assert page.find(".//article") is None
    assert "Nothing here yet" in text_of(page.find(".//main"))


def test_page_names_the_day_of_the_newest_entry() -> None:
    dates = (_TIME, _TIME + timedelta(days=30), _TIME - timedelta(days=30))
    items = [make_item(number, published=date) for number, date in enumerate(dates)]
    assert "3 stories, the newest of 5 March 2026" in text_of(_page(*items).find(".//main"))


@settings(max_examples=settings().max_examples // 3)
@given(st.lists(HOSTILE_LINE, min_size=6, max_size=6))
def test_page_shows_hostile_text_astext_of(texts: list[str]) -> None:
    title, excerpt, topic, provider, related, alt = texts
    item = make_item(
        title=title,
        excerpt=excerpt,
        topics=(topic,),
        provider=Provider(provider, "example.com"),
        related=(Related(related, "https://e.example/1", 1, None, provider),),
        images=(Image("https://feeds.example.org/1.png", 1, 1, alt, cached=True),),
    )
    page = _page(item, title=title, description=excerpt, name=topic)
    shown = page.find(".//article/h3/a"), page.find(".//p[@class='excerpt']")
    assert ["".join(one.itertext()) for one in shown if one is not None] == [title, excerpt]
    bdis = ["".join(one.itertext()) for one in page.iter("bdi")]
    assert bdis == [provider, topic, provider]
    story = page.find(".//details/ul/li/a")
    assert story is not None
    assert "".join(story.itertext()) == related
    (image,) = page.iter("img")
    assert image.get("alt") == ("" if alt == title else alt)
