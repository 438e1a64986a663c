"""The documents about feeds: whole up to 5,000 feeds, above that in parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urljoin

import html5lib
import listparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from feeds.common.model import FeedSummary
from feeds.common.slugs import Addresses
from feeds.render import html, opml
from feeds.render.context import Pages
from feeds.render.context import Site as RenderSite
from feeds.render.overviews import MOST_TOGETHER, overviews
from tests.support.many_feeds import EVERYTHING, many, named, smaller_limits, summary
from tests.support.rendering import RENDER_SITE
from tests.support.validator import findings

SITE = replace(RENDER_SITE, pages=Pages())
ASSETS = {one.path for one in html.page_assets(SITE)}
EXTRAS = {html.FOLLOW, html.LOST, html.ROBOTS, html.SITEMAP}
WHOLE = {"feeds.opml", "feeds.html", *EXTRAS, *ASSETS}


def _rendered(site: RenderSite, feeds: Sequence[FeedSummary]) -> dict[str, bytes]:
    found = [one for overview in overviews(site, feeds) for one in overview.render()]
    named = [path for overview in overviews(site, feeds) for path in overview.paths]
    assert [one.path for one in found] == named
    assert len(set(named)) == len(named)
    return {one.path: one.data for one in found}


def _subscribed(data: bytes) -> list[str]:
    parsed: Any = listparser.parse(data)
    assert not parsed.bozo
    return [
        one.url.removeprefix(SITE.base_url).removesuffix(".atom")
        for one in (*parsed.feeds, *parsed.opportunities)
    ]


def _linked(path: str, data: bytes) -> list[str]:
    page = html5lib.parse(data, namespaceHTMLElements=False)
    hrefs = [link.get("href", "") for link in page.iterfind(".//ul[@class='feeds']/li/h3/a")]
    return [urljoin(f"/{path}", href)[1:].removesuffix(".html") for href in hrefs]


def _keys(site: RenderSite, feeds: Sequence[FeedSummary]) -> dict[str, bytes]:
    return {one.paths[0]: one.key for one in overviews(site, feeds)}


@pytest.fixture(scope="module")
def feeds() -> list[FeedSummary]:
    return many(MOST_TOGETHER + 1)


@pytest.fixture(scope="module")
def documents(feeds: list[FeedSummary]) -> dict[str, bytes]:
    return _rendered(SITE, feeds)


def test_feeds_stand_together_up_to_5000() -> None:
    feeds = [*many(5_000), summary("topic", "empty", entries=0)]
    documents = _rendered(SITE, feeds)
    assert documents.keys() == WHOLE
    assert documents["feeds.opml"] == opml.render_opml(SITE, feeds[:-1]).data
    addresses = {one.feed.address for one in feeds[:-1]}
    assert set(_subscribed(documents["feeds.opml"])) == addresses
    assert set(_linked("feeds.html", documents["feeds.html"])) == addresses


def test_feeds_stand_in_parts_above_5000(
    feeds: list[FeedSummary], documents: dict[str, bytes]
) -> None:
    assert len(feeds) == 5_001
    others = documents.keys() - WHOLE
    lists = {path for path in others if path.endswith(".opml")} - {"feeds/index.opml"}
    pages = {path for path in others if path.endswith(".html")}
    assert {path.removesuffix(".opml") for path in lists} == {
        path.removesuffix(".html") for path in pages
    }
    assert others == lists | pages | {"feeds/index.opml"}
    assert {"feeds/topics/a.html", "feeds/providers/e.opml", "feeds/custom/all.html"} <= others
    wanted = {one.feed.address: 1 for one in feeds if one.feed.kind != "all"}
    assert Counter(one for path in lists for one in _subscribed(documents[path])) == wanted
    assert Counter(one for path in pages for one in _linked(path, documents[path])) == wanted


def test_sites_without_pages_have_lists_of_parts_alone(feeds: list[FeedSummary]) -> None:
    documents = _rendered(replace(SITE, pages=None), feeds)
    assert all(path.endswith(".opml") for path in documents)
    assert "feeds/topics/a.opml" in documents


def test_documents_in_parts_have_no_finding(documents: dict[str, bytes]) -> None:
    for path, data in documents.items():
        assert findings(path, data, SITE.base_url) == [], path


def test_list_of_the_largest_holds_custom_feeds_and_5000_others() -> None:
    feeds = many(5_400)
    documents = _rendered(SITE, feeds)
    found = _subscribed(documents["feeds.opml"])
    assert len(found) == len(set(found)) == 1 + 2 + 5_000
    assert {"all", "custom/best-of-all", "custom/short-reads"} <= set(found)
    entries = {one.feed.address: one.entries for one in feeds}
    left_out = entries.keys() - set(found)
    others = [one for one in found if one.startswith(("topics/", "providers/"))]
    assert max(entries[one] for one in left_out) <= min(entries[one] for one in others)


def test_index_of_parts_shows_the_largest_and_leads_to_all(documents: dict[str, bytes]) -> None:
    page = html5lib.parse(documents["feeds.html"], namespaceHTMLElements=False)
    groups = {group.get("aria-labelledby"): group for group in page.iterfind(".//section[h2]")}
    assert [len(group.findall(".//li/h3")) for group in groups.values()] == [1, 2, 100, 100]
    counts = [group.findtext("h2/span") for group in groups.values()]
    assert counts == [None, "2", "3748", "1250"]
    links = [link.get("href") for link in groups["topic"].iterfind(".//nav//a")]
    assert links == [f"feeds/topics/{letter}.html" for letter in "abcdefghijklmnopqrstuvwxyz"]
    assert set(links) <= documents.keys()


def test_pages_of_a_group_lead_to_each_other(documents: dict[str, bytes]) -> None:
    topics = [*(f"{EVERYTHING.feed.title} {number}" for number in range(MOST_TOGETHER)), "Art"]
    documents = _rendered(SITE, [EVERYTHING, *named("topic", topics)])
    path, walked = "feeds/topics/a.html", []
    while path:
        walked.append(path)
        page = html5lib.parse(documents[path], namespaceHTMLElements=False)
        links = {link.get("rel"): link.get("href") for link in page.iterfind("head/link")}
        anchors = {link.get("rel"): link.get("href") for link in page.iterfind(".//a[@rel]")}
        for relation in ("prev", "next"):
            assert links.get(relation) == anchors.get(relation)
        before = urljoin(f"/{path}", links["prev"])[1:] if "prev" in links else ""
        assert [before] == (walked[-2:-1] or [""])
        for anchor in page.iterfind(".//nav//a"):
            assert urljoin(f"/{path}", anchor.get("href"))[1:] in documents
        assert links["canonical"] == SITE.base_url + path
        assert urljoin(f"/{path}", links["outline"])[1:] == str(
            PurePosixPath(path).with_suffix(".opml")
        )
        path = urljoin(f"/{path}", links["next"])[1:] if "next" in links else ""
    assert walked == [
        "feeds/topics/a.html",
        "feeds/topics/s.html",
        *(f"feeds/topics/s-{number}.html" for number in range(2, 11)),
    ]


def test_list_of_lists_names_the_list_of_each_part(documents: dict[str, bytes]) -> None:
    root = etree.fromstring(documents["feeds/index.opml"])
    groups = {group.get("text"): group for group in root.iterfind("body/outline")}
    assert list(groups) == ["Topics", "Providers", "Custom"]
    included = [one for group in groups.values() for one in group]
    assert {one.get("type") for one in included} == {"include"}
    paths = [str(one.get("url")).removeprefix(SITE.base_url) for one in included]
    lists = [path for path in documents if path.endswith(".opml")]
    assert sorted(paths) == sorted(set(lists) - {"feeds.opml", "feeds/index.opml"})
    parsed: Any = listparser.parse(documents["feeds/index.opml"])
    assert [one.url for one in parsed.lists] == [one.get("url") for one in included]


def _with(feeds: list[FeedSummary], address: str, **changes: Any) -> list[FeedSummary]:
    found = [replace(one, **changes) if one.feed.address == address else one for one in feeds]
    assert found != feeds
    return found


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        pytest.param({"updated": 10}, set(), id="story updated"),
        pytest.param({"newest": 10}, {"feeds/topics/b.html"}, id="story came"),
        pytest.param({"exposed": 1, "left_out": 1, "until": 9}, set(), id="nothing shown"),
    ],
)
def test_change_of_one_feed_changes_the_keys_of_what_shows_it(
    feeds: list[FeedSummary], changes: dict[str, Any], wanted: set[str]
) -> None:
    before = _keys(SITE, feeds)
    after = _keys(SITE, _with(feeds, "topics/bopic-1", **changes))
    assert {path for path in before if before[path] != after[path]} == wanted


def test_feed_that_comes_changes_the_documents_of_its_letter_alone(
    feeds: list[FeedSummary],
) -> None:
    before = _keys(SITE, feeds)
    after = _keys(SITE, [*feeds, summary("topic", "b comes")])
    assert {path for path in after if before.get(path) != after[path]} == {
        *("feeds.html", "feeds.opml", "feeds/topics/b.html", "feeds/topics/b.opml", "sitemap.xml")
    }


_KINDS = st.sampled_from(["topic", "provider", "custom"])
_SOME = st.lists(
    st.builds(
        lambda kind, name, entries: summary(kind, name, entries=entries),
        *(_KINDS, st.sampled_from(["Aa", "Ab", "B", "Ü", "7"]), st.integers(0, 2)),
    ),
    max_size=6,
    unique_by=lambda one: one.feed.address,
)
_SITES = st.sampled_from(
    [SITE, replace(SITE, title="Other"), replace(SITE, pages=Pages(Addresses({"b": "c"})))]
)


@given(_SITES, _SOME, _SITES, _SOME, st.integers(0, 6))
def test_documents_of_the_same_key_have_the_same_bytes(
    one: RenderSite,
    some: list[FeedSummary],
    other: RenderSite,
    others: list[FeedSummary],
    together: int,
) -> None:
    with smaller_limits(together=together, in_part=2):
        made = []
        for site, feeds in ((one, some), (other, others)):
            everything = replace(EVERYTHING, entries=len(feeds))
            made.append(
                {
                    path: (overview.key, document.data)
                    for overview in overviews(site, [everything, *feeds])
                    for path, document in zip(overview.paths, overview.render(), strict=True)
                }
            )
    for path in made[0].keys() & made[1].keys():
        (key, data), (other_key, other_data) = made[0][path], made[1][path]
        assert key != other_key or data == other_data, path


def test_addresses_of_other_feeds_change_no_key(feeds: list[FeedSummary]) -> None:
    moved = replace(SITE, pages=Pages(Addresses({"c++": "c-cedb1bac"})))
    assert _keys(SITE, feeds) == _keys(moved, feeds)


def test_feed_that_is_renamed_changes_list_and_page(feeds: list[FeedSummary]) -> None:
    (feed,) = [one.feed for one in feeds if one.feed.address == "topics/bopic-1"]
    changed = replace(feed, name="Bees", title="Site: Bees")
    before, after = _keys(SITE, feeds), _keys(SITE, _with(feeds, feed.address, feed=changed))
    assert {path for path in after if before.get(path) != after[path]} == {
        *("feeds.opml", "feeds/topics/b.html", "feeds/topics/b.opml")
    }


def test_lists_and_pages_stay_small_with_100_000_long_names() -> None:
    names = [f"{chr(97 + n % 2)}{n:06} " + "Über & <unter> " * 8 for n in range(100_000)]
    made = overviews(SITE, [EVERYTHING, *named("topic", names)])
    sizes = {
        document.path: len(document.data)
        for overview in (*made[:20], *made[-20:])
        for document in overview.render()
    }
    assert max(size for path, size in sizes.items() if path.endswith(".html")) < 1_000_000
    assert max(sizes.values()) == sizes["feeds.opml"]
    assert 1_500_000 < sizes["feeds.opml"] <= 2_000_000
