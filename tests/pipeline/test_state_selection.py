"""The memos of the last pass on selection: each of use, and none kept for too long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from feeds.common.errors import DamagedManifestError
from feeds.common.reports import Callbacks
from feeds.pipeline import context, plan, run
from feeds.publish.manifest import MANIFEST
from feeds.store import Store
from tests.support.site import NOW, Site
from tests.support.spying import spy
from tests.support.two_stories import OF_SECOND_STORY, configured_in_turns, edit, two_stories

HOUR = timedelta(hours=1)


@pytest.fixture
def full(site: Site) -> Site:
    """A site that published two stories which share no feed but that of everything."""
    return two_stories(site)


# last


def test_last_saves_selection_in_a_pass_over_the_same_seeds(
    full: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = full.tree()
    chosen = spy(monkeypatch, run, "memberships")
    report = full.publish(NOW + HOUR)
    assert (chosen, report.written, full.tree()) == ([], [], before)
    assert report.unchanged == len(before) - 1  # all but the manifest


def test_last_saves_the_judgement_of_stories_that_did_not_change(
    full: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_judged = spy(monkeypatch, Store, "clear_memberships")
    edit(full, "Edited")
    full.publish(NOW + HOUR)
    assert all_judged == []


def test_judgement_of_all_stories_writes_no_history_that_is_the_same(
    full: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = spy(monkeypatch, Store, "remember")
    full.configure("[selection]\nmax_items = 1\n")
    full.publish(NOW + HOUR)
    assert [histories for _, histories in written if histories] == []


def test_last_is_cleared_by_another_configuration(full: Site) -> None:
    configured_in_turns(full, "[selection]\nmax_items = 1\n")


def test_last_is_cleared_by_another_template(full: Site) -> None:
    folder = full.root / "templates"
    folder.mkdir()
    full.configure('[paths]\ntemplates = "templates"\n')
    full.publish()
    (folder / "style.css").write_text("body { color: teal }")
    full.publish()
    assert full.read("assets/style.css") == b"body { color: teal }"
    assert full.documents() == full.fresh()


def test_last_is_cleared_by_another_release(full: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = spy(monkeypatch, run, "memberships")
    monkeypatch.setattr(context, "SELECTION_VERSION", 99)
    full.publish()
    assert len(chosen) == 1


def test_last_is_cleared_by_another_out_folder(full: Site) -> None:
    expected, home = full.documents(), full.out
    for folder in ("other", "out"):
        full.configure(f'[paths]\nout = "{folder}"\n')
        full.out = full.root / folder
        full.publish()
        assert full.documents() == expected
    assert full.out == home


def test_last_saves_the_files_of_this_out_folder_if_the_manifest_is_damaged(full: Site) -> None:
    before, told = full.documents(), list[str]()
    (full.out / MANIFEST).write_text("{")
    assert full.publish(NOW + HOUR, callbacks=Callbacks(warn=told.append)).written == []
    assert "was damaged. It is rebuilt from the state file" in "".join(told)
    assert full.documents() == before


def test_last_is_cleared_for_the_damaged_manifest_of_another_out_folder(full: Site) -> None:
    full.configure('[paths]\nout = "other"\n')
    (full.root / "other").mkdir()
    (full.root / "other" / MANIFEST).write_text("{")
    with pytest.raises(DamagedManifestError):  # nobody knows which files are ours
        full.publish()


def test_last_is_cleared_by_a_folder_of_that_name_elsewhere(full: Site) -> None:
    expected = full.documents()
    full.out.rename(full.root / "away")
    full.publish()
    assert full.documents() == expected


def test_last_is_cleared_once_a_story_is_due(full: Site) -> None:
    full.seed("c.txt", number=3, publishedDateTime="2026-03-01T13:00:00Z")
    full.publish()
    for minutes, titles in ((59, ["Story 2", "Story 1"]), (60, ["Story 3", "Story 2", "Story 1"])):
        now = NOW + timedelta(minutes=minutes)
        full.publish(now)
        assert full.titles() == titles
        assert full.documents() == full.fresh(now)


def test_last_is_cleared_once_a_story_expires(site: Site) -> None:
    site.configure('[selection]\nmax_age = "1h"\n')
    for number, minutes in enumerate((10, 20)):
        dated = f"2026-03-01T11:{minutes}:00Z"
        site.seed(f"{number}.txt", number=number, publishedDateTime=dated)
    for minutes, titles in (
        *((0, ["Story 1", "Story 0"]), (10, ["Story 1", "Story 0"]), (11, ["Story 1"])),
        *((20, ["Story 1"]), (21, [])),
    ):
        site.publish(NOW + timedelta(minutes=minutes))
        assert site.titles() == titles


def test_last_is_cleared_after_a_pass_in_the_last_second_of_a_story(site: Site) -> None:
    site.configure('[selection]\nmax_age = "1h"\n')
    site.seed(publishedDateTime="2026-03-01T11:00:00Z")
    site.publish(NOW)
    assert site.titles() == ["Story 1"]
    site.publish(NOW + timedelta(seconds=1))
    assert site.titles() == []


def test_last_is_cleared_by_a_clock_that_was_set_back(site: Site) -> None:
    site.configure('[selection]\nmax_age = "20d"\n')
    site.seed("a.txt", number=20)
    told = list[str]()
    for days, titles in ((0, ["Story 20"]), (30, []), (0, ["Story 20"])):
        site.publish(NOW + timedelta(days=days), callbacks=Callbacks(warn=told.append))
        assert site.titles() == titles
    assert "the clock says 2026-03-01" in "".join(told)


# repeated


def test_repeated_saves_the_look_for_ids_among_all_seeds(
    full: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = spy(monkeypatch, Store, "repeated_ids")
    edit(full, "Edited")
    full.publish(NOW + HOUR)
    assert [len(ids) for _, ids in asked] == [1]


def test_repeated_is_cleared_by_a_second_seed_and_by_its_end(full: Site) -> None:
    second = full.seed("z.txt", number=1, title="Again")
    assert [one.path for one in full.publish(NOW + HOUR).problems] == ["seeds/z.txt"]
    edit(full, "Edited")
    assert [one.path for one in full.publish(NOW + HOUR).problems] == ["seeds/z.txt"]
    second.unlink()
    assert full.publish(NOW + HOUR).problems == []
    assert sorted(full.titles()) == ["Edited", "Story 1"]


# missing


@pytest.fixture
def linking(site: Site) -> Site:
    """A site whose first story is good enough for one of its two topics alone."""
    site.configure("[selection]\nmin_quality = 80\n[topics.AI]\nmin_quality = 50\n")
    site.seed("a.txt", number=1, quality=60, topics=["AI", "Space"])
    add_better(site, "Story 2", "Bio", number=2)
    site.publish()
    return site


def add_better(site: Site, title: str, topic: str, number: int) -> None:
    """Writes a story of another provider that is good enough for its topic."""
    name, provider = f"{topic}.txt", {"name": "Other", "domain": "other.org"}
    site.seed(name, number=number, quality=95, topics=[topic], provider=provider, title=title)


def links_to_space(site: Site) -> bool:
    return b"topics/space.html" in site.read("topics/ai.html")


def test_missing_saves_the_look_at_feeds_that_name_a_topic_without_feed(
    linking: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = spy(monkeypatch, plan, "contents_of")
    for title in ("Edited", "Edited again"):
        add_better(linking, title, "Bio", number=2)
        linking.publish()
        assert sorted(feed.address for _, feed in looked) == OF_SECOND_STORY
        looked.clear()


def test_missing_is_cleared_by_a_topic_that_gets_a_feed(
    linking: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not links_to_space(linking)
    add_better(linking, "Story 3", "Space", number=3)
    linking.publish()
    assert links_to_space(linking)
    looked = spy(monkeypatch, plan, "contents_of")
    add_better(linking, "Edited", "Bio", number=2)
    linking.publish()
    assert sorted(feed.address for _, feed in looked) == OF_SECOND_STORY


def test_missing_is_cleared_by_a_provider_that_gets_a_feed_under_a_later_domain(
    site: Site,
) -> None:
    site.configure(
        '[providers."new.example"]\naliases = ["old.example"]\nexclude = true\n'
        '[[rules]]\ntopic = "Bio"\nprovider = "new.example"\nmin_quality = 80\n'
        '[[feeds]]\nname = "Space"\ncategories = ["Space"]\nmin_quality = 10\n'
    )
    old, new = ({"name": "News", "domain": f"{name}.example"} for name in ("old", "new"))
    site.seed("a.txt", number=1, quality=20, topics=["Bio"], provider=old, category="Space")
    add_better(site, "Story 3", "Bio", number=3)
    site.publish()
    assert site.titles("custom/space") == ["Story 1"]
    assert b"providers/new.example.html" not in site.read("custom/space.html")
    site.seed("b.txt", number=2, quality=90, topics=["Bio"], provider=new)
    site.publish()
    assert b"providers/new.example.html" in site.read("custom/space.html")
    assert site.documents() == site.fresh()
