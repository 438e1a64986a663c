"""publish_feeds(): the whole way, on real files, pass after pass."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from feeds.common.errors import PublishError
from feeds.common.reports import Options
from feeds.pipeline import run as module
from feeds.pipeline.context import Pass
from feeds.pipeline.rescan import Ahead, read_ahead
from feeds.pipeline.run import publish_feeds
from feeds.store import DamagedStateError
from tests.support.publishing import rendering
from tests.support.site import NOW, REAL_SEEDS, Site

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


# What is published, and at what cost


def test_pass_publishes_a_seed_in_every_feed_it_qualifies_for(site: Site) -> None:
    site.seed()
    report = site.publish()
    assert {feed.address: feed.entries for feed in report.feeds} == {
        "all": 1,
        "topics/ai": 1,
        "providers/example.com": 1,
    }


def test_pass_twice_changes_not_one_byte_or_mtime(site: Site) -> None:
    site.seed()
    site.publish()
    before = site.tree()
    report = site.publish()
    assert site.tree() == before
    assert report.written == []


def test_pass_with_no_change_renders_and_writes_nothing_however_much_later(site: Site) -> None:
    for number in range(5):
        site.seed(f"{number}.txt", number=number)
    first = site.publish()
    before = site.tree()
    for later in (HOUR, 49 * HOUR, 9999 * DAY):
        rendered, report = rendering(site, NOW + later)
        assert (rendered, report.read, report.written, report.removed) == (0, 0, [], [])
        assert (report.feeds, report.unchanged) == (first.feeds, len(first.written))
    assert site.tree() == before


def test_pass_reports_what_it_did(site: Site) -> None:
    for number in range(3):
        site.seed(f"{number}.txt", number=number, heat="warm" if number else None)
    site.write("bad.txt", "---\ntitle: Bad\n---\n")
    first = site.publish()
    assert (first.seeds, first.read, first.changed, first.gone) == (4, 4, 4, 0)
    assert (first.bad, first.items, first.warnings, first.unchanged) == (1, 3, 2, 0)
    assert sorted(first.written) == sorted(site.documents())
    (site.seeds / "0.txt").unlink()
    second = site.publish()
    assert (second.seeds, second.read, second.changed, second.gone) == (3, 0, 0, 1)
    assert (second.bad, second.items, second.warnings) == (1, 2, 2)
    assert second.problems == [one for one in first.problems if "0.txt" not in one.path]


# The state file


def test_deleting_the_state_file_loses_no_document(site: Site) -> None:
    for number in range(9):
        site.seed(f"{number}.txt", number=number, topics=["AI", f"Topic {number % 3}"])
    shutil.copytree(REAL_SEEDS, site.seeds / "real")
    site.configure('[selection]\nmax_items = 3\n[[feeds]]\nname = "Mine"\ntopics = ["AI"]')
    site.publish()
    updated = "2026-03-01T12:30:00Z"
    site.seed("1.txt", number=1, title="Edited", updatedDateTime=updated)
    site.publish(NOW + HOUR)
    before = site.tree()
    shutil.rmtree(site.state.parent)
    report = site.publish(NOW + 2 * HOUR)
    assert (report.read, report.written, site.tree()) == (report.seeds, [], before)


def test_state_of_an_older_release_does_not_make_the_next_pass_a_first_one(site: Site) -> None:
    """What an upgrade cannot read of the last pass must not cost readers a late item."""
    site.configure("[selection]\nmax_items = 1")
    site.seed("new.txt", number=9)
    site.seed("late.txt", number=1, published=False)
    site.publish()
    with closing(sqlite3.connect(site.state, isolation_level=None)) as database:
        database.execute("UPDATE fact SET value = x'80' WHERE name = 'last'")
    site.seed("late.txt", number=1)
    site.publish(NOW + HOUR)
    assert site.titles() == ["Story 9", "Story 1"]


def test_dry_run_says_what_would_be_done_and_leaves_everything(site: Site) -> None:
    site.seed()
    would = site.publish(options=Options(dry_run=True))
    assert not site.out.exists()
    assert not site.state.exists()
    assert would.written == site.publish().written
    before = site.files()
    site.seed("a.txt", title="New")
    site.seed("b.txt", number=2, topics=["Cars"])
    seeds = site.files()
    would = site.publish(options=Options(dry_run=True))
    assert {**seeds, **before}.keys() == site.files().keys()
    assert site.files() == seeds
    assert would.written == site.publish().written


# Seeds that move, break and repeat each other


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("a/1.txt", "b/2.md", id="file"),
        pytest.param("a", "z", id="folder"),
    ],
)
def test_moved_seed_leaves_out_as_it_was(site: Site, old: str, new: str) -> None:
    site.seed("a/1.txt", number=1)
    site.seed("other.txt", number=2)
    site.publish()
    before = site.tree()
    (site.seeds / new).parent.mkdir(exist_ok=True)
    (site.seeds / old).rename(site.seeds / new)
    rendered, report = rendering(site, NOW + HOUR)
    assert (rendered, report.gone, report.read, site.tree()) == (0, 1, 1, before)
    # The story is still to be found when its feeds are rendered next.
    site.configure("[content]\nrelated = 0")
    assert rendering(site, NOW + DAY)[0] == 3
    assert site.tree() == before


def test_seed_that_turns_bad_stays_in_the_feeds_and_in_the_report(site: Site) -> None:
    site.seed()
    site.publish()
    before = site.tree()
    site.seed(quality=101, title="Bad")
    for later in (HOUR, DAY):
        report = site.publish(NOW + later)
        assert (report.bad, report.items) == (1, 1)
        assert [problem.field for problem in report.problems] == ["quality"]
        assert site.tree() == before
    site.seed(title="Mended")
    report = site.publish(NOW + 2 * DAY)
    assert (report.bad, report.problems, site.titles()) == (0, [], ["Mended"])


def test_duplicate_takes_over_when_the_other_goes(site: Site) -> None:
    better = site.seed("b.txt", quality=90, title="Better")
    site.seed("a.txt", title="Other")
    report = site.publish()
    assert [problem.path for problem in report.problems] == ["seeds/a.txt"]
    assert site.titles() == ["Better"]
    assert site.publish(NOW + HOUR).problems == report.problems
    better.unlink()
    report = site.publish(NOW + 2 * HOUR)
    assert (report.problems, site.titles()) == ([], ["Other"])


def test_seed_is_bad_for_one_reason_at_a_time(site: Site) -> None:
    """What was wrong with it before it grew too large is said no more."""
    site.write("a.txt", "---\ntitle: Bad\n---\n")
    site.seed("b.txt", number=2)
    assert len(site.publish().problems) > 1
    site.write("a.txt", "x" * (1024 * 1024 + 1))
    report = site.publish()
    assert (report.bad, [one.path for one in report.problems]) == (1, ["seeds/a.txt"])
    assert "1 MiB" in report.problems[0].reason


# Refusals


def test_pass_refuses_to_lose_most_stories_where_the_state_was_lost_too(site: Site) -> None:
    for number in range(40):
        site.seed(f"{'away' if number < 21 else 'here'}/{number}.txt", number=number)
    site.publish()
    before = site.tree()
    (site.seeds / "away").rename(site.root / "away")
    site.state.unlink()
    for _ in range(2):
        with pytest.raises(PublishError, match=r"only 19 stories .* 40 .*--allow-empty"):
            site.publish()
        assert site.tree() == before
    assert site.publish(options=Options(allow_empty=True)).items == 19
    assert site.publish().items == 19


def test_pass_refuses_to_empty_the_feeds_where_the_state_was_lost_too(site: Site) -> None:
    seed = site.seed()
    site.publish()
    before = site.tree()
    text = seed.read_bytes()
    seed.unlink()
    shutil.rmtree(site.state.parent)
    for _ in range(2):
        with pytest.raises(PublishError, match="--allow-empty"):
            site.publish()
        assert site.tree() == before
    site.write("a.txt", text)
    assert (site.publish().written, site.tree()) == ([], before)
    (site.seeds / "a.txt").unlink()
    shutil.rmtree(site.state.parent)
    assert site.publish(options=Options(allow_empty=True)).items == 0
    assert (site.titles(), site.publish().written) == ([], [])


def test_pass_that_another_for_another_out_overtakes_begins_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.seed()
    read = list[object]()

    def overtaken(run: Pass) -> Ahead:
        read.append(run)
        ahead = read_ahead(run)
        if len(read) == 1:
            publish_feeds(site.load().with_out(site.root / "other"), clock=lambda: NOW)
        return ahead

    monkeypatch.setattr(module, "read_ahead", overtaken)
    site.publish()
    assert len(read) == 3
    assert (site.root / "other/all.atom").read_bytes() == site.read("all.atom")


@pytest.mark.parametrize("command", ["export", "list"])
def test_state_that_is_damaged_once_more_when_it_is_new_ends_the_command(
    site: Site, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    site.seed()
    site.publish()
    tried = list[object]()

    def damaged(run: Pass) -> Ahead:
        tried.append(run)
        raise DamagedStateError("the disk is at its end")

    monkeypatch.setattr(module, "read_ahead", damaged)
    ran = site.run(command)
    assert ran.code == 3
    assert ran.err.splitlines()[-1] == (
        "feeds: cannot use a new state file, either: the disk is at its end"
    )
    assert len(tried) == 2
