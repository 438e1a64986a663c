"""Clocks that jump: out/ stays whole, people are told, and all is well once the clock is right."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from feeds.common.reports import Callbacks
from tests.support.site import NOW, Site

YEARS = timedelta(days=4000)
JUMPS = [-YEARS, -timedelta(hours=1), timedelta(hours=1), YEARS]


def fill_seeds(site: Site, edition: int = 0) -> None:
    """Writes six seeds; each edition is dated an hour after the one before."""
    for number in range(6):
        site.seed(
            f"{number}.txt",
            number=number,
            title=f"Story {number}, edition {edition}",
            updatedDateTime=f"2026-02-28T{edition:02}:00:00Z",
            topics=["AI", f"Topic {number % 3}"],
        )


def shown(site: Site) -> dict[str, datetime]:
    """Returns the entries of the feed of everything: when each was last changed, by title."""
    items = json.loads(site.read("all.json"))["items"]
    return {item["title"]: datetime.fromisoformat(item["date_modified"]) for item in items}


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_clock_that_jumps_and_comes_back_leaves_documents_as_they_were(
    site: Site, jump: timedelta
) -> None:
    fill_seeds(site)
    site.publish()
    before = site.tree()
    for minutes in (0, 10):
        site.publish(NOW + jump + timedelta(minutes=minutes))
        assert site.tree() == before
    site.publish(NOW + timedelta(minutes=30))
    assert site.tree() == before


def test_clock_that_was_set_back_is_named_in_a_warning(site: Site) -> None:
    warnings: list[str] = []
    fill_seeds(site)
    site.publish()
    site.publish(NOW - YEARS, callbacks=Callbacks(warn=warnings.append))
    assert any("clock" in text for text in warnings)
    assert any("2026-03-01" in text for text in warnings)


@pytest.mark.parametrize("jump", JUMPS[1:3], ids=str)
def test_clock_that_jumps_an_hour_does_not_leave_its_time_in_documents(
    site: Site, jump: timedelta
) -> None:
    site.seed("a.txt", number=1)
    site.publish()
    site.seed("a.txt", number=1, title="Edited without a date")
    site.publish(NOW + jump)
    site.publish(NOW + timedelta(hours=2))
    (updated,) = shown(site).values()
    assert datetime(2026, 2, 2, 8, tzinfo=NOW.tzinfo) < updated <= NOW + timedelta(hours=2)


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_clock_that_jumps_does_not_expose_late_items_for_ever(site: Site, jump: timedelta) -> None:
    site.configure("[selection]\nmax_items = 1\n")
    site.seed("a.txt", number=1, published=False)
    site.seed("b.txt", number=2)
    site.publish()
    site.seed("a.txt", number=1)
    site.publish(NOW + jump)
    site.publish(NOW + timedelta(hours=2))
    assert "Story 2" in shown(site)
    site.publish(NOW + timedelta(hours=60))
    assert set(shown(site)) == {"Story 2"}


def test_clock_that_jumps_all_the_time_loses_no_item_and_moves_no_date(site: Site) -> None:
    fill_seeds(site)
    site.publish()
    for edition, jump in enumerate([*JUMPS, *reversed(JUMPS)], 1):
        fill_seeds(site, edition)
        site.publish(NOW + jump)
    site.publish(NOW + timedelta(hours=3))
    assert site.documents() == site.fresh(NOW + timedelta(hours=3))


def test_clock_that_was_years_ahead_does_not_hide_later_edits(site: Site) -> None:
    site.seed(title="First")
    site.publish()
    site.seed(title="Under a wrong clock")
    site.publish(NOW + timedelta(days=3650))
    told = site.entries()["Under a wrong clock"][1]
    for number in range(1, 4):
        site.seed(title=f"Edit {number}")
        site.publish(NOW + timedelta(days=number))
        before, told = told, site.entries()[f"Edit {number}"][1]
        one = timedelta(seconds=1)
        assert datetime.fromisoformat(told) == datetime.fromisoformat(before) + one


def test_clock_before_1970_and_after_9999_leaves_dates_that_can_be_written(site: Site) -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    site.seed(title="First", updatedDateTime="9999-12-31T23:59:59Z")
    for number in range(3):
        site.seed(title=f"Edit {number}", updatedDateTime="9999-12-31T23:59:59Z")
        site.publish(last)
    assert site.entries()["Edit 2"][1].startswith("9999-12-31T23:59:59")
