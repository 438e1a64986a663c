"""Killed before any file gets its name: a walk through archives finds each story all the same."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import count, cycle
from typing import Any

from lxml import etree

from tests.support.dying import is_killed
from tests.support.site import Site

_ATOM = "{http://www.w3.org/2005/Atom}"
_BASE = "https://feeds.example.org/"
_CONFIG = """\
archive = "month"
withdrawn = "notice"
withdrawn_keep = "3650d"
[selection]
max_items = 2
max_exposed = 100
exposure = "0s"
"""
_ADDRESSES = ("all", "topics/ai", "providers/example.com")
_ROUNDS = 45


def _walk(site: Site, address: str) -> tuple[set[str], list[str]]:
    """Returns the ids in a feed and its archives, and those in archives, one for each part."""
    found, archived = set[str](), list[str]()
    place = address
    while place:
        feed = etree.fromstring(site.read(f"{place}.atom"))
        ids = [entry.findtext(f"{_ATOM}id", "") for entry in feed.iter(f"{_ATOM}entry")]
        archived += ids if place != address else []
        found.update(ids)
        links = {link.get("rel"): link.get("href", "") for link in feed.iter(f"{_ATOM}link")}
        place = links.get("prev-archive", "").removeprefix(_BASE).removesuffix(".atom")
    return found, archived


def test_walk_through_archives_misses_nothing_after_a_kill_at_any_step(site: Site) -> None:
    dice = random.Random(1)  # noqa: S311
    site.configure(_CONFIG)
    now, numbers, killed = datetime(2026, 1, 20, tzinfo=UTC), count(), 0
    steps = cycle(range(1, 31))

    def write(number: int, **changes: Any) -> None:
        dated = (datetime(2026, 1, 1, tzinfo=UTC) + number * timedelta(hours=1)).isoformat()
        site.seed(f"{number}.txt", number=number, publishedDateTime=dated, **changes)

    for _ in range(3):
        write(next(numbers))
    site.publish(now)
    for step in (next(steps) for _ in range(_ROUNDS)):
        before = {address: _walk(site, address)[0] for address in _ADDRESSES}
        now += timedelta(hours=dice.choice([1, 5, 100]))
        write(newest := next(numbers))
        touched = dice.randrange(newest)
        if dice.random() < 0.5:
            write(touched, title=f"Edit {step}", published=dice.random() < 0.7)
        killed += is_killed(site, now, step)
        for address in _ADDRESSES:
            found, archived = _walk(site, address)
            assert before[address] <= found
            assert len(archived) == len(set(archived))
        site.publish(now)
        assert site.publish(now).written == []
    assert killed > _ROUNDS // 3
    report = site.publish_whole(now)
    assert (report.written, report.removed) == ([], [])
