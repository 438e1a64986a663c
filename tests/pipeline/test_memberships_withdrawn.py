"""Withdrawn stories: their notices, when these go, and what readers see of a return."""

from __future__ import annotations

import json
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.site import NOW, Site

_NOTICE = 'withdrawn = "notice"\nwithdrawn_keep = "10d"\n'
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_LINE = "This story was withdrawn"


class _Entry(NamedTuple):
    title: str
    summary: str
    published: str
    updated: str

    @property
    def is_notice(self) -> bool:
        return self.summary.startswith(_LINE)


def _entries(site: Site, address: str = "all") -> dict[str, _Entry]:
    items = json.loads(site.read(f"{address}.json"))["items"]
    fields = ("title", "summary", "date_published", "date_modified")
    entries = {one["url"][-1]: _Entry(*(one.get(name, "") for name in fields)) for one in items}
    assert len(entries) == len(items)
    return entries


@pytest.fixture
def noticed(site: Site) -> Site:
    """A site that shows notices, of two stories, after its first pass."""
    site.configure(_NOTICE)
    for number in (1, 2):
        site.seed(f"{number}.txt", number=number, topics=["AI"])
    site.publish()
    return site


def _withdraw(site: Site, how: str) -> None:
    if how == "deleted":
        (site.seeds / "1.txt").unlink()
    elif how == "unpublished":
        site.seed("1.txt", number=1, topics=["AI"], published=False)
    else:
        site.seed("1.txt", number=1, topics=["Odd"])
        site.configure(_NOTICE + "[topics.Odd]\nexclude = true\n")


@pytest.mark.parametrize("how", ["deleted", "unpublished", "excluded"])
def test_withdrawn_story_leaves_a_notice_in_each_of_its_feeds(noticed: Site, how: str) -> None:
    before = _entries(noticed)["1"]
    _withdraw(noticed, how)
    noticed.publish(NOW + _HOUR)
    for address in ("all", "topics/ai", "providers/example.com"):
        notice = _entries(noticed, address)["1"]
        assert notice.summary == f"{_LINE}."
        assert (notice.title, notice.published) == (before.title, before.published)
        assert notice.updated == "2026-03-01T13:00:00Z"
    assert noticed.run("withdrawn").out.split("\t")[1] == how


def test_notice_says_why_and_escapes_it(noticed: Site) -> None:
    reason = 'It named <b>the wrong</b> "man" & more'
    noticed.seed("1.txt", number=1, topics=["AI"], published=False, withdrawnReason=reason)
    noticed.publish(NOW + _HOUR)
    assert _entries(noticed)["1"].summary == f"{_LINE}: {reason}"
    for name in ("all.json", "all.html"):
        assert b"<b>the wrong" not in noticed.read(name).replace(b'"summary": "', b"").replace(
            f"{_LINE}: {json.dumps(reason)[1:-1]}".encode(), b""
        )
    (story,) = noticed.run("withdrawn", "--json").report()
    assert (story["why"], story["reason"], story["title"]) == ("unpublished", reason, "Story 1")


def test_default_leaves_nothing_but_what_the_command_lists(site: Site) -> None:
    for number in (1, 2):
        site.seed(f"{number}.txt", number=number)
    site.publish()
    assert "no story was withdrawn" in site.run("withdrawn").out
    before = _entries(site)["1"]
    site.seed("1.txt", number=1, published=False, withdrawnReason="Wrong")
    site.publish(NOW + _HOUR)
    assert list(_entries(site)) == ["2"]
    assert site.run("withdrawn").out == "2026-03-01 13:00 UTC\tunpublished: Wrong\tStory 1\n"
    site.seed("1.txt", number=1)
    site.publish(NOW + 2 * _HOUR)
    assert _entries(site)["1"].updated > before.updated
    assert "no story was withdrawn" in site.run("withdrawn").out


@pytest.mark.parametrize(
    "changes", [{"quality": 1}, {"publishedDateTime": "2999-01-01T00:00:00Z"}, {"heat": -1}]
)
def test_story_that_leaves_by_a_rule_is_not_withdrawn(
    noticed: Site, changes: dict[str, Any]
) -> None:
    noticed.configure(_NOTICE + "[selection]\nmin_heat = 1\n")
    noticed.publish(NOW)
    noticed.seed("1.txt", number=1, topics=["AI"], **changes)
    noticed.publish(NOW + _HOUR)
    assert list(_entries(noticed)) == ["2"]


