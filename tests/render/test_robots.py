"""What nginx and Caddy are told of documents that search engines are to leave out."""

from __future__ import annotations

import pytest

from feeds.render.web_servers import ROBOTS, exceptions, render_robots_headers
from tests.support.rendering import select_items

EXTENSIONS = ("atom", "html")


def files(addresses: list[str], *, noindex: bool) -> dict[str, list[str]]:
    documents = render_robots_headers(noindex, addresses, EXTENSIONS)
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
    found = files(["providers/a.b.org"], noindex=False)
    assert found[ROBOTS[0]] == [r'"~^/providers/a\.b\.org\.(?:atom|html)$" noindex;']
    assert found[ROBOTS[1]] == [
        "@noindex path /providers/a.b.org.atom /providers/a.b.org.html",
        "header @noindex X-Robots-Tag noindex",
    ]


def test_headers_of_the_site_are_those_of_all_but_some_feeds() -> None:
    found = files(["topics/ai"], noindex=True)
    assert found[ROBOTS[0]] == ["default noindex;", r'"~^/topics/ai\.(?:atom|html)$" "";']
    assert found[ROBOTS[1]][0] == "@noindex not path /topics/ai.atom /topics/ai.html"
    assert files([], noindex=True)[ROBOTS[1]] == ["header X-Robots-Tag noindex"]
