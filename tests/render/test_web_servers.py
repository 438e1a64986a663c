"""What nginx and Caddy are told: of former addresses, and of what no search engine may list."""

from __future__ import annotations

import pytest

from feeds.render.web_servers import (
    REDIRECTS,
    ROBOTS,
    exceptions,
    render_redirects,
    render_robots_headers,
)
from tests.support.rendering import select_items

BASE_URL = "https://example.org/a;b$uri/"
FEEDS = ("atom", "rss", "json")
PAGES = ("atom", "html")


def lines(*aliases: str, extensions: tuple[str, ...] = FEEDS) -> dict[str, list[str]]:
    summary = select_items([], address="topics/ai", aliases=aliases).summary()
    documents = render_redirects(BASE_URL, [summary], extensions)
    return {one.path: one.data.decode().splitlines()[1:] for one in documents}


def test_redirects_of_no_alias_are_no_files() -> None:
    assert lines() == {}


def test_redirects_name_every_document_and_nothing_that_a_server_would_read_otherwise() -> None:
    found = lines("topics/old", "topics/older")
    assert set(found) == set(REDIRECTS)
    assert found[".feeds-redirects.caddy"] == [
        f"redir /topics/{old}.{extension} https://example.org/a%3Bb%24uri/topics/ai.{extension} 301"
        for old in ("old", "older")
        for extension in ("atom", "rss", "json")
    ]
    assert [line for line in found[".feeds-redirects.nginx"] if "return" in line] == [
        f"    return 301 https://example.org/a%3Bb%24uri/topics/ai.{extension};"
        for _ in ("old", "older")
        for extension in ("atom", "rss", "json")
    ]


def test_redirects_are_for_pages_if_there_are_any() -> None:
    found = lines("topics/old", extensions=(*FEEDS, "html"))
    assert "location = /topics/old.html {" in found[".feeds-redirects.nginx"]


def headers(addresses: list[str], *, noindex: bool) -> dict[str, list[str]]:
    documents = render_robots_headers(noindex, addresses, PAGES)
    return {one.path: one.data.decode().splitlines()[1:] for one in documents}


@pytest.mark.parametrize("noindex", [True, False], ids=["of the site", "of none"])
def test_exceptions_are_the_feeds_that_differ_with_their_former_addresses(noindex: bool) -> None:  # noqa: FBT001
    feeds = [
        select_items([], address="topics/ai", aliases=("topics/a-i",), noindex=True).summary(),
        select_items([], address="topics/art", noindex=False).summary(),
    ]
    wanted = ["topics/art"] if noindex else ["topics/ai", "topics/a-i"]
    assert exceptions(noindex, feeds) == wanted


def test_headers_of_one_feed_are_those_of_its_documents_alone() -> None:
    found = headers(["providers/a.b.org"], noindex=False)
    assert found[ROBOTS[0]] == [r'"~^/providers/a\.b\.org\.(?:atom|html)$" noindex;']
    assert found[ROBOTS[1]] == [
        "@noindex path /providers/a.b.org.atom /providers/a.b.org.html",
        "header @noindex X-Robots-Tag noindex",
    ]


def test_headers_of_the_site_are_those_of_all_but_some_feeds() -> None:
    found = headers(["topics/ai"], noindex=True)
    assert found[ROBOTS[0]] == ["default noindex;", r'"~^/topics/ai\.(?:atom|html)$" "";']
    assert found[ROBOTS[1]][0] == "@noindex not path /topics/ai.atom /topics/ai.html"
    assert headers([], noindex=True)[ROBOTS[1]] == ["header X-Robots-Tag noindex"]
