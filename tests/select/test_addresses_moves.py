"""Feeds that move: their addresses, ids, documents and redirects, from pass to pass."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import pytest
from lxml import etree

from feeds.common.errors import ConfigError
from tests.support.hub import Hub, name_hubs
from tests.support.serving import Server
from tests.support.site import NOW, Site
from tests.support.validator import findings

TWINS = ("c<^#+", "c>$#~")
BASE = "https://feeds.example.org/"
ATOM = "{http://www.w3.org/2005/Atom}"
MUSIC = ["Music"]


def feed_id(site: Site, address: str) -> str:
    return str(etree.fromstring(site.read(f"{address}.atom")).findtext(f"{ATOM}id"))


def id_of(address: str) -> str:
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{BASE}#{address}')}"


def topics(site: Site) -> list[str]:
    return sorted(path.stem for path in (site.out / "topics").glob("*.atom"))


def listed(site: Site) -> list[str]:
    return [feed["url"] for feed in site.run("list", "--json").report()]


# Two names, one address


@pytest.mark.parametrize("first", TWINS)
def test_topics_of_one_digest_have_a_document_each(site: Site, first: str) -> None:
    (second,) = set(TWINS) - {first}
    site.seed("a.txt", number=1, topics=[first])
    site.publish()
    site.seed("b.txt", number=2, topics=[second])
    report = site.publish(NOW + timedelta(minutes=1))
    urls = [feed.url for feed in report.feeds]
    assert len(set(urls)) == len(urls) == 4
    assert len(topics(site)) == 2
    assert site.titles("topics/c-dc5368b5") == ["Story 1"]
    assert [*site.entries(f"topics/{topics(site)[1]}")] == ["Story 2"]
    assert listed(site) == urls
    (story,) = site.run("explain", "b.txt", "--json").report()
    inside = {one["address"] for one in story["feeds"] if one["inside"]}
    assert inside == {"all", "providers/example.com", f"topics/{topics(site)[1]}"}


def test_first_of_two_topics_that_come_together_is_the_first_by_name(site: Site) -> None:
    for number, name in enumerate(reversed(TWINS), 1):
        site.seed(f"{number}.txt", number=number, topics=[name])
    report = site.publish()
    assert sum(feed.entries for feed in report.feeds if feed.address.startswith("topics/")) == 2
    name = json.loads(site.read("topics/c-dc5368b5.json"))["title"]
    assert name == f"Site: {min(TWINS)}"


def test_slug_displaces_a_topic_that_keeps_its_id_and_gets_its_address_back(site: Site) -> None:
    site.seed("a.txt", number=1)
    site.seed("b.txt", number=2, topics=MUSIC)
    site.publish()
    site.configure('[topics.Music]\nslug = "ai"\n')
    site.publish(NOW + timedelta(minutes=1))
    assert topics(site) == ["ai", "ai-32e83e92"]
    assert site.titles("topics/ai") == ["Story 2"]
    assert feed_id(site, "topics/ai-32e83e92") == id_of("topics/ai")
    assert feed_id(site, "topics/ai") not in {id_of("topics/ai"), id_of("topics/music")}
    site.configure("")
    site.publish(NOW + timedelta(minutes=2))
    assert topics(site) == ["ai", "ai-32e83e92", "music"]
    assert site.read("topics/ai.atom") == site.read("topics/ai-32e83e92.atom")
    assert site.titles("topics/ai") == ["Story 1"]
    assert feed_id(site, "topics/ai") == id_of("topics/ai")


def test_explain_names_the_address_that_an_excluded_topic_would_have(site: Site) -> None:
    site.configure('[topics.Music]\nslug = "ai"\n[topics.AI]\nexclude = true\n')
    site.seed()
    (story,) = site.run("explain", "a.txt", "--json").report()
    assert [one["address"] for one in story["feeds"]] == [
        *("all", "topics/ai-32e83e92", "providers/example.com"),
    ]


# Aliases


MOVED = '[topics.AI]\nslug = "machines"\naliases = ["robots", "ai"]\n'


def test_alias_keeps_id_and_documents_with_the_new_self_link(site: Site) -> None:
    site.seed()
    site.publish()
    before = site.entries("topics/ai")
    ids = [one["id"] for one in json.loads(site.read("topics/ai.json"))["items"]]
    site.configure(MOVED)
    report = site.publish(NOW + timedelta(minutes=1))
    assert report.removed == []
    for extension in ("atom", "rss", "json", "html"):
        data = site.read(f"topics/machines.{extension}")
        assert (
            data == site.read(f"topics/ai.{extension}") == site.read(f"topics/robots.{extension}")
        )
        assert f"{BASE}topics/machines.{extension}".encode() in data
    assert feed_id(site, "topics/machines") == id_of("topics/ai")
    assert site.entries("topics/machines") == before
    assert [one["id"] for one in json.loads(site.read("topics/ai.json"))["items"]] == ids
    # All that a validator has to say is that this is a copy of another address.
    assert findings("topics/ai.atom", site.read("topics/ai.atom"), BASE) == [
        f"self: not {BASE}topics/ai.atom"
    ]
    urls = [feed.url for feed in report.feeds]
    assert f"{BASE}topics/ai.atom" not in urls
    assert b"topics/ai." not in site.read("feeds.opml") + site.read("feeds.html")
    assert site.fresh() == site.documents()
    assert site.publish(NOW + timedelta(minutes=2)).written == []


def test_alias_that_is_taken_out_goes_and_is_gone(site: Site) -> None:
    site.configure(MOVED)
    site.seed()
    site.publish()
    assert (site.out / ".feeds-redirects.nginx").is_file()
    site.configure('[topics.AI]\nslug = "machines"\n')
    site.publish(NOW + timedelta(minutes=1))
    assert topics(site) == ["machines"]
    assert not (site.out / ".feeds-redirects.nginx").exists()
    with Server(site) as server:
        assert server.get("/topics/ai.atom").status == 410


def test_alias_of_a_custom_feed_keeps_its_id_and_what_qualified(site: Site) -> None:
    site.configure('[selection]\nmax_items = 1\n[[feeds]]\nname = "Best"\n')
    site.seed("a.txt", number=1)
    site.publish()
    site.seed("b.txt", number=2)
    site.seed("c.txt", number=3)
    site.publish(NOW + timedelta(minutes=1))
    before = site.entries("custom/best")
    assert len(before) == 2
    site.configure(
        '[selection]\nmax_items = 1\n[[feeds]]\nname = "Best"\nslug = "top"\naliases = ["best"]\n'
    )
    site.publish(NOW + timedelta(minutes=2))
    assert site.entries("custom/top") == site.entries("custom/best") == before
    assert feed_id(site, "custom/top") == id_of("custom/best")


def test_alias_of_a_provider_takes_its_seeds_along(site: Site) -> None:
    old, new = ({"name": name, "domain": name} for name in ("old.org", "new.org"))
    site.seed("a.txt", number=1, provider=old)
    site.seed("b.txt", number=2, provider=old)
    site.publish()
    site.seed("c.txt", number=3, provider=new, quality=30)
    site.configure(
        '[providers."new.org"]\naliases = ["old.org"]\nmin_quality = 20\nmax_items = 1\n'
        '[[feeds]]\nname = "Mine"\nproviders = ["old.org"]\n'
        '[[rules]]\ntopic = "Cats"\nprovider = "old.org"\nexclude = true\n'
    )
    site.seed("d.txt", number=4, provider=new, topics=["Cats"])
    site.seed("e.txt", number=5, provider=old, quality=25)
    report = site.publish(NOW + timedelta(minutes=1))
    found = {feed.address: feed.title for feed in report.feeds}
    assert found["providers/new.org"] == "Site: old.org"  # what most of its seeds say
    assert "providers/old.org" not in found
    # The newest, and those that qualify only now; what was there before is not shown anew.
    assert site.titles("providers/new.org") == ["Story 5", "Story 3"]
    assert site.titles("providers/old.org") == ["Story 5", "Story 3"]
    assert site.titles("custom/mine") == ["Story 5", "Story 3", "Story 2", "Story 1"]
    assert feed_id(site, "providers/new.org") == id_of("providers/old.org")
    assert b'href="../providers/new.org.html"' in site.read("topics/ai.html")
    assert b'href="../providers/old.org.html"' not in site.read("topics/ai.html")
    with Server(site) as server:
        answers = {
            domain: json.loads(server.get(f"/query.json?provider={domain}").body)
            for domain in ("old.org", "new.org")
        }
        assert answers["old.org"] == answers["new.org"]
        assert len(answers["new.org"]["items"]) == 4
    assert site.run("check").err == ""


def test_provider_that_gets_a_slug_and_another_keeps_its_subscribers(site: Site) -> None:
    site.seed()
    site.publish()
    site.configure('[providers."example.com"]\nslug = "ex"\naliases = ["example.com"]\n')
    site.publish(NOW + timedelta(minutes=1))
    assert site.read("providers/ex.atom") == site.read("providers/example.com.atom")
    assert feed_id(site, "providers/ex") == id_of("providers/example.com")
    site.configure(
        '[providers."example.com"]\nslug = "the-example"\naliases = ["ex", "example.com"]\n'
    )
    site.publish(NOW + timedelta(minutes=2))
    for alias in ("ex", "example.com"):
        assert site.read("providers/the-example.atom") == site.read(f"providers/{alias}.atom")
    assert feed_id(site, "providers/the-example") == id_of("providers/example.com")
    assert site.titles("providers/the-example") == ["Story 1"]


@pytest.mark.parametrize("command", ["export", "check", "list", "run"])
def test_alias_that_is_a_live_address_is_exit_2(site: Site, command: str) -> None:
    site.seed("a.txt", number=1)
    site.seed("b.txt", number=2, topics=MUSIC)
    site.publish()
    before = site.tree()
    site.configure('[topics.Music]\naliases = ["ai"]\n[schedule]\nevery = "1s"\n')
    if command == "run":
        with pytest.raises(ConfigError):
            site.publish()
    else:
        ran = site.run(command)
        assert ran.code == 2
        assert 'topics."Music".aliases' in ran.err
        assert 'topics."ai"' in ran.err
    assert site.tree() == before


def test_topic_of_a_later_seed_cannot_stop_a_pass_by_an_alias(site: Site) -> None:
    site.configure('[topics.Music]\naliases = ["ai"]\n')
    site.seed("b.txt", number=2, topics=MUSIC)
    site.publish()
    site.seed("a.txt", number=1)
    site.publish(NOW + timedelta(minutes=1))
    assert topics(site) == ["ai", "ai-32e83e92", "music"]
    assert site.titles("topics/ai") == ["Story 2"]
    assert [site.run(command).code for command in ("check", "list", "export")] == [0, 0, 0]


@pytest.mark.usefixtures("unhurried")
def test_hubs_are_told_of_former_addresses_too(site: Site) -> None:
    hub = Hub()
    with hub.up():
        site.seed()
        name_hubs(site, BASE, hub.url)
        config = site.root / "config.toml"
        config.write_text(config.read_text() + MOVED)
        assert site.run("export").code == 0
        told = {f"{BASE}topics/{name}.atom" for name in ("machines", "robots", "ai")}
        assert told <= set(hub.topics)
        assert not any("redirects" in topic for topic in hub.topics)


def test_serve_answers_301_at_former_addresses(site: Site) -> None:
    site.configure(MOVED)
    site.seed()
    site.publish()
    with Server(site) as server:
        for old in ("robots", "ai"):
            for extension in ("atom", "rss", "json", "html"):
                for method in ("GET", "HEAD"):
                    answer = server.get(f"/topics/{old}.{extension}", method)
                    assert answer.status == 301
                    assert answer.headers["location"] == f"../topics/machines.{extension}"
                    assert answer.headers["access-control-allow-origin"] == "*"
        assert server.get("/topics/machines.atom").status == 200
        assert server.get("/topics/other.atom").status == 404
        assert server.get("/.feeds-redirects.nginx").status == 404
        query = server.get("/query.json?topic=robots").body
        assert len(json.loads(query)["items"]) == 1
