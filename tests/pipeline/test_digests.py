"""Digests: what each period holds, when it is made, and why it changes after that."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import feedparser
import pytest

from feeds.common.reports import NO_CALLBACKS
from feeds.images.cache import likely_name
from feeds.pipeline.explain_story import explanations
from feeds.pipeline.memberships import memberships
from feeds.pipeline.run import Snapshot, with_snapshot
from tests.support.imaging import picture, seed_with
from tests.support.site import Site
from tests.support.validator import findings

_BASE = "https://feeds.example.org/"
_DAILY = '[[digests]]\nname = "Morning"\nat = "07:00"\nlimit = 3\n'
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
# 07:00 on the first of June.
_SEVEN = datetime(2021, 6, 1, 7, tzinfo=UTC)


def _stories(site: Site, address: str = "digests/morning") -> list[tuple[str, list[str]]]:
    """Returns day and time of each digest, and the titles of its stories, the newest first."""
    found = json.loads(site.read(f"{address}.json"))["items"]
    return [
        (one["date_published"][5:16], re.findall(r"<h2>(?:<a[^>]*>)?([^<]*)", one["content_html"]))
        for one in found
    ]


def _add(site: Site, number: int, now: datetime, **changes: object) -> None:
    """Publishes a story of this moment."""
    fields: dict[str, Any] = {"publishedDateTime": now.isoformat(), **changes}
    site.seed(f"{number}.txt", number=number, **fields)
    site.publish(now=now)


def _explained(site: Site, seed: str, now: datetime) -> str:
    """Returns why a story is, or is not, in the digests."""

    def read(snapshot: Snapshot) -> str:
        selection = memberships(snapshot.run, snapshot.state, snapshot.changes)
        (found,) = explanations(seed, snapshot, selection)
        return found.explanation.feeds[-1].words

    return with_snapshot(site.load(), NO_CALLBACKS, read, lambda: now)


def _begin(site: Site, toml: str = _DAILY) -> None:
    """Publishes two stories and a first digest, which holds them."""
    site.configure(toml)
    site.seed(number=0, publishedDateTime="2020-01-01T00:00:00Z")
    site.publish(now=_SEVEN - _DAY)
    _add(site, 1, _SEVEN - 3 * _HOUR, quality=60)
    _add(site, 2, _SEVEN - _HOUR, quality=80)
    site.publish(now=_SEVEN)


def test_a_digest_has_the_best_stories_of_its_period(site: Site) -> None:
    _begin(site)
    assert _stories(site) == [("06-01T07:00", ["Story 2", "Story 1"])]
    for number, quality in ((3, 50), (4, 70), (5, 70), (6, 90)):
        _add(site, number, _SEVEN + number * _HOUR, quality=quality, heat=number)
    site.publish(now=_SEVEN + _DAY)
    assert _stories(site)[0] == ("06-02T07:00", ["Story 6", "Story 5", "Story 4"])
    site.publish(now=_SEVEN + 3 * _DAY)
    assert len(_stories(site)) == 2  # empty periods have none


def test_an_entry_is_named_by_its_feed_and_the_start_of_its_period(site: Site) -> None:
    _begin(site)
    (entry,) = json.loads(site.read("digests/morning.json"))["items"]
    feed = feedparser.parse(site.read("digests/morning.atom")).feed
    wanted = uuid.uuid5(uuid.UUID(feed.id), "2021-05-31T07:00:00Z")
    assert entry["id"] == f"urn:uuid:{wanted}"
    assert entry["title"] == "Morning, 1 June 2021"
    assert entry["url"] == f"{_BASE}digests/morning.html#2021-06-01T0700"
    assert b'id="2021-06-01T0700"' in site.read("digests/morning.html")


def test_a_late_story_goes_into_the_next_digest(site: Site) -> None:
    _begin(site)
    before = site.read("digests/morning.json")
    late = (_SEVEN - 2 * _HOUR).isoformat()
    _add(site, 3, _SEVEN + timedelta(minutes=1), publishedDateTime=late, quality=99)
    assert site.read("digests/morning.json") == before
    site.publish(now=_SEVEN + _DAY)
    assert _stories(site)[0] == ("06-02T07:00", ["Story 3"])


def test_an_edit_leaves_an_ended_digest_as_it_is_and_a_correction_does_not(site: Site) -> None:
    _begin(site)
    before = site.read("digests/morning.json")
    when = (_SEVEN - _HOUR).isoformat()
    _add(site, 2, _SEVEN + _HOUR, publishedDateTime=when, title="Other", quality=10)
    assert site.read("digests/morning.json") == before
    edit = {"publishedDateTime": when, "title": "Other", "correction": "It was Tuesday."}
    _add(site, 2, _SEVEN + 2 * _HOUR, **edit)
    assert _stories(site) == [("06-01T07:00", ["Other", "Story 1"])]
    (entry,) = json.loads(site.read("digests/morning.json"))["items"]
    assert "<strong>Correction:</strong> It was Tuesday." in entry["content_html"]
    assert entry["date_modified"] == "2021-06-01T09:00:00Z"


@pytest.mark.parametrize("setting", ["drop", "notice"])
def test_a_withdrawn_story_leaves_its_digest_and_comes_back(site: Site, setting: str) -> None:
    _begin(site, f'withdrawn = "{setting}"\n{_DAILY}')
    before = _stories(site)
    (site.root / "seeds/2.txt").unlink()
    _add(site, 1, _SEVEN + _HOUR, published=False, withdrawnReason="A <hoax>.")
    if setting == "drop":
        assert _stories(site) == []
    else:
        assert _stories(site) == before
        (entry,) = json.loads(site.read("digests/morning.json"))["items"]
        assert "withdrawn: A &lt;hoax&gt;." in entry["content_html"]
        assert "/stories/" not in entry["content_html"]
    when = (_SEVEN - 3 * _HOUR).isoformat()
    _add(site, 1, _SEVEN + 2 * _HOUR, publishedDateTime=when)
    assert [titles[-1] for _, titles in _stories(site)] == ["Story 1"]
    (entry,) = json.loads(site.read("digests/morning.json"))["items"]
    assert entry["date_modified"] == "2021-06-01T09:00:00Z"
    assert "withdrawn" not in entry["content_html"].partition("Story 1")[2]


def test_other_rules_let_no_old_story_into_a_digest(site: Site) -> None:
    _begin(site, f"{_DAILY}min_quality = 75\n")
    assert _stories(site) == [("06-01T07:00", ["Story 2"])]
    site.configure(f"{_DAILY}min_quality = 0\n")
    _add(site, 3, _SEVEN + _HOUR, quality=10)
    site.publish(now=_SEVEN + _DAY)
    assert _stories(site)[0] == ("06-02T07:00", ["Story 3"])


def test_a_lost_state_file_gives_the_same_ids(site: Site) -> None:
    _begin(site)
    before = site.read("digests/morning.json")
    (site.root / ".feeds/state.db").unlink()
    site.publish(now=_SEVEN + _HOUR)
    assert json.loads(site.read("digests/morning.json")) == json.loads(before)


def test_a_clock_that_is_set_back_loses_no_story(site: Site) -> None:
    _begin(site)
    back = _SEVEN - 5 * _HOUR
    _add(site, 3, back)
    site.publish(now=_SEVEN + 5 * _HOUR)
    site.publish(now=_SEVEN + _DAY)
    assert [titles for _, titles in _stories(site)] == [["Story 3"], ["Story 2", "Story 1"]]


def test_a_clock_that_was_far_ahead_holds_no_digest_up(site: Site) -> None:
    _begin(site)
    before = _stories(site)
    _add(site, 3, datetime(2050, 1, 1, tzinfo=UTC), publishedDateTime="2021-06-01T07:30:00Z")
    _add(site, 4, _SEVEN + _HOUR)
    site.publish(now=_SEVEN + _DAY)
    assert _stories(site) == [("06-02T07:00", ["Story 4", "Story 3"]), *before]


def test_a_feed_that_goes_takes_its_digests_along(site: Site) -> None:
    _begin(site)
    before = _stories(site)
    site.configure("")
    site.publish(now=_SEVEN + _HOUR)
    assert not (site.out / "digests/morning.atom").exists()
    site.configure(_DAILY)
    site.publish(now=_SEVEN + 2 * _HOUR)
    assert _stories(site) == before


def test_documents_of_digests_have_no_finding_and_stand_in_all_lists(site: Site) -> None:
    _begin(site)
    for extension in ("atom", "rss", "json", "html"):
        path = f"digests/morning.{extension}"
        assert findings(path, site.read(path), _BASE) == []
    for path in ("feeds.html", "index.html"):
        assert b'href="digests/morning.html"' in site.read(path)
    assert f"{_BASE}digests/morning.atom".encode() in site.read("feeds.opml")


def test_a_pass_in_which_no_digest_changes_writes_none(site: Site) -> None:
    _begin(site)
    before = site.tree()
    _add(site, 3, _SEVEN + _HOUR)
    for path, seen in site.tree().items():
        if path.startswith("digests/"):
            assert seen == before[path]


def test_pictures_of_a_digest_stay_as_long_as_it_shows_them(site: Site) -> None:
    url = "https://images.example.com/{}.png".format
    site.configure(f'[images]\nfetch = "off"\n{_DAILY}max_items = 1\n')
    site.seed(number=0, publishedDateTime="2020-01-01T00:00:00Z")
    for number in (1, 2):
        when = (_SEVEN - number * _HOUR).isoformat()
        seed_with(site, number, url(number), publishedDateTime=when)
        path = site.root / ".feeds/images" / likely_name(url(number), "image/png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture("png", (16, 9 + number)))
    site.publish(now=_SEVEN)
    copies = {f"{_BASE}{likely_name(url(number), 'image/png')}" for number in (1, 2)}
    (entry,) = json.loads(site.read("digests/morning.json"))["items"]
    assert set(re.findall(r'src="([^"]+)"', entry["content_html"])) == copies
    assert entry["image"] in copies
    for number in (1, 2):  # no seed names them any more
        site.seed(f"{number}.txt", number=number, publishedDateTime="2021-06-01T01:00:00Z")
    site.publish(now=_SEVEN + _HOUR)
    assert site.read("digests/morning.html").count(b"<img") == 2
    assert all((site.out / one.removeprefix(_BASE)).is_file() for one in copies)
    _add(site, 3, _SEVEN + 2 * _HOUR)
    site.publish(now=_SEVEN + _DAY)
    assert not any((site.out / one.removeprefix(_BASE)).exists() for one in copies)


def test_explain_tells_which_digest_a_story_is_in(site: Site) -> None:
    _begin(site, f"{_DAILY}min_quality = 50\n")
    _add(site, 3, _SEVEN + _HOUR, quality=40)
    _add(site, 4, _SEVEN + 2 * _HOUR)
    told = {number: _explained(site, f"{number}.txt", _SEVEN + 3 * _HOUR) for number in (1, 3, 4)}
    later = _explained(site, "4.txt", _SEVEN + _DAY + _HOUR)  # as a pass would decide then
    assert later.endswith("; in the digest of 2021-06-02 07:00 UTC")
    assert told[1].endswith("; in the digest of 2021-06-01 07:00 UTC")
    assert told[3].startswith("quality 40 is below 50, set by [[digests]]")
    assert told[4].endswith("among the 3 best of the digest of 2021-06-02 07:00 UTC")


def _entries(site: Site) -> dict[str, Any]:
    """Returns the digests as JSON Feed has them, by day and time."""
    found = json.loads(site.read("digests/morning.json"))["items"]
    return {one["date_published"][5:16]: one for one in found}


class _Model:
    """What digests must hold, reckoned story by story."""

    def __init__(self) -> None:
        self.seeds: dict[int, dict[str, Any]] = {}
        self.since: dict[int, datetime] = {}
        # Of each story its number, and its title and correction as the digest has them.
        self.digests: dict[datetime, dict[int, tuple[str, str]]] = {}
        self.end = _SEVEN

    def publish(self, now: datetime) -> None:
        """Judges all stories, and closes the periods that have ended."""
        good = {
            number
            for number, seed in self.seeds.items()
            if seed["published"] and seed["quality"] >= 40
        }
        self.since = {number: self.since.get(number, now) for number in good}
        for digest in self.digests.values():
            for number, (_, correction) in digest.items():
                if self._stands(number) and self.seeds[number]["correction"] != correction:
                    digest[number] = self._told(number)
        while self.end + _DAY <= now:
            start, self.end = self.end, self.end + _DAY
            taken = {number for digest in self.digests.values() for number in digest}
            found = [one for one, at in self.since.items() if start <= at < self.end]
            best = sorted(set(found) - taken, key=lambda one: -self.seeds[one]["quality"])[:3]
            if best:
                self.digests[self.end] = {one: self._told(one) for one in best}

    def shown(self) -> list[tuple[str, list[str]]]:
        """Returns what `_stories` must return."""
        found = [
            (f"{end:%m-%dT%H:%M}", [title for one, (title, _) in told if self._stands(one)])
            for end, told in ((end, self.digests[end].items()) for end in sorted(self.digests))
        ]
        return [one for one in reversed(found) if one[1]]

    def _told(self, number: int) -> tuple[str, str]:
        return self.seeds[number]["title"], self.seeds[number]["correction"]

    def _stands(self, number: int) -> bool:
        return bool(self.seeds.get(number, {}).get("published"))


@pytest.mark.parametrize("chance", range(4))
def test_digests_of_any_history_are_those_of_the_model(site: Site, chance: int) -> None:
    random, model, now = Random(chance), _Model(), _SEVEN  # noqa: S311 (no secret)
    site.configure(f"[paths]\nmax_gone = 1.0\n{_DAILY}")
    site.seed(number=99, publishedDateTime="2020-01-01T00:00:00Z")
    site.publish(now=now)
    for step in range(25):
        now += random.choice([_HOUR, 5 * _HOUR, 13 * _HOUR, 2 * _DAY])
        for _ in range(random.randint(0, 3)):
            number = random.randint(0, 9)
            if number in model.seeds and random.random() < 0.2:
                del model.seeds[number]
                (site.seeds / f"{number}.txt").unlink()
                continue
            seed = {
                "title": f"Story {number} at step {step}",
                # No two stories are equally good.
                "quality": random.choice([10, 40, 70]) + 2 * number,
                "published": random.random() < 0.8,
                "correction": random.choice(["", "", "Once.", "Twice."]),
            }
            late = now - random.choice([_HOUR, _DAY, 9 * _DAY])
            model.seeds[number] = seed
            fields: dict[str, Any] = {"publishedDateTime": late.isoformat(), **seed}
            site.seed(f"{number}.txt", number=number, **fields)
        shown, before = _stories(site), _entries(site)
        site.publish(now=now)
        model.publish(now)
        assert _stories(site) == model.shown()
        # Without such a reason not a byte of a digest changes.
        after = _entries(site)
        fixed = [end for end, titles in _stories(site) if (end, titles) in shown]
        assert [after[end] for end in fixed] == [before[end] for end in fixed]
    assert model.digests