def test_seed_that_is_deleted_later_leaves_the_notice_with_its_reason(noticed: Site) -> None:
    noticed.seed("1.txt", number=1, topics=["AI"], published=False, withdrawnReason="Wrong")
    noticed.publish(NOW + _HOUR)
    before = _entries(noticed)
    (noticed.seeds / "1.txt").unlink()
    noticed.publish(NOW + 2 * _HOUR)
    assert _entries(noticed) == before
    assert before["1"].summary == f"{_LINE}: Wrong"


def test_notice_goes_by_itself_after_its_time(noticed: Site) -> None:
    _withdraw(noticed, "deleted")
    noticed.publish(NOW + _HOUR)
    noticed.publish(NOW + _HOUR + 10 * _DAY)
    assert "1" in _entries(noticed)
    noticed.publish(NOW + _HOUR + 10 * _DAY + timedelta(seconds=1))
    assert list(_entries(noticed)) == ["2"]


def test_feed_can_show_no_notice_where_others_do(noticed: Site) -> None:
    noticed.configure(_NOTICE + '[topics.AI]\nwithdrawn = "drop"\n')
    _withdraw(noticed, "deleted")
    noticed.publish(NOW + _HOUR)
    assert list(_entries(noticed, "topics/ai")) == ["2"]
    assert "1" in _entries(noticed)


def test_feed_of_links_still_says_that_a_story_was_withdrawn(noticed: Site) -> None:
    noticed.configure(_NOTICE + 'show = "link"\n')
    _withdraw(noticed, "deleted")
    noticed.publish(NOW + _HOUR)
    assert _entries(noticed)["1"].is_notice


def test_notice_leads_to_no_page_that_went_and_has_no_quality(noticed: Site) -> None:
    noticed.seed("1.txt", number=1, topics=["AI"], provider={"name": "P", "domain": "gone.org"})
    noticed.publish(NOW + _HOUR)
    assert b'href="providers/gone.org.html"' in noticed.read("all.html")
    (noticed.seeds / "1.txt").unlink()
    noticed.publish(NOW + 2 * _HOUR)
    assert not (noticed.out / "providers/gone.org.html").exists()
    assert b"gone.org.html" not in noticed.read("all.html")
    items = json.loads(noticed.read("all.json"))["items"]
    assert ["_feeds" in one for one in items if one["summary"].startswith(_LINE)] == [False]


def test_notice_is_no_story_of_the_front_page(noticed: Site) -> None:
    _withdraw(noticed, "deleted")
    noticed.publish(NOW + _HOUR)
    assert b"stories/1" not in noticed.read("index.html")
    assert b"stories/1" in noticed.read("all.html")


def _sealed(site: Site, mode: str) -> None:
    """Publishes a site with two stories in a sealed part of each feed."""
    site.configure(f'archive = "month"\nwithdrawn = "{mode}"\nwithdrawn_keep = "10d"\n')
    for number in (1, 2):
        site.seed(f"{number}.txt", number=number, topics=["AI"])
    site.publish(NOW - 5 * _DAY)
    site.publish()


_DELETED = b"<at:deleted-entry "


@pytest.mark.parametrize("back", [False, True], ids=["expired", "returned"])
@pytest.mark.parametrize(
    ("mode", "shown"), [("drop", (0, 0)), ("notice", (1, 0)), ("tombstone", (0, 1))]
)
def test_archive_says_what_was_withdrawn_until_that_goes_or_the_story_returns(
    site: Site, mode: str, shown: tuple[int, int], *, back: bool
) -> None:
    _sealed(site, mode)
    part = "topics/ai/2026-02.atom"
    before = site.read(part)
    assert before.count(b"<entry>") == 2
    (site.seeds / "1.txt").unlink()
    site.publish(NOW + _HOUR)
    entries, tombstones = shown
    for path in (part, "topics/ai.atom"):
        assert site.read(path).count(_DELETED) == tombstones
    assert site.read(part).count(b"<entry>") == 1 + entries
    if back:
        site.seed("1.txt", number=1, topics=["AI"])
    site.publish(NOW + _HOUR + (_HOUR if back else 10 * _DAY + timedelta(seconds=1)))
    assert site.read(part).count(b"<entry>") == 1
    assert site.read("topics/ai.atom").count(_DELETED) == site.read(part).count(_DELETED) == 0
    report = site.publish_whole(NOW + _HOUR + 11 * _DAY)
    assert report.removed == []


