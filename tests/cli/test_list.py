"""``feeds list``: the feeds as a pass would publish them now."""

from __future__ import annotations

import json

import pytest

from tests.support.site import Site

TOML = (
    '[topics.Art]\ntitle = "All the arts"\nslug = "arts"\n[topics.Secret]\nexclude = true\n'
    '[providers."empty.org"]\n[[feeds]]\nname = "Best"\nmin_quality = 90\n'
)
LISTED = """\
Site\t2\t2021-03-02 00:00 UTC\thttps://feeds.example.org/all.atom
Site: AI\t2\t2021-03-02 00:00 UTC\thttps://feeds.example.org/topics/ai.atom
All the arts\t1\t2021-03-02 00:00 UTC\thttps://feeds.example.org/topics/arts.atom
Site: empty.org\t0\t-\thttps://feeds.example.org/providers/empty.org.atom
Site: The Example\t2\t2021-03-02 00:00 UTC\thttps://feeds.example.org/providers/example.com.atom
Site: Best\t1\t2021-03-01 00:00 UTC\thttps://feeds.example.org/custom/best.atom
"""


@pytest.fixture
def varied(site: Site) -> Site:
    """A site with every kind of feed, and items that are in none."""
    site.configure(TOML)
    site.seed("a.txt", number=1, publishedDateTime="2021-03-01T00:00:00Z", quality=95)
    site.seed("b.txt", number=2, publishedDateTime="2021-03-02T00:00:00Z", topics=["AI", "Art"])
    site.seed("c.txt", number=3, publishedDateTime="2999-01-01T00:00:00Z")
    site.seed("d.txt", number=4, published=False, topics=["Draft"])
    site.seed("e.txt", number=5, publishedDateTime="2021-03-03T00:00:00Z", topics=["Secret"])
    site.write("f.txt", "no seed")
    return site


def test_list_gives_title_entries_newest_date_and_address(varied: Site) -> None:
    assert varied.run("list") == (0, LISTED, "")


def test_list_is_the_same_before_and_after_an_export(varied: Site) -> None:
    before = varied.run("list", "--json").report()
    varied.run("export")
    assert varied.run("list", "--json").report() == before


def test_list_agrees_with_what_is_published(varied: Site) -> None:
    report = varied.run("export", "--json").report()
    listed = varied.run("list", "--json").report()
    assert listed == report["feeds"]
    for feed in listed:
        document = json.loads(varied.read(f"{feed['address']}.json"))
        assert len(document["items"]) == feed["entries"]
        assert document["title"] == feed["title"]
        assert f'href="{feed["url"]}"'.encode() in varied.read(f"{feed['address']}.atom")


def test_list_counts_items_that_are_shown_for_having_come_late(site: Site) -> None:
    site.configure("[selection]\nmax_items = 1\nmax_exposed = 1")
    site.seed(publishedDateTime="2021-05-01T00:00:00Z")
    site.run("export")
    for number in (2, 3):
        site.seed(f"{number}.txt", number=number, publishedDateTime="2021-04-01T00:00:00Z")
    for _ in range(2):
        (everything, *_rest) = site.run("list", "--json").report()
        assert (everything["entries"], everything["exposed"], everything["left_out"]) == (2, 1, 1)
        site.run("export")


def test_list_shows_seeds_as_they_are_now(varied: Site) -> None:
    varied.run("export")
    (varied.seeds / "b.txt").unlink()
    assert "All the arts\t0\t-\t" in varied.run("list").out


def test_list_of_a_site_without_seeds_has_the_feed_of_everything(site: Site) -> None:
    assert site.run("list").out == "Site\t0\t-\thttps://feeds.example.org/all.atom\n"


def test_list_with_json_leaves_the_lines_to_standard_error(varied: Site) -> None:
    ran = varied.run("list", "--json")
    assert ran.err == LISTED
    assert ran.report()[3] == {
        "address": "providers/empty.org",
        "title": "Site: empty.org",
        "entries": 0,
        "newest": None,
        "url": "https://feeds.example.org/providers/empty.org.atom",
        "exposed": 0,
        "left_out": 0,
    }


@pytest.mark.parametrize("exports", [0, 1], ids=["before export", "after it"])
def test_list_writes_nothing(exports: int, varied: Site) -> None:
    for _ in range(exports):
        varied.run("export")
    before = varied.files()
    varied.run("list")
    assert varied.files() == before
