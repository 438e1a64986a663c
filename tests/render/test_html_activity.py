"""How many stories a feed got in 30 days."""

from __future__ import annotations

import pytest

from feeds.common.model import Feed, FeedSummary
from feeds.common.times import DAY_S, recent_days
from feeds.render.html import activity_of, stories_a_day
from tests.support.rendering import RENDER_SITE

NEWEST = 20_000


def _summary(*ages: int, most: int = 50) -> FeedSummary:
    """Returns a feed with entries of these ages in days, the newest of them on day `NEWEST`."""
    times = [(NEWEST - age) * DAY_S + 5 for age in ages]
    feed = Feed("all", "all", "", "", "All", "", most)
    newest = max(times, default=None)
    return FeedSummary(feed, len(times), newest, newest, 0, 0, None, recent_days(times))


def test_recent_days_end_with_the_newest() -> None:
    assert _summary(0, 0, 2, 29, 30).days == (1, *[0] * 26, 1, 0, 2)
    assert _summary(400).days == (1,)
    assert recent_days([]) == ()


def test_activity_counts_30_days_up_to_the_newest_or_another_day() -> None:
    one = _summary(0, 0, 2, 29, 30)
    own = activity_of(RENDER_SITE, one)
    assert own is not None
    assert (own.entries, own.open, own.most) == (4, False, "4 October 2024")
    assert own.path == "M0 24v-12h3v12zM108 24v-12h3v12zM116 24v-24h3v24z"
    later = activity_of(RENDER_SITE, one, (NEWEST + 3) * DAY_S)
    assert later is not None
    assert later.entries == 3
    assert later.path == "M96 24v-12h3v12zM104 24v-24h3v24z"
    assert activity_of(RENDER_SITE, one, (NEWEST + 30) * DAY_S) is None
    assert activity_of(RENDER_SITE, _summary()) is None


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        pytest.param(_summary(0, 1, 2), 3 / 30, id="all of the month"),
        pytest.param(_summary(0, 1, 2, most=3), 3 / 3, id="full: three days"),
        pytest.param(_summary(0, 1, 40, most=3), 2 / 30, id="full, but of the month it holds all"),
    ],
)
def test_full_feed_is_judged_by_the_days_that_it_holds(one: FeedSummary, wanted: float) -> None:
    assert stories_a_day(one, NEWEST * DAY_S) == pytest.approx(wanted)


def test_activity_is_open_where_a_full_feed_holds_less_than_the_month() -> None:
    full = activity_of(RENDER_SITE, _summary(0, 1, 2, most=3))
    assert full is not None
    assert full.open
