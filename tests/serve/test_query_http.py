"""Query feeds: what they find, what they refuse, and what they cost, over real sockets."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.processes import wait_until
from tests.support.serving import BROWSERS, READERS, Got, Server
from tests.support.site import NOW, Site
from tests.support.validator import findings
from tests.support.validator_html import html_findings

BASE = "https://feeds.example.org/"
CONFIG = """
[topics."Computer Vision"]
min_quality = 60
[[feeds]]
name = "Low"
min_quality = 20
topics = ["Fringe"]
"""
VISION, AI = "Computer Vision", "AI"
# Title, quality, published, provider, topics, excerpt, body.
STORIES: list[tuple[str, int, bool, str, list[str], str, str]] = [
    ("Facial recognition banned", 74, True, "sky.com", [VISION, AI], "Liberty says so.", ""),
    ("Cameras in schools", 58, True, "sky.com", [VISION, AI], "", "On *facial* recognition."),
    (
        "Robots at work",
        90,
        True,
        "bbc.co.uk",
        ["Robotics"],
        "Café robots",
        "[x](https://e.org/zzz)",
    ),
    ("Recognition of a facial kind", 50, True, "bbc.co.uk", [AI], "C++ & <b>", ""),
    ("Held back by quality", 10, True, "sky.com", [AI], "facial recognition", ""),
    ("Not published", 99, False, "sky.com", [AI], "facial recognition", ""),
    ("On the fringe", 30, True, "odd.org", ["Fringe"], "secretive", ""),
]
TITLES = [story[0] for story in STORIES]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("query") / "site")
    site.configure(CONFIG)
    for number, (title, quality, published, domain, topics, excerpt, body) in enumerate(STORIES):
        fields: dict[str, Any] = {"title": title, "quality": quality, "published": published}
        fields |= {"provider": {"domain": domain}, "topics": topics, "excerpt": excerpt}
        # The first is the newest.
        fields["publishedDateTime"] = f"2026-02-{20 - number:02}T08:00:00Z"
        site.seed(f"{number}.txt", number=number + 1, body=body, **fields)
    site.publish()
    return site


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    with Server(site) as server:
        yield server
        assert "failed" not in server.log()


def titles(got: Got) -> list[str]:
    assert got.status == 200, got.body
    return [item["title"] for item in json.loads(got.body)["items"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [0, 1, 2, 3, 6]),
        ("topic=ai", [0, 1, 3]),
        ("topic=AI&topic=Robotics", [0, 1, 2, 3]),
        ("topic=Computer+Vision", [0]),
        ("topic=computer-vision", [0]),
        ("topic=fringe", []),
        ("topic=unheard+of", []),
        ("provider=sky.com", [0, 1]),
        ("provider=SKY.com&provider=bbc.co.uk", [0, 1, 2, 3]),
        ("provider=odd.org", []),
        ("topic=ai&provider=bbc.co.uk", [3]),
        ("min_quality=58", [0, 1, 2]),
        ("min_quality=0", [0, 1, 2, 3, 6]),
        ("q=facial+recognition", [0, 1, 3]),
        ("q=FACIAL", [0, 1, 3]),
        ("q=%22facial+recognition%22", [0, 1]),
        ("q=liberty", [0]),
        ("q=cafe", [2]),
        ("q=caf%C3%A9", [2]),
        ("q=zzz", []),
        ("q=strong+OR+facial", []),
        ("q=facial*", [0, 1, 3]),
        ("q=title:robots", []),
        ("q=c%2B%2B", [3]),
        ("q=secretive", [6]),
        ("limit=2", [0, 1]),
        ("q=facial&topic=ai&provider=sky.com&min_quality=60&limit=20", [0]),
        ("q=&topic=&provider=&min_quality=&limit=", [0, 1, 2, 3, 6]),
    ],
)
def test_query_finds(server: Server, query: str, found: list[int]) -> None:
    assert titles(server.get(f"/query.json?{query}")) == [TITLES[number] for number in found]


@pytest.mark.parametrize("extension", ["atom", "rss", "json"])
@pytest.mark.parametrize("query", ["", "topic=ai&q=%3Cb%3E+x&limit=3", "q=nothing+at+all"])
def test_query_feed_is_a_valid_document(server: Server, extension: str, query: str) -> None:
    got = server.get(f"/query.{extension}?{query}")
    canonical = got.headers["link"].removeprefix(f"<{BASE}").partition(">")[0]
    assert got.headers["link"] == f'<{BASE}{canonical}>; rel="self"'
    assert findings(canonical, got.body, BASE, NOW) == []


def test_query_has_one_canonical_address(server: Server) -> None:
    queries = [
        "topic=Robotics&topic=ai&provider=Sky.com&min_quality=60&q=a++b&limit=20",
        "limit=20&q=a+b&min_quality=060&provider=sky.com&topic=AI&topic=robotics&topic=ai",
        "q=%20a%20b%20&topic=%20ai&topic=ROBOTICS&provider=sky.com.&min_quality=60&limit=20&topic=",
    ]
    found = [server.get(f"/query.json?{query}") for query in queries]
    canonical = "query.json?topic=ai&topic=robotics&provider=sky.com&min_quality=60&q=a+b&limit=20"
    assert {json.loads(got.body)["feed_url"] for got in found} == {f"{BASE}{canonical}"}
    assert len({got.tag for got in found}) == 1
    again = server.get(f"/{canonical}", If_None_Match=found[0].tag)
    assert again.status == 304


def test_query_tells_everything_that_is_wrong_at_once(server: Server) -> None:
    got = server.get("/query.rss?foo=1&limit=x&q=-")
    assert (got.status, got.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert len(got.body.decode().splitlines()) == 3


def test_query_follows_the_next_publication(site: Site, server: Server) -> None:
    before = server.get("/query.json?q=brandnew")
    assert titles(before) == []
    site.seed("new.txt", number=50, title="Brandnew", publishedDateTime="2026-02-28T08:00:00Z")
    site.publish()
    wait_until(lambda: titles(server.get("/query.json?q=brandnew")) == ["Brandnew"])
    (site.seeds / "new.txt").unlink()
    site.publish()
    wait_until(lambda: titles(server.get("/query.json?q=brandnew")) == [])
    assert server.get("/query.json?q=brandnew").tag == before.tag


def test_query_from_many_at_once_is_answered_for_all(server: Server) -> None:
    found: list[Got] = []
    askers = [
        threading.Thread(target=lambda: found.append(server.get("/query.rss?q=cameras+in+schools")))
        for _ in range(40)
    ]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert {(got.status, got.body) for got in found} == {(200, found[0].body)}
    assert len(found) == len(askers)


@pytest.mark.parametrize("accept", BROWSERS)
def test_query_is_a_page_for_browsers(server: Server, accept: str) -> None:
    sent = "q=facial&topic=Computer+Vision&provider=&min_quality="
    got = server.get(f"/query?{sent}", Accept=accept)
    assert got.status == 302
    assert got.headers["location"] == "query?topic=computer+vision&q=facial"
    got = server.get(f"/{got.headers['location']}", Accept=accept)
    assert (got.status, got.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Accept" in got.headers["vary"].split(", ")
    assert got.headers["x-robots-tag"] == "noindex"
    assert "script" not in got.headers["content-security-policy"]
    assert TITLES[0] in got.body.decode()
    assert TITLES[1] not in got.body.decode()
    again = server.get("/query?q=facial&topic=computer+vision", Accept=accept, If_None_Match="*")
    assert again.status == 304
    wrong = server.get("/query?limit=x", Accept=accept)
    assert (wrong.status, wrong.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "limit: found" in wrong.body.decode()


def test_page_of_a_query_counts_what_its_feed_finds(server: Server) -> None:
    page = server.get("/query?format=html&q=facial&min_quality=58&limit=1").body.decode()
    assert "the newest 1 of 2 stories" in page
    counts = re.findall(r'<bdi>([^<]*)</bdi> <span class="number">(\d+)</span>', page)
    assert counts == [("AI", "2"), (VISION, "1"), ("sky.com", "2")]


def test_query_is_a_feed_for_readers(server: Server) -> None:
    atom = server.get("/query.atom?q=facial")
    for accept in filter(None, READERS):
        got = server.get("/query?q=facial", Accept=accept)
        assert got.tag == atom.tag
        assert "Accept" in got.headers["vary"].split(", ")
    got = server.get("/query?q=facial&format=json", Accept=BROWSERS[0])
    assert got.tag == server.get("/query.json?q=facial").tag


NAMES = st.sampled_from(["topic", "provider", "min_quality", "q", "limit", "x", ""])
VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["ai", "sky.com", "60", '"', "NEAR(a b)", "a OR b", "^x", "{a}:b", "-a", "*"]),
    st.integers().map(str),
)


@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=8), st.sampled_from(["atom", "rss", "json", "html"])
)
def test_query_of_whatever_is_answered_or_refused(
    server: Server, pairs: list[tuple[str, str]], extension: str
) -> None:
    query = urlencode(pairs, errors="replace")
    if extension == "html":
        got = server.get(f"/query?{query}", Accept=BROWSERS[0])
        if got.status == 302:
            got = server.get(f"/{got.headers['location']}", Accept=BROWSERS[0])
        assert got.status in {200, 400}
        assert html_findings(got.body) == []
        return
    got = server.get(f"/query.{extension}?{query}")
    assert got.status in {200, 400}
    if got.status == 200:
        address = got.headers["link"].removeprefix(f"<{BASE}").partition(">")[0]
        assert findings(address, got.body, BASE, NOW) == []
        assert server.get(f"/{address}").tag == got.tag