def test_tombstone_has_the_time_and_the_reason_in_atom_alone(site: Site) -> None:
    _sealed(site, "tombstone")
    site.seed("1.txt", number=1, topics=["AI"], published=False, withdrawnReason="5 < 6")
    site.publish(NOW + _HOUR)
    atom = site.read("all.atom")
    assert b'when="2026-03-01T13:00:00Z"' in atom
    assert b"<at:comment>This story was withdrawn: 5 &lt; 6</at:comment>" in atom
    for extension in ("rss", "json", "html"):
        assert b"withdrawn" not in site.read(f"all.{extension}")


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("de", "Diese Meldung wurde zurückgezogen"),
        ("fr", "Cet article a été retiré"),
        ("nl", _LINE),
    ],
)
def test_notice_is_in_the_language_of_the_site(noticed: Site, language: str, line: str) -> None:
    _withdraw(noticed, "deleted")
    noticed.publish(NOW + _HOUR)
    noticed.configure(_NOTICE + f'language = "{language}"\n')
    noticed.publish(NOW + 2 * _HOUR)
    assert _entries(noticed)["1"].summary == f"{line}."


def test_explain_and_check_tell_of_withdrawn_stories(noticed: Site) -> None:
    url = "https://news.example.com/stories/1"
    noticed.configure('withdrawn_keep = "3650d"\n')  # commands go by the real clock
    assert "withdrawn" not in noticed.run("check").out
    noticed.seed("1.txt", number=1, topics=["AI"], published=False, withdrawnReason="Wrong")
    noticed.publish(NOW + _HOUR)
    told = "  withdrawn 2026-03-01 13:00 UTC, unpublished: Wrong\n"
    ran = noticed.run("explain", "seeds/1.txt")
    assert told in ran.out
    assert "out:" in ran.out
    (noticed.seeds / "1.txt").unlink()
    noticed.publish(NOW + 2 * _HOUR)
    for name in (url, str(noticed.run("withdrawn", "--json").report()[0]["id"])):
        ran = noticed.run("explain", name)
        assert (ran.code, told in ran.out) == (0, True)
    assert "1 withdrawn lately" in noticed.run("check").out


_STEPS = st.lists(
    st.tuples(
        st.sampled_from([1, 2]),
        st.sampled_from(["live", "unpublished", "reason", "deleted"]),
        st.sampled_from([0, 1, 30, 24 * 11]),
    ),
    max_size=12,
)


@settings(max_examples=settings().max_examples // 10)
@given(_STEPS)
def test_readers_see_each_withdrawal_and_each_return(steps: list[tuple[int, str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder))
        site.configure(_NOTICE)
        for number in (1, 2, 3):
            site.seed(f"{number}.txt", number=number, publishedDateTime="2026-02-20T00:00:00Z")
        now, state, gone_at = NOW, {1: "live", 2: "live"}, dict[int, datetime]()
        site.publish(now)
        before = shown = _entries(site)
        for number, how, hours in steps:
            path = site.seeds / f"{number}.txt"
            if how == "deleted":
                path.unlink(missing_ok=True)
            else:
                changes = {"withdrawnReason": "Why"} if how == "reason" else {}
                site.seed(
                    path.name,
                    number=number,
                    publishedDateTime="2026-02-20T00:00:00Z",
                    published=how == "live",
                    **changes,
                )
            now += timedelta(hours=hours)
            if how == "live":
                gone_at.pop(number, None)
            elif state[number] == "live":
                gone_at[number] = now
            state[number] = how
            site.publish(now)
            entries = _entries(site)
            kept = {one for one, at in gone_at.items() if at >= now - 10 * _DAY}
            live = {one for one, what in state.items() if what == "live"}
            assert {one for one in entries if entries[one].is_notice} == {str(one) for one in kept}
            assert set(entries) == {str(one) for one in kept | live | {3}}
            for one, entry in entries.items():
                last = shown.get(one, entry)
                assert entry.published == before.get(one, entry).published
                if entry.summary != last.summary:
                    assert entry.updated > last.updated
                else:
                    assert entry.updated >= last.updated
            shown = shown | entries
            tree = site.tree()
            site.publish(now)
            assert site.tree() == tree
