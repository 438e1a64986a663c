"""Stories that lose their files in a mass stay until the files are back, or somebody says so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from feeds.common.reports import HeldReport, Options, PassReport
from tests.support.site import NOW, Site

HOUR = timedelta(hours=1)
CONFIG = "[selection]\nmax_items = 500\n"
AUGUST, REST = "2021/08", "2022"


@pytest.fixture
def full(site: Site) -> Site:
    """A published site: 24 stories in a folder, and 40 in another."""
    site.configure(CONFIG)
    fill(site, AUGUST, 24, first=0)
    fill(site, REST, 40, first=100)
    site.publish()
    return site


def fill(site: Site, folder: str, count: int, *, first: int) -> None:
    for number in range(first, first + count):
        site.seed(f"{folder}/{number}.md", number=number)


def held(report: PassReport) -> dict[str, int]:
    return {one.folder: one.stories for one in report.held}


def unmount(site: Site, folder: str = AUGUST) -> Path:
    """Takes away what is in a folder; returns where it is now."""
    away = site.root / "away"
    (site.seeds / folder).rename(away)
    (site.seeds / folder).mkdir()
    return away


def remount(site: Site, away: Path, folder: str = AUGUST) -> None:
    (site.seeds / folder).rmdir()
    away.rename(site.seeds / folder)


def test_unmounted_subfolder_keeps_its_stories_and_all_else_is_published(full: Site) -> None:
    away = unmount(full)
    before = full.titles()
    (full.seeds / REST / "100.md").unlink()
    full.seed(f"{REST}/101.md", number=101, title="Edited")
    fill(full, "new", 3, first=200)
    report = full.publish(NOW + HOUR)
    assert held(report) == {"seeds/2021/08": 24}
    assert (report.gone, report.items) == (1, 66)
    titles = set(full.titles())
    assert {"Edited", "Story 200"} <= titles
    assert set(before) - titles == {"Story 100", "Story 101"}
    for hours in (2, 3):
        tree = full.tree()
        report = full.publish(NOW + hours * HOUR)
        assert (held(report), report.gone, report.written) == ({"seeds/2021/08": 24}, 0, [])
        assert full.tree() == tree
    remount(full, away)
    report = full.publish(NOW + 4 * HOUR)
    assert (report.held, report.gone, report.written) == ([], 0, [])


def test_removal_stays_pending_when_the_folder_fills_again(full: Site) -> None:
    """However small a part of the folder it becomes, nobody said that it was meant."""
    unmount(full)
    full.publish()
    fill(full, AUGUST, 60, first=300)
    for _ in range(2):
        assert held(full.publish()) == {"seeds/2021/08": 24}
    assert "Story 0" in full.titles()


def test_small_deletion_beside_a_pending_removal_goes(full: Site) -> None:
    unmount(full)
    full.publish()
    (full.seeds / REST / "100.md").unlink()
    report = full.publish()
    assert (report.gone, held(report)) == (1, {"seeds/2021/08": 24})
    assert "Story 100" not in full.titles()


def test_removals_one_after_the_other_are_all_pending(full: Site) -> None:
    unmount(full)
    full.publish()
    shutil.rmtree(full.seeds / REST)
    assert held(full.publish()) == {"seeds/2021/08": 24, "seeds/2022": 40}
    assert len(full.titles()) == 64


@pytest.mark.parametrize("fully", [False, True])
def test_pending_removal_happens_once_it_is_allowed(full: Site, *, fully: bool) -> None:
    unmount(full)
    full.publish()
    report = full.publish(options=Options(allow_empty=True, full=fully))
    assert (report.gone, report.held) == (24, [])
    assert len(full.titles()) == 40
    report = full.publish()
    assert (report.gone, report.held, report.written) == (0, [], [])


def test_problems_of_seeds_without_files_are_told_no_more(full: Site) -> None:
    full.write(f"{AUGUST}/0.md", "bad now")
    assert full.publish().bad == 1
    away = unmount(full)
    report = full.publish()
    assert (held(report), report.bad, report.problems) == ({"seeds/2021/08": 24}, 0, [])
    remount(full, away)
    assert full.publish().bad == 1


def test_dry_run_allows_nothing(full: Site) -> None:
    unmount(full)
    options = Options(allow_empty=True, dry_run=True)
    assert full.publish(options=options).gone == 24
    assert held(full.publish()) == {"seeds/2021/08": 24}


def rename(site: Site) -> None:
    (site.seeds / AUGUST).rename(site.seeds / "august")


def rename_all(site: Site) -> None:
    (site.seeds / "2021").rename(site.seeds / "z")
    (site.seeds / REST).rename(site.seeds / "a")


def flatten(site: Site) -> None:
    for path in (site.seeds / AUGUST).iterdir():
        path.rename(site.seeds / f"flat-{path.name}")


@pytest.mark.parametrize("action", [rename, rename_all, flatten])
def test_renamed_folder_trips_nothing(full: Site, action: Callable[[Site], None]) -> None:
    before = full.tree()
    action(full)
    report = full.publish(NOW + HOUR)
    assert (report.held, report.written) == ([], [])
    assert full.tree() == before


def test_files_that_come_back_elsewhere_end_what_is_pending(full: Site) -> None:
    away = unmount(full)
    full.publish()
    away.rename(full.seeds / "elsewhere")
    report = full.publish()
    assert (report.held, report.gone, report.items) == ([], 24, 64)


def test_some_files_that_come_back_leave_the_others_pending(full: Site) -> None:
    away = unmount(full)
    full.publish()
    for number in range(10):
        (away / f"{number}.md").rename(full.seeds / AUGUST / f"{number}.md")
    assert held(full.publish()) == {"seeds/2021/08": 14}


@pytest.mark.parametrize(
    ("share", "count"), [("0.5", 12), ("1.0", 24)], ids=["a small part", "never asked"]
)
def test_deletion_that_is_allowed_goes_at_once(full: Site, share: str, count: int) -> None:
    full.configure(f"[paths]\nmax_gone = {share}\n{CONFIG}")
    for number in range(count):
        (full.seeds / AUGUST / f"{number}.md").unlink()
    assert (full.publish().gone, len(full.titles())) == (count, 64 - count)


def test_folder_of_the_configuration_that_ran_empty_keeps_its_few_stories(site: Site) -> None:
    site.configure('[paths]\nseeds = ["seeds/one", "seeds/two"]')
    first = site.seed("one/a.txt", number=1)
    site.seed("two/b.txt", number=2)
    site.publish()
    first.unlink()
    site.seed("two/b.txt", number=2, title="Edited")
    assert held(site.publish()) == {"seeds/one": 1}
    assert sorted(site.titles()) == ["Edited", "Story 1"]
    # Taken out of the configuration, it was meant.
    site.configure('[paths]\nseeds = ["seeds/two"]')
    assert (site.publish().held, site.titles()) == ([], ["Edited"])


def test_all_seeds_gone_leave_the_feeds_as_they_were_until_told(full: Site) -> None:
    before = full.documents()
    shutil.rmtree(full.seeds)
    full.seeds.mkdir()
    assert held(full.publish()) == {"seeds": 64}
    assert full.documents() == before
    assert full.publish(options=Options(allow_empty=True)).gone == 64
    assert full.titles() == []


def test_export_and_status_tell_of_it_and_other_commands_see_the_stories(full: Site) -> None:
    unmount(full)
    ran = full.run("export")
    pending = str(HeldReport("seeds/2021/08", 24))
    assert ran.code == 0
    assert pending in ran.err
    assert "--allow-empty" in pending
    status = full.run("status")
    assert f"pending    {pending}" in status.out
    (report,) = full.run("status", "--json").report()["last_pass"]["held"]
    assert report == {"folder": "seeds/2021/08", "stories": 24}
    assert "in:  quality 70" in full.run("explain", "https://news.example.com/stories/3").out
    assert full.run("list", "--json").report()[0]["entries"] == 64
    assert full.run("export", "--strict").code == 1
    assert pending not in full.run("export", "--allow-empty", "--strict").err
    assert "pending" not in full.run("status").out
    assert full.run("export", "--json").report()["held"] == []
