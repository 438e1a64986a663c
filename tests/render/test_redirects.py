"""Redirects: what nginx and Caddy are told of the former addresses of feeds."""

from __future__ import annotations

from msgspec.structs import replace

from feeds.render.context import Pages
from feeds.render.redirects import PATHS, render_redirects
from tests.support.rendering import RENDER_SITE, select_items

SITE = replace(RENDER_SITE, base_url="https://example.org/a;b$uri/")


def lines(*aliases: str, pages: Pages | None = None) -> dict[str, list[str]]:
    summary = select_items([], address="topics/ai", aliases=aliases).summary()
    documents = render_redirects(replace(SITE, pages=pages), [summary])
    return {one.path: one.data.decode().splitlines()[1:] for one in documents}


def test_redirects_of_no_alias_are_no_files() -> None:
    assert lines() == {}


def test_redirects_name_every_document_and_nothing_that_a_server_would_read_otherwise() -> None:
    found = lines("topics/old", "topics/older")
    assert set(found) == set(PATHS)
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


def test_redirects_of_pages_are_there_where_there_are_pages() -> None:
    found = lines("topics/old", pages=Pages())
    assert "location = /topics/old.html {" in found[".feeds-redirects.nginx"]
