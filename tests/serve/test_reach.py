"""Counting who reads, by hits alone."""

from __future__ import annotations

import pytest

from feeds.serve.access_log import Hit
from feeds.serve.reach import Program, Reach, program_of

DAY = 86_400
FEEDLY = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; {} subscribers; like FeedFetcher-Google)"


def hit(agent: str, target: str = "/all.atom", client: str = "192.0.2.1", **more: int) -> Hit:
    """Returns a poll that got the whole feed."""
    unix, status = more.get("unix", 0), more.get("status", 200)
    return Hit(unix, client, "GET", target, status, 10, agent)


@pytest.mark.parametrize(
    ("agent", "program"),
    [
        (FEEDLY.format(123), Program("Feedly", 123)),
        ("Mozilla/5.0 (compatible; inoreader.com; 7 subscribers)", Program("inoreader.com", 7)),
        ("Inoreader/1.0 (+http://inoreader.com; 1,234 subscribers)", Program("Inoreader", 1234)),
        ("feeds/0.1.0 doctor (+https://feeds.example.org/)", Program("")),
        (
            "NewsBlur Feed Fetcher - 5 subscribers - https://newsblur.com",
            Program("NewsBlur Feed", 5),
        ),
        ("Mozilla/5.0 (compatible; Miniflux/2.2.3; +https://miniflux.app)", Program("Miniflux")),
        ("NetNewsWire (RSS Reader; https://netnewswire.com/)", Program("NetNewsWire")),
        ("Mozilla/5.0 (X11; rv:128.0) Gecko/20100101 Thunderbird/128.5.0", Program("Thunderbird")),
        ("Tiny Tiny RSS/23.01 (https://tt-rss.org/)", Program("Tiny Tiny")),
        ("", Program("unknown")),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36",
            Program(""),
        ),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Program("")),
        ("x" * 999, Program("x" * 40)),
        (f"A/1 {'999,' * 1500}999 subscribers", Program("A", 999_999_999)),
    ],
)
def test_program_is_named_by_its_user_agent(agent: str, program: Program) -> None:
    assert program_of(agent) == program


def test_reach_counts_what_services_report_once_for_each_address() -> None:
    reach = Reach()
    reach.add([hit(FEEDLY.format(10)), hit(FEEDLY.format(12)), hit(FEEDLY.format(30), "/all.rss")])
    (feed,) = reach.report()
    assert (feed.address, feed.subscribers, feed.readers, feed.polls) == ("all", 42, 0, 3)
    assert feed.services == {"Feedly": 42}


def test_reach_counts_readers_of_the_day_with_most_of_them() -> None:
    reach = Reach()
    reach.add([hit("NetNewsWire", client=f"192.0.2.{n}") for n in (1, 2, 2, 2)])
    reach.add([hit("NetNewsWire", client=f"192.0.2.{n}", unix=DAY) for n in (1, 2, 3)])
    reach.add([hit("Miniflux", unix=2 * DAY)])
    (feed,) = reach.report()
    assert (feed.readers, feed.programs, feed.polls) == (3, {"NetNewsWire": 3}, 8)


def test_reach_tells_shares_and_feeds_apart() -> None:
    reach = Reach("/news/")
    reach.add(
        [hit("R", "/news/topics/ai.atom?x", status=status) for status in (200, 304, 304, 226)]
    )
    reach.add([hit("R", "/topics/ai.json", status=304), hit("R", "/all.rss")])
    found = {one.address: one for one in reach.report()}
    ai = found["topics/ai"]
    assert (ai.polls, ai.unchanged, ai.deltas) == (5, 3, 1)
    assert found["all"].polls == 1


@pytest.mark.parametrize(
    "passed_over",
    [
        hit("R", "/index.html"),
        hit("R", "/media/ab/cd.jpg"),
        hit("R", status=404),
        hit("R", status=301),
        hit("R")._replace(method="HEAD"),
        hit("Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"),
    ],
)
def test_reach_passes_over_what_is_no_poll_of_a_feed(passed_over: Hit) -> None:
    reach = Reach()
    reach.add([passed_over])
    assert reach.report() == []


def test_reach_keeps_no_address_and_forgets_the_salt_with_the_day() -> None:
    reach = Reach()
    reach.add([hit("R", client="203.0.113.77")])
    salt = reach._salt
    assert len(salt) == 16
    reach.add([hit("R", client="203.0.113.78", unix=DAY)])
    assert reach._salt != salt
    assert "203.0.113" not in repr([vars(reach), *map(vars, reach._feeds.values())])
    assert [len(readers) for readers in reach._feeds["all"].today.values()] == [1]


def test_reach_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.serve.reach._MOST_READERS", 3)
    monkeypatch.setattr("feeds.serve.reach._MOST_PROGRAMS", 2)
    reach = Reach()
    reach.add([hit("One", client=str(n)) for n in range(9)])
    reach.add([hit(f"Program{n}") for n in range(9)])
    (feed,) = reach.report()
    assert feed.programs == {"One": 3, "Program0": 1, "other": 3}
