"""Nothing missed, nothing twice: what readers are shown of a site, pass after pass."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.site import NOW, Site

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EXPOSED = '[selection]\nmax_items = {}\nexposure = "48h"'

# Nothing missed


def test_late_item_is_shown_for_the_exposure_and_no_longer(site: Site) -> None:
    site.configure(EXPOSED.format(2))
    for number in (20, 21):
        site.seed(f"{number}.txt", number=number)
    site.seed("draft.txt", number=1, published=False)
    site.seed("poor.txt", number=2, quality=39)
    site.publish()
    assert site.titles() == ["Story 21", "Story 20"]
    site.seed("draft.txt", number=1)
    site.seed("poor.txt", number=2, quality=40)
    for later, shown in [(HOUR, [2, 1]), (49 * HOUR, [2, 1]), (49 * HOUR + SECOND, [])]:
        site.publish(NOW + later)
        assert site.titles() == [f"Story {number}" for number in (21, 20, *shown)]
    # And whatever comes then, it does not come back.
    site.seed("other.txt", number=3, topics=["Cars"])
    site.publish(NOW + 60 * HOUR)
    assert site.titles() == ["Story 21", "Story 20", "Story 3"]


@pytest.mark.parametrize(
    "away",
    [
        pytest.param({"published": False}, id="unpublished"),
        pytest.param({"quality": 39}, id="below the threshold"),
        pytest.param({}, id="deleted"),
    ],
)
def test_item_withdrawn_before_anyone_saw_it_is_shown_when_it_comes_again(
    site: Site, away: dict[str, Any]
) -> None:
    """Published by mistake for one pass: the readers who missed that must not miss the story."""
    site.configure(EXPOSED.format(1))
    site.seed("new.txt", number=9)
    site.publish()
    seed = site.seed("late.txt", number=1)
    site.publish(NOW + HOUR)
    if away:
        site.seed("late.txt", number=1, **away)
    else:
        seed.unlink()
    site.publish(NOW + 2 * HOUR)
    assert site.titles() == ["Story 9"]
    site.seed("late.txt", number=1)
    site.publish(NOW + 7 * DAY)
    assert site.titles() == ["Story 9", "Story 1"]


def test_item_given_another_provider_is_shown_to_the_readers_of_that(site: Site) -> None:
    site.configure(EXPOSED.format(1))
    site.seed("new.txt", number=9)
    site.seed("late.txt", number=1, provider={"domain": "wrong.org"})
    site.publish()
    site.seed("late.txt", number=1)
    for later, shown in [(7 * DAY, ["Story 9", "Story 1"]), (9 * DAY + SECOND, ["Story 9"])]:
        site.publish(NOW + later)
        assert site.titles("providers/example.com") == shown


def test_first_pass_shows_what_qualified_lately_and_floods_nobody(site: Site) -> None:
    site.configure(EXPOSED.format(1))
    for hours in (0, 1, 48, 49):
        date = (NOW - hours * HOUR).isoformat()
        site.seed(f"{hours}.txt", number=hours, title=f"{hours} h", publishedDateTime=date)
    site.publish()
    assert site.titles() == ["0 h", "1 h", "48 h"]


def test_future_item_comes_in_its_time(site: Site) -> None:
    site.seed("a.txt", number=1)
    site.seed("b.txt", number=2, publishedDateTime=(NOW + HOUR).isoformat())
    for later, shown in [(timedelta(0), [1]), (HOUR - SECOND, [1]), (HOUR, [2, 1])]:
        site.publish(NOW + later)
        assert site.titles() == [f"Story {number}" for number in shown]


def test_bulk_import_says_how_many_found_no_room(site: Site) -> None:
    site.configure("[selection]\nmax_items = 1\nmax_exposed = 2")
    site.seed("first.txt", number=20)
    site.publish()
    for number in range(5):
        site.seed(f"{number}.txt", number=number)
    report = site.publish(NOW + HOUR)
    assert {(one.entries, one.exposed, one.left_out) for one in report.feeds} == {(3, 2, 3)}
    report = site.publish(NOW + 2 * HOUR)
    assert {(one.entries, one.exposed, one.left_out) for one in report.feeds} == {(3, 2, 3)}


# Nothing twice

IMAGE = {"url": "https://img.example.com/1.jpg", "isCached": True}


@pytest.mark.parametrize(
    ("changes", "moves"),
    [
        pytest.param({"title": "New"}, True, id="title"),
        pytest.param({"excerpt": "New."}, True, id="excerpt"),
        pytest.param({"body": "New *body*."}, True, id="body"),
        pytest.param({"webUrl": "https://www.example.com/new"}, True, id="link"),
        pytest.param(
            {"images": [{**IMAGE, "url": "https://img.example.com/2.jpg"}]}, True, id="image"
        ),
        pytest.param({"images": [{**IMAGE, "isCached": False}]}, True, id="image gone"),
        pytest.param({"quality": 99}, False, id="quality"),
        pytest.param({"heat": 99}, False, id="heat"),
        pytest.param({"updatedDateTime": "2026-03-01T11:00:00Z"}, False, id="updatedDateTime"),
        pytest.param({"publishedDateTime": "2026-02-20T00:00:00Z"}, False, id="publishedDateTime"),
        pytest.param({"topics": ["AI", "Cars"]}, False, id="topics"),
        pytest.param({"tags": ["x"], "type": "Video", "category": "Y"}, False, id="tags"),
        pytest.param(
            {"related": [{"title": "R", "webUrl": "https://r.org/", "quality": 9}]},
            False,
            id="related",
        ),
        pytest.param({"title": " Story  1 "}, False, id="white space in the title"),
    ],
)
def test_edit_moves_updated_only_where_a_reader_would_care(
    site: Site, changes: dict[str, Any], *, moves: bool
) -> None:
    seed: dict[str, Any] = {"images": [IMAGE], "body": "Body."}
    site.seed(**seed)
    site.publish()
    ((_, before),) = site.entries().items()
    site.seed(**(seed | changes))
    for later in (HOUR, DAY, 99 * DAY):
        site.publish(NOW + later)
        ((_, (published, updated)),) = site.entries().items()
        assert published == before[0] == "2026-02-02T08:00:00Z"
        assert updated == ("2026-03-01T13:00:00Z" if moves else before[1])


@pytest.mark.parametrize(
    ("date", "updated"),
    [
        pytest.param("2026-03-01T12:30:00Z", "2026-03-01T12:30:00Z", id="newer"),
        pytest.param("2026-01-01T00:00:00Z", "2026-03-01T13:00:00Z", id="older"),
        pytest.param("2026-03-01T13:00:01Z", "2026-03-01T13:00:00Z", id="in the future"),
        pytest.param("2026-03-01T14:00:00+01:00", "2026-03-01T13:00:00Z", id="of another zone"),
    ],
)
def test_edit_is_dated_by_the_seed_where_it_knows(site: Site, date: str, updated: str) -> None:
    site.seed()
    site.publish()
    site.seed(title="New", updatedDateTime=date)
    site.publish(NOW + HOUR)
    assert site.entries() == {"New": ("2026-02-02T08:00:00Z", updated)}
    site.publish(NOW + DAY)
    assert site.entries()["New"][1] == updated


@pytest.mark.parametrize("away", [{"published": False}, None], ids=["unpublished", "deleted"])
def test_withdrawn_item_comes_back_updated(site: Site, away: dict[str, Any] | None) -> None:
    seed = site.seed()
    site.seed("other.txt", number=2)
    site.publish()
    ((published, _),) = (dates for title, dates in site.entries().items() if title == "Story 1")
    if away is None:
        seed.unlink()
    else:
        site.seed(**away)
    site.publish(NOW + HOUR)
    site.seed(publishedDateTime="2026-03-01T12:45:00Z")
    site.publish(NOW + DAY)
    assert site.entries()["Story 1"] == (published, "2026-03-01T12:45:00Z")


def test_item_that_fell_below_the_threshold_comes_back_as_it_was(site: Site) -> None:
    site.seed("other.txt", number=2)
    site.seed()
    site.publish()
    before = site.tree()
    site.seed(quality=39)
    site.publish(NOW + HOUR)
    assert site.titles() == ["Story 2"]
    site.seed(publishedDateTime="2026-03-01T12:45:00Z")
    site.publish(NOW + DAY)
    assert site.entries().keys() == {"Story 2", "Story 1"}
    assert {name: data for name, (data, _) in site.tree().items()} == {
        name: data for name, (data, _) in before.items()
    }
