"""The index page, the files that pages load, and how pages live in out/ from pass to pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from feedfinder2 import find_feeds

from feeds.render.environment import asset_paths
from tests.support.browsing import serving
from tests.support.many_feeds import smaller_limits
from tests.support.site import NOW, Site
from tests.support.validator_html import sound_page, text_of

ASSETS = {f"assets/{name}" for name in ("feed.css", "icon.svg", "site.js", "style.css")}
ASSETS |= set(asset_paths(()).values())
EXTRAS = {"feeds.html", "follow.html", "404.html", "robots.txt", "sitemap.xml"}


def _index(site: Site) -> Element:
    return sound_page(site.read("feeds.html"))


def test_index_lists_all_feeds_in_groups_but_empty_ones(site: Site) -> None:
    site.configure(
        'description = "All & more"\n[topics.Art]\ntitle = "Seen <well>"\n'
        '[[feeds]]\nname = "Best of all"\nmin_quality = 99\n'
        '[[feeds]]\nname = "Good ones"\n'
    )
    site.seed("a.txt", number=1)
    site.seed("b.txt", number=2, provider={"domain": "other.org"})
    site.publish()
    page = _index(site)
    assert text_of(page.find(".//h1")) == "Topics and sources"
    assert "All & more" in text_of(page.find(".//main"))
    groups = {
        text_of(group.find("h2")): [
            (text_of(feed.find("h3")), text_of(feed.find("p")), feed.findtext("h3/a"))
            for feed in group.iterfind("ul/li")
        ]
        for group in page.iterfind(".//section[@class='group']")
    }
    newest = "2 stories, newest 3 February 2026"
    assert groups == {
        "Everything": [("All stories", newest, "All stories")],
        "Topics": [("AI", newest, "AI")],
        "Sources 2": [
            (
                "The Example example.com",
                "1 story, newest 2 February 2026",
                "The Example",
            ),
            ("other.org", "1 story, newest 3 February 2026", "other.org"),
        ],
        "Editors’ own feeds": [("Good ones", newest, "Good ones")],
    }
    hrefs = [link.get("href", "") for link in page.iterfind(".//ul[@class='feeds']//a")]
    assert all((site.out / href).is_file() for href in hrefs)
    assert len(hrefs) == 4 * 5
    assert {"all.atom", "topics/ai.html", "custom/good-ones.json"} <= set(hrefs)
    assert (site.out / "topics/art.html").is_file()
    assert (site.out / "custom/best-of-all.html").is_file()


def test_index_tells_readers_of_the_main_feeds_and_the_list(site: Site) -> None:
    site.seed()
    site.publish()
    links = _index(site).findall("head/link")
    told = [(one.get("rel"), one.get("type"), one.get("href")) for one in links]
    base = "https://feeds.example.org/"
    assert told[:5] == [
        ("canonical", None, f"{base}feeds.html"),
        ("alternate", "application/atom+xml", f"{base}all.atom"),
        ("alternate", "application/rss+xml", f"{base}all.rss"),
        ("alternate", "application/feed+json", f"{base}all.json"),
        ("outline", "text/x-opml", f"{base}feeds.opml"),
    ]
    downloads = [one for one in _index(site).iter("a") if "download" in one.attrib]
    assert [one.get("href") for one in downloads] == ["feeds.opml"]


@pytest.mark.parametrize(
    ("toml", "hrefs"),
    [
        pytest.param("", [], id="unless asked for"),
        pytest.param("query_link = true\n", ["query"], id="where asked for"),
        pytest.param("query_link = true\n[serve]\nquery = false\n", [], id="not without a form"),
    ],
)
def test_index_links_to_the_form_for_queries(site: Site, toml: str, hrefs: list[str]) -> None:
    site.configure(toml)
    site.seed()
    site.publish()
    links = [one for one in _index(site).iter("a") if one.text == "Make a feed of your own"]
    assert [one.get("href") for one in links] == hrefs
    marks = [one for one in _index(site).iter() if "data-query" in one.attrib]
    assert [one.tag for one in marks] == ([] if toml else ["li", "form", "p"])


@pytest.mark.filterwarnings("ignore::bs4.GuessedAtParserWarning")  # the library's own way
@pytest.mark.parametrize(
    ("page", "feed"), [("", "all"), ("topics/ai.html", "topics/ai")], ids=["index", "feed"]
)
def test_feeds_are_discovered_by_feedfinder(
    site: Site, page: str, feed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with serving(site.out) as url:
        (site.root / "config.toml").write_text(f'[site]\nbase_url = "{url}"\n')
        site.seed()
        site.publish()
        assert find_feeds(url + page) == [f"{url}{feed}.atom", f"{url}{feed}.rss"]


def test_pages_are_left_alone_until_something_they_show_changes(site: Site) -> None:
    site.seed("a.txt", number=1)
    site.seed("b.txt", number=2, topics=["Cars"])
    first = site.publish()
    assert {"index.html", "all.html", "topics/ai.html"} | ASSETS | EXTRAS <= set(first.written)
    before = site.tree()
    site.seed("a.txt", number=1, heat=6)  # shown by JSON Feed alone
    written = site.publish().written
    assert written == ["all.json", "providers/example.com.json", "topics/ai.json"]
    site.seed("a.txt", number=1, title="Renamed")
    written = site.publish().written
    assert {"index.html", "all.html", "topics/ai.html"} <= set(written)
    assert {"topics/cars.html", *EXTRAS, *ASSETS}.isdisjoint(written)
    after = site.tree()
    assert {name for name in after if after[name] != before[name]} >= {"all.html"}
    assert site.publish(NOW + timedelta(days=1)).written == []


@pytest.mark.parametrize(
    "name", ["index.html", "feeds.html", "404.html", "robots.txt", "assets/style.css"]
)
def test_page_that_was_lost_is_written_again(site: Site, name: str) -> None:
    site.seed()
    site.publish()
    (site.out / name).unlink()
    assert site.publish().written == [name]


def test_pages_come_and_go_with_the_configuration(site: Site) -> None:
    site.configure('url = "https://www.example.org/"\n')
    site.seed()
    site.publish()
    assert b'href="https://feeds.example.org/all.html" rel="alternate"' in site.read("all.atom")
    assert b'href="../assets/feed.css"' in site.read("topics/ai.atom")
    site.configure('url = "https://www.example.org/"\npages = false\n')
    removed = site.publish().removed
    assert set(removed) == ASSETS | EXTRAS | {
        *("index.html", "all.html", "topics/ai.html", "providers/example.com.html")
    }
    assert not (site.out / "assets").exists()
    for name in ("all.atom", "all.rss", "all.json", "feeds.opml"):
        assert b"https://www.example.org/" in site.read(name)
        assert b".html" not in site.read(name)
        assert b"xml-stylesheet" not in site.read(name)


@pytest.fixture
def split_site(site: Site) -> Iterator[Site]:
    """A site of seven feeds, of which six would stand together."""
    with smaller_limits(together=6, in_part=2):
        for number, topic in enumerate(("Ada", "Arts", "Bio", "Brain", "Cars"), 1):
            site.seed(f"{number}.txt", number=number, topics=[topic])
        site.publish()
        yield site


def test_parts_go_with_the_feeds_that_were_too_many(split_site: Site) -> None:
    assert split_site.documents() == split_site.fresh()
    parts = {name for name in split_site.documents() if name.startswith("feeds/")}
    assert parts == {
        *(f"feeds/topics/{letter}.{one}" for letter in "abc" for one in ("html", "opml")),
        *("feeds/providers/all.html", "feeds/providers/all.opml", "feeds/index.opml"),
    }
    (split_site.seeds / "5.txt").unlink()
    split_site.publish()
    assert not (split_site.out / "feeds").exists()
    assert b"Download all feeds" in split_site.read("feeds.html")


def _about_feeds(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith("feeds")]


def test_parts_are_left_alone_until_something_they_show_changes(split_site: Site) -> None:
    split_site.seed("1.txt", number=1, topics=["Ada"], title="Renamed")
    assert _about_feeds(split_site.publish().written) == []
    split_site.seed("27.txt", number=27, topics=["Ada"])
    assert _about_feeds(split_site.publish().written) == [
        *("feeds.html", "feeds/providers/all.html", "feeds/topics/a.html")
    ]
    split_site.seed("6.txt", number=6, topics=["Aaron"])
    split_site.publish()
    documents, fresh = split_site.documents(), split_site.fresh()
    assert _about_feeds(documents) == _about_feeds(fresh)
    assert {"feeds/topics/a-2.html", "feeds/topics/a-2.opml"} <= set(_about_feeds(fresh))
    assert all(documents[name] == fresh[name] for name in _about_feeds(fresh))


@pytest.mark.parametrize("name", ["feeds/topics/b.html", "feeds/topics/b.opml", "feeds.opml"])
def test_part_that_was_lost_is_written_again(split_site: Site, name: str) -> None:
    (split_site.out / name).unlink()
    assert split_site.publish().written == [name]


def test_entries_link_to_an_excluded_topic_only_while_it_has_a_feed(site: Site) -> None:
    rules = '[topics.Gossip]\nexclude = true\n[[rules]]\ntopic = "Gossip"\n'
    site.configure(rules + 'provider = "other.org"\nmin_quality = 40\n')
    site.seed("a.txt", number=1, topics=["AI", "Gossip"])
    site.publish()
    assert b"gossip.html" not in site.read("topics/ai.html")
    other = site.seed("b.txt", number=2, topics=["Gossip"], provider={"domain": "other.org"})
    site.publish()
    assert b'href="../topics/gossip.html"' in site.read("topics/ai.html")
    assert site.documents() == site.fresh()
    other.unlink()
    site.publish()
    assert b"gossip.html" not in site.read("topics/ai.html")
    assert site.documents() == site.fresh()


def test_style_of_a_raw_feed_stands_before_its_root(site: Site) -> None:
    site.seed()
    site.publish()
    for name, href in (("all.rss", "assets/feed.css"), ("topics/ai.rss", "../assets/feed.css")):
        lines = site.read(name).splitlines()
        assert lines[1] == f'<?xml-stylesheet type="text/css" href="{href}"?>'.encode()
        assert ((site.out / name).parent / Path(href)).resolve().is_file()
