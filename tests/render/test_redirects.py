"""Redirects: what nginx and Caddy are told of the former addresses of feeds."""

from __future__ import annotations

from feeds.render.web_servers import REDIRECTS, render_redirects
from tests.support.rendering import select_items

BASE_URL = "https://example.org/a;b$uri/"
FEEDS = ("atom", "rss", "json")


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
