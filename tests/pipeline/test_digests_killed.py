"""Killed before any file gets its name: digests stay what readers saw, and hold each story once."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import count

from tests.support.dying import is_killed
from tests.support.site import Site

_CONFIG = '[[digests]]\nname = "Daily"\nat = "07:00"\nmax_items = 50\n'
_ROUNDS = 20


def _digests(site: Site) -> dict[str, str]:
    """Returns the content of each digest, by its id."""
    items = json.loads(site.read("digests/daily.json"))["items"]
    return {one["id"]: one["content_html"] for one in items}


def test_digests_of_passes_killed_at_any_step_are_those_that_readers_saw(site: Site) -> None:
    site.configure(_CONFIG)
    numbers, killed, seen = count(), 0, dict[str, str]()
    morning = datetime(2021, 6, 1, 7, tzinfo=UTC)
    site.seed(number=99, publishedDateTime="2020-01-01T00:00:00Z")
    site.publish(morning)
    for step in range(1, _ROUNDS + 1):
        for _ in range(2):
            number, now = next(numbers), morning + timedelta(hours=5)
            site.seed(f"{number}.txt", number=number, publishedDateTime=now.isoformat())
        site.publish(now)
        morning += timedelta(days=1)
        number = next(numbers)  # it comes with the pass that makes the digest of the day before
        site.seed(f"{number}.txt", number=number, publishedDateTime=now.isoformat())
        killed += is_killed(site, morning, step)
        seen |= _digests(site)
        site.publish(morning + timedelta(minutes=1))
        now_seen = _digests(site)
        assert {id_: now_seen.get(id_) for id_ in seen} == seen
        assert site.publish(morning + timedelta(minutes=2)).written == []
    assert killed > _ROUNDS // 2
    found = [int(one) for text in now_seen.values() for one in re.findall(r">Story (\d+)<", text)]
    assert sorted(found) == list(range(3 * _ROUNDS - 1))
