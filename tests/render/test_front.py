"""The front page: which story leads, which feeds it shows, and what makes it another."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from feeds.common.reports import NO_CALLBACKS
from tests.support.site import NOW, Site
from tests.support.validator_html import sound_page, text_of


def _front(site: Site) -> Element:
    return sound_page(site.read("index.html"))


def _lead(site: Site) -> str:
    return text_of(_front(site).find(".//article/h2"))


def test_front_leads_with_quality_and_heat_that_fade_by_the_day(site: Site) -> None:
    site.seed("a.txt", number=20, title="Newest", quality=50, heat=-1)
    site.seed("b.txt", number=19, title="Day before", quality=90, heat=-1)
    site.publish()
    assert _lead(site) == "Newest"  # 90 counts 45 after a day
    site.seed("b.txt", number=19, title="Day before", quality=90, heat=30)
    site.publish()
    assert _lead(site) == "Day before"
    days = [text_of(day) for day in _front(site).iterfind(".//section[@class='day']/h2")]
    assert days == ["Saturday 21 February 2026"]


def test_front_shows_the_newest_stories_by_day_and_leads_to_all(site: Site) -> None:
    for number in range(40):
        date = NOW - timedelta(hours=10 * number)
        site.seed(f"{number}.txt", number=number, publishedDateTime=date.isoformat())
    site.publish()
    page = _front(site)
    assert len(page.findall(".//article")) == 31
    lines = page.findall(".//article[@class='line']")
    assert len(lines) == 30 - 12
    titles = [text_of(one) for one in page.iterfind(".//section[@class='day']/article/h3")]
    assert titles == [f"Story {number}" for number in range(1, 31)]
    assert page.find(".//p[@class='more']/a[@href='all.html']") is not None


def test_front_leads_to_what_is_older(site: Site) -> None:
    site.configure('archive = "month"\n[selection]\nmax_items = 2\n')
    for number in range(6):
        date = NOW - timedelta(days=31 * number)
        site.seed(f"{number}.txt", number=number, publishedDateTime=date.isoformat())
    site.publish()
    (older,) = _front(site).iterfind(".//nav[@aria-label='Older stories']/a")
    assert (site.out / str(older.get("href"))).is_file()


def test_front_ranks_topics_by_their_stories_of_a_month(site: Site) -> None:
    site.configure('[selection]\nmax_items = 4\n[[feeds]]\nname = "Mine"\n')
    dates = {"Old": [40] * 4, "Two": [0, 1], "Slow": [0, 9, 20], "Busy": [0, 1, 2, 3]}
    for topic, ages in dates.items():
        for number, age in enumerate(ages):
            site.seed(
                f"{topic}{number}.txt",
                originalUrl=f"https://news.example.com/{topic}/{number}",
                topics=[topic],
                publishedDateTime=(NOW - timedelta(days=age)).isoformat(),
            )
    site.publish()
    rows = _front(site).findall(".//ul[@class='active']/li")
    # A full feed may have had more of them than it holds.
    assert [text_of(row) for row in rows] == ["Busy 4+", "Slow 3", "Two 2"]
    custom = _front(site).findall(".//a[@href='custom/mine.html#follow']")
    assert [text_of(link) for link in custom] == ["Follow Mine"]


def test_front_of_a_site_without_stories_says_so(site: Site) -> None:
    site.publish()
    assert "Nothing here yet" in text_of(_front(site).find(".//main"))


def test_front_changes_with_its_stories_and_activity_alone(site: Site) -> None:
    for number in range(3):
        site.seed(f"{number}.txt", number=number, topics=[f"Topic {number}"])
    site.publish()
    before = site.tree()
    site.seed("1.txt", number=1, topics=["Topic 1"], quality=71)
    written = site.publish().written
    assert [name for name in written if name.endswith(".html")] == [
        *("all.html", "index.html", "providers/example.com.html", "topics/topic-1.html")
    ]
    assert site.documents() == site.fresh()
    site.seed("1.txt", number=1, topics=["Topic 1"])
    site.publish()
    after = site.tree()
    assert {name: data for name, (data, _) in after.items()} == {
        name: data for name, (data, _) in before.items()
    }
    assert site.publish(NOW + timedelta(days=60)).written == []


def test_story_of_one_topic_leaves_the_pages_of_all_others_alone(site: Site) -> None:
    for number in range(12):
        site.seed(f"{number}.txt", number=number, topics=[f"Topic {number}"])
    site.publish()
    site.seed("new.txt", number=27, topics=["Topic 3"])
    written = [name for name in site.publish().written if name.endswith((".html", ".xml", ".txt"))]
    assert written == [
        *("all.html", "feeds.html", "index.html", "providers/example.com.html"),
        "topics/topic-3.html",
    ]


@pytest.mark.parametrize(
    "name", ["feeds.html", "follow.html", "404.html", "robots.txt", "sitemap.xml"]
)
def test_file_of_the_sites_own_stays_and_stops_nothing(site: Site, name: str) -> None:
    site.out.mkdir()
    (site.out / name).write_text("mine")
    site.seed()
    warnings: list[str] = []
    callbacks = NO_CALLBACKS._replace(warn=warnings.append)
    assert "index.html" in site.publish(callbacks=callbacks).written
    assert warnings == [
        f"{site.out / name} is not ours and stays; remove it to have the page that feeds makes"
    ]
    site.seed(title="Renamed")
    site.publish()
    assert site.read(name) == b"mine"
    Path(site.out / name).unlink()
    site.seed(title="Renamed again")
    assert name in site.publish().written
    assert site.read(name) == site.fresh()[name]
