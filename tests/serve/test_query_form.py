"""The form for queries: what it offers, and that nothing else may run or load in it."""

from __future__ import annotations

import base64
import hashlib
import re
from xml.etree.ElementTree import Element

import html5lib
import pytest

from feeds.common.model import Feed
from feeds.serve.query import DEFAULT_LIMIT, MAX_LIMIT, MAX_TEXT, Query, query_form
from tests.support.site import config_of

FEEDS = [
    Feed("all", "all", "", "", "All", "", 50),
    Feed("topics/c", "topic", "c++", 'C++ & <b>"', "C", "", 50),
    Feed("topics/ai", "topic", "ai", "AI", "AI", "", 50),
    Feed("providers/x.org", "provider", "x.org", "X & <i>", "X", "", 50),
    Feed("custom", "custom", "custom", "Custom", "Custom", "", 50),
]


def shown(more: str = "", title: str = "News & <b>") -> tuple[Element, dict[str, str], str]:
    """Returns the page, its headers, and its source."""
    text = query_form(config_of(f"[site]\ntitle = {title!r}\n{more}\n"), FEEDS)
    page = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text.read())
    return page, dict(text.headers), text.read().decode()


def test_form_offers_the_topics_and_providers_that_there_are() -> None:
    page, _, _ = shown()
    options = {
        str(one.get("id")): [(option.get("value"), option.text) for option in one]
        for one in page.iter("datalist")
    }
    assert options == {
        "topics": [("AI", "AI"), ('C++ & <b>"', 'C++ & <b>"')],
        "providers": [("x.org", "X & <i>")],
    }


def test_form_has_the_parameters_of_queries_and_their_limits() -> None:
    page, _, _ = shown()
    inputs = {str(one.get("id")): one for one in page.iter("input")}
    assert {str(one.get("name")) for one in inputs.values()} == {
        *("q", "topic", "provider", "min_quality", "limit")
    }
    assert inputs["q"].get("maxlength") == str(MAX_TEXT)
    assert inputs["limit"].get("max") == str(MAX_LIMIT)
    assert inputs["limit"].get("placeholder") == str(DEFAULT_LIMIT)
    assert [one.get("formaction") for one in page.iter("button")] == [
        *(None, "query.rss", "query.json")
    ]
    labels = {one.get("for"): "".join(one.itertext()) for one in page.iter("label")}
    assert labels["topic1"] == "Topic"
    assert labels["topic2"] == "or topic"
    assert set(labels) == set(inputs)
    assert Query.parse("q=&topic=&topic=&provider=&min_quality=&limit=") == Query()


def test_form_allows_its_own_style_alone() -> None:
    page, headers, source = shown()
    (style,) = re.findall("<style>(.*?)</style>", source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert not [*page.iter("script")]
    assert "&" not in style


@pytest.mark.parametrize("pages", [True, False])
def test_form_leads_to_pages_only_if_there_are_any(pages: bool) -> None:  # noqa: FBT001
    page, _, _ = shown(f"pages = {str(pages).lower()}")
    targets = [one.get("href") for one in (*page.iter("a"), *page.iter("link"))]
    assert targets == (["index.html", "assets/icon.svg"] if pages else [])


def test_form_escapes_the_title_of_the_site() -> None:
    page, _, source = shown()
    assert page.findtext("head/title") == "News & <b>: a feed of your own"
    assert page.findtext("body/main/h1") == "News & <b>: a feed of your own"
    assert "News & <b>" not in source
