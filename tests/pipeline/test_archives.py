"""Archives of feeds: parts, their links, and what a walk through them finds."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime, timedelta

import feedparser
import pytest
from lxml import etree

from tests.support.rendering import make_item
from tests.support.site import Site
from tests.support.validator import findings

_ATOM = "{http://www.w3.org/2005/Atom}"
_HISTORY = "{http://purl.org/syndication/history/1.0}"
_BASE = "https://feeds.example.org/"
_START = datetime(2021, 6, 20, 12, tzinfo=UTC)
_MONTHLY = 'archive = "month"\n[selection]\nmax_items = 3\n'
_DAY = timedelta(days=1)


def _links(site: Site, address: str) -> dict[str, str]:
    feed = etree.fromstring(site.read(f"{address}.atom"))
    found = [(link.get("rel", ""), link.get("href", "")) for link in feed.findall(f"{_ATOM}link")]
    return {
        rel: url.removeprefix(_BASE).removesuffix(".atom")
        for rel, url in found
        if rel.endswith("-archive") or rel == "current"
    }


def _ids(site: Site, address: str, *, notices: bool = False) -> list[str]:
    """Returns the ids of all entries of a document, or of notices of withdrawn stories alone."""
    feed = etree.fromstring(site.read(f"{address}.atom"))
    return [
        entry.findtext(f"{_ATOM}id", "")
        for entry in feed.findall(f"{_ATOM}entry")
        if not notices or "withdrawn" in entry.findtext(f"{_ATOM}summary", "")
    ]


def _without_links(site: Site, part: str) -> bytes:
    """Returns a document without its links to the parts beside it."""
    return re.sub(rb"  <link [^\n]*-archive[^\n]*\n", b"", site.read(f"{part}.atom"))


def _walk(site: Site, address: str = "all") -> list[str]:
    """Returns the addresses of the archives of a feed, the newest first."""
    found = []
    while older := _links(site, address).get("prev-archive"):
        found.append(older)
        address = older
    return found


def _all_ids(site: Site, address: str = "all") -> list[str]:
    """Returns the ids in all archives of a feed."""
    return [id_ for part in _walk(site, address) for id_ in _ids(site, part)]


def _fill(site: Site, count: int, start: datetime = _START, first: int = 0) -> None:
    """Publishes stories, one a day, each in a pass of its own."""
    for number in range(first, first + count):
        now = start + number * _DAY
        site.seed(f"{number}.txt", number=number, publishedDateTime=now.isoformat())
        site.publish(now=now)


def test_a_full_part_is_sealed_and_linked_before_its_items_leave(site: Site) -> None:
    site.configure(_MONTHLY)
    _fill(site, 2)
    assert _walk(site) == []
    _fill(site, 2, first=2)
    assert _walk(site) == ["all/2021-06"]
    assert len(_ids(site, "all/2021-06")) == 3
    assert len(set(_ids(site, "all"))) >= 3


def test_parts_are_numbered_and_linked_both_ways(site: Site) -> None:
    site.configure(_MONTHLY)
    _fill(site, 16)
    parts = ["all/2021-07", "all/2021-06-4", "all/2021-06-3", "all/2021-06-2", "all/2021-06"]
    assert _walk(site) == parts
    assert _links(site, "all/2021-06-2") == {
        "prev-archive": "all/2021-06",
        "next-archive": "all/2021-06-3",
        "current": "all",
    }
    assert _links(site, "all/2021-06") == {"next-archive": "all/2021-06-2", "current": "all"}
    assert _links(site, "all/2021-07") == {"prev-archive": "all/2021-06-4", "current": "all"}


def test_archives_stand_in_all_formats(site: Site) -> None:
    site.configure(_MONTHLY)
    _fill(site, 8)
    feed = etree.fromstring(site.read("topics/ai/2021-06-2.atom"))
    assert feed.find(f"{_HISTORY}archive") is not None
    whole = etree.fromstring(site.read("topics/ai.atom"))
    assert whole.find(f"{_HISTORY}archive") is None
    assert feed.findtext(f"{_ATOM}id") == whole.findtext(f"{_ATOM}id")
    channel = etree.fromstring(site.read("topics/ai/2021-06-2.rss"))[0]
    assert channel.find(f"{_HISTORY}archive") is not None
    rels = {link.get("rel"): link.get("href") for link in channel.findall(f"{_ATOM}link")}
    assert rels["prev-archive"] == f"{_BASE}topics/ai/2021-06.rss"
    assert rels["current"] == f"{_BASE}topics/ai.rss"
    whole_json = json.loads(site.read("topics/ai.json"))
    assert whole_json["next_url"] == f"{_BASE}topics/ai/2021-06-2.json"
    part = json.loads(site.read("topics/ai/2021-06-2.json"))
    assert part["next_url"] == f"{_BASE}topics/ai/2021-06.json"
    assert "next_url" not in json.loads(site.read("topics/ai/2021-06.json"))
    assert b'href="../../topics/ai/2021-06.html"' in site.read("topics/ai/2021-06-2.html")


def test_feedparser_reads_archives(site: Site) -> None:
    site.configure(_MONTHLY)
    _fill(site, 8)
    for extension in ("atom", "rss"):
        parsed = feedparser.parse(site.read(f"all/2021-06.{extension}"))
        assert not parsed.bozo
        assert len(parsed.entries) == 3


def test_no_document_has_a_finding_of_the_validator(site: Site) -> None:
    site.configure(_MONTHLY)
    _fill(site, 8)
    for extension in ("atom", "rss", "json"):
        path = f"all/2021-06.{extension}"
        assert findings(path, site.read(path), _BASE) == []


def test_an_ended_period_is_sealed_without_any_change_of_seeds(site: Site) -> None:
    site.configure(_MONTHLY)
    _fill(site, 2)
    site.publish(now=datetime(2021, 6, 30, 23, 59, 59, tzinfo=UTC))
    assert _walk(site) == []
    site.publish(now=datetime(2021, 7, 1, tzinfo=UTC))
    assert _walk(site) == ["all/2021-06"]


def test_a_late_story_enters_no_period_that_has_ended(site: Site) -> None:
    site.configure(_MONTHLY)
    _fill(site, 8)
    now = datetime(2021, 8, 5, tzinfo=UTC)
    site.publish(now=now)
    before = {part: site.read(f"{part}.atom") for part in _walk(site)}
    site.seed("late.txt", number=99, publishedDateTime="2021-06-21T00:00:00Z")
    site.publish(now=now + _DAY)
    assert {part: site.read(f"{part}.atom") for part in before} == before
    assert len(_ids(site, "all")) == 4
    site.publish(now=now + 30 * _DAY)
    assert _walk(site)[0] == "all/2021-08"
    assert len(_ids(site, "all/2021-08")) == 1


def test_an_edited_story_of_an_archive_stands_in_the_feed_for_exposure(site: Site) -> None:
    site.configure(_MONTHLY)
    _fill(site, 8)
    now = datetime(2021, 7, 5, tzinfo=UTC)
    site.publish(now=now)
    edited = _ids(site, "all/2021-06")[0]
    others = {part: site.read(f"{part}.atom") for part in _walk(site)[:-1]}
    assert edited not in _ids(site, "all")
    site.seed("2.txt", number=2, title="Edited", publishedDateTime=(_START + 2 * _DAY).isoformat())
    site.publish(now=now + _DAY)
    assert edited in _ids(site, "all")
    assert b"Edited" in site.read("all/2021-06.atom")
    assert {part: site.read(f"{part}.atom") for part in others} == others
    site.publish(now=now + 2 * _DAY)
    assert edited in _ids(site, "all")
    site.publish(now=now + 4 * _DAY)
    assert edited not in _ids(site, "all")


def test_a_story_that_leaves_renumbers_no_part(site: Site) -> None:
    site.configure(_MONTHLY)
    _fill(site, 8)
    parts = {part: _ids(site, part) for part in _walk(site)}
    gone = parts["all/2021-06"][1]
    (site.seeds / "1.txt").unlink()
    site.publish(now=_START + 9 * _DAY)
    parts["all/2021-06"].remove(gone)
    assert {part: _ids(site, part) for part in _walk(site)} == parts


def test_archives_are_kept_for_archive_keep(site: Site) -> None:
    site.configure('archive_keep = "10d"\n' + _MONTHLY)
    _fill(site, 8)
    site.publish(now=datetime(2021, 7, 10, 23, tzinfo=UTC))
    assert _walk(site)[-1] == "all/2021-06"
    report = site.publish(now=datetime(2021, 7, 11, tzinfo=UTC))
    assert _walk(site) == []
    assert "all/2021-06.atom" in report.removed


def test_first_switch_on_takes_the_periods_that_the_store_knows(site: Site) -> None:
    site.configure("[selection]\nmax_items = 3\n")
    _fill(site, 16)
    site.configure(_MONTHLY)
    site.publish(now=_START + 16 * _DAY)
    assert _walk(site)[-1] == "all/2021-06"
    assert len(set(_all_ids(site)) | set(_ids(site, "all"))) == 16


def test_a_store_rebuilt_from_seeds_takes_the_published_dates(site: Site) -> None:
    site.configure(_MONTHLY)
    _fill(site, 8)
    before = site.read("all/2021-06.atom")
    site.state.unlink()
    site.publish(now=_START + 9 * _DAY)
    assert site.read("all/2021-06.atom") == before


@pytest.mark.parametrize(
    ("toml", "archived", "plain"),
    [
        ('[topics.AI]\narchive = "year"\n', "topics/ai", "all"),
        ('[providers."example.com"]\narchive = "year"\n', "providers/example.com", "topics/ai"),
        ('[[feeds]]\nname = "Best"\narchive = "year"\n', "custom/best", "topics/ai"),
    ],
    ids=["topic", "provider", "custom"],
)
def test_one_feed_may_have_archives_alone(site: Site, toml: str, archived: str, plain: str) -> None:
    site.configure("[selection]\nmax_items = 3\n" + toml)
    provider = {"name": "P", "domain": "example.com"}
    for number in range(5):
        site.seed(f"{number}.txt", number=number, provider=provider)
    site.publish()
    parts = _walk(site, archived)
    assert parts
    assert all(part.startswith(f"{archived}/20") for part in parts)
    assert not (site.out / plain).exists()


def test_archives_that_are_switched_off_are_removed(site: Site) -> None:
    site.configure(_MONTHLY)
    _fill(site, 8)
    site.configure("[selection]\nmax_items = 3\n")
    site.publish(now=_START + 9 * _DAY)
    assert _links(site, "all") == {}
    assert not (site.out / "all/2021-06.atom").exists()


@pytest.mark.parametrize("seed", range(9))
def test_a_walk_finds_each_item_once_whatever_happens(site: Site, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    toml = f'archive = "{dice.choice(["month", "year"])}"\n'
    toml += f'withdrawn = "{["drop", "notice", "tombstone"][seed % 3]}"\nwithdrawn_keep = "10d"\n'
    toml += '[selection]\nmax_items = 3\nmax_exposed = 2\nexposure = "24h"\n'
    site.configure(toml)
    now, number = datetime(2021, 11, 20, tzinfo=UTC), 0
    alive: dict[int, tuple[str, datetime]] = {}

    def write(which: int, quality: int = 80) -> None:
        title, dated = alive[which]
        site.seed(
            f"{which}.txt",
            number=which,
            title=title,
            quality=quality,
            publishedDateTime=dated.isoformat(),
        )

    told = 0
    sealed: dict[str, tuple[set[str], bytes]] = {}
    gone: dict[int, datetime] = {}
    for _ in range(40):
        last, now = now, now + timedelta(hours=dice.choice([1, 5, 30, 200]))
        touched: set[int] = set()
        for _ in range(dice.randrange(4)):
            what = dice.choice(["new", "new", "new", "late", "edit", "gone", "redate", "drop"])
            if what in ("new", "late") or not alive:
                age = dice.randrange(90) * _DAY if what == "late" else timedelta(0)
                alive[number] = (f"Story {number}", now - age)
                write(number)
                touched.add(number)
                number += 1
                continue
            which = dice.choice(sorted(alive))
            touched.add(which)
            title, dated = alive[which]
            if what == "gone":
                (site.seeds / f"{which}.txt").unlink()
                del alive[which]
                gone[which] = now
            elif what == "drop":
                write(which, quality=1)
                del alive[which]
            else:
                shift = -_DAY if what == "redate" else timedelta(0)
                alive[which] = (f"{title}!", dated + shift)
                write(which)
        site.publish(now=now)
        parts = {part: _ids(site, part) for part in _walk(site)}
        archived = [id_ for ids in parts.values() for id_ in ids]
        assert len(archived) == len(set(archived))
        notices = {id_ for one in ("all", *parts) for id_ in _ids(site, one, notices=True)}
        found = set(archived) | set(_ids(site, "all"))
        assert len(found - notices) == len(alive)
        told += len(notices)
        # A notice may go by itself; nothing else changes a part without a change of its stories.
        went = {which for which, at in gone.items() if last <= at + 10 * _DAY < now}
        edited = {make_item(which).id for which in touched | went}
        for part, (held, text) in sealed.items():
            assert set(parts[part]) <= held
            assert edited & held or _without_links(site, part) == text
        for part, ids in parts.items():
            held = sealed.get(part, (set(), b""))[0]
            sealed[part] = held | set(ids), _without_links(site, part)
    assert (told > 0) == (seed % 3 == 1)
    shown = site.tree()
    site.publish(now=now)
    assert site.tree() == shown
    report = site.publish_whole(now)
    assert (report.written, report.removed) == ([], [])
