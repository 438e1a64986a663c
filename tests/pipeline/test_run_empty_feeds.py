"""Feeds without entries: which have documents, and what leads to them."""

from __future__ import annotations

from datetime import timedelta

from tests.support.site import NOW, Site
from tests.support.validator import findings

BASE = "https://feeds.example.org/"


def topics(site: Site) -> list[str]:
    return sorted(path.stem for path in (site.out / "topics").glob("*.atom"))


def listed(site: Site) -> list[str]:
    return [feed["url"] for feed in site.run("list", "--json").report()]


def test_topic_that_never_had_an_entry_has_no_documents(site: Site) -> None:
    site.configure('[topics.Named]\n[[feeds]]\nname = "None"\ncategories = ["x"]\n')
    site.seed("a.txt", number=1)
    site.seed("b.txt", number=2, topics=["Low"], quality=1, provider={"domain": "low.org"})
    report = site.publish()
    assert topics(site) == ["ai", "named"]
    assert not (site.out / "providers/low.org.atom").exists()
    assert {feed.url for feed in report.feeds} == set(listed(site))
    overview = site.read("feeds.opml") + site.read("feeds.html")
    assert b"topics/ai." in overview
    assert not any(name in overview for name in (b"topics/named.", b"custom/none."))
    assert findings("topics/named.atom", site.read("topics/named.atom"), BASE) == []
    site.seed("b.txt", number=2, topics=["Low"], provider={"domain": "low.org"})
    site.publish(NOW + timedelta(minutes=1))
    assert topics(site) == ["ai", "low", "named"]
    site.seed("b.txt", number=2, topics=["Low"], quality=1, provider={"domain": "low.org"})
    site.publish(NOW + timedelta(minutes=2))
    assert topics(site) == ["ai", "low", "named"]
    assert site.titles("topics/low") == []
    assert b"topics/low." not in site.read("feeds.opml") + site.read("feeds.html")


def test_what_is_published_stays_though_the_state_file_is_lost(site: Site) -> None:
    site.seed("b.txt", number=2, topics=["Low"])
    site.publish()
    site.seed("b.txt", number=2, topics=["Low"], quality=1)
    site.publish(NOW + timedelta(minutes=1))
    assert topics(site) == ["low"]
    for path in site.state.parent.glob("state.db*"):
        path.unlink()
    site.publish(NOW + timedelta(minutes=2))
    assert topics(site) == ["low"]
    assert (site.out / "providers/example.com.atom").is_file()


def test_pages_link_to_topics_that_have_pages_and_to_no_other(site: Site) -> None:
    site.configure("[[rules]]\ntopic = 'High'\nprovider = 'example.com'\nmin_quality = 90\n")
    site.seed("a.txt", number=1, topics=["AI", "High"])
    site.seed("b.txt", number=2, topics=["Other"])
    site.publish()
    assert b"high.html" not in site.read("topics/ai.html") + site.read("all.html")
    other = (site.out / "topics/other.atom").stat().st_mtime_ns
    site.seed("c.txt", number=3, topics=["High"], quality=95)
    site.publish(NOW + timedelta(minutes=1))
    for page in ("topics/ai", "all", "providers/example.com"):
        assert b"topics/high.html" in site.read(f"{page}.html")
    assert (site.out / "topics/other.atom").stat().st_mtime_ns == other
    assert site.documents() == site.fresh(NOW + timedelta(minutes=1))
