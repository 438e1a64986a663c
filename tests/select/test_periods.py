"""When the periods of digests end, also where clocks are set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.common.times import from_unix, to_unix
from feeds.config.feed_tables import DigestFeed
from feeds.select.periods import ended_periods, last_day, next_end
from tests.support.site import made


def _digest(**keys: Any) -> DigestFeed:
    return made(DigestFeed, {"name": "D", **keys})


def _ends(zone: str, start: str, count: int, **keys: Any) -> list[str]:
    """Returns when the next periods end, in UTC."""
    after, found = to_unix(datetime.fromisoformat(start).replace(tzinfo=UTC)), []
    for _ in range(count):
        after = next_end(_digest(**keys), zone, after)
        found.append(f"{from_unix(after):%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("zone", "start", "keys", "wanted"),
    [
        pytest.param(
            *("UTC", "2021-06-01T07:00", {"at": "07:00"}, ["06-02 07:00", "06-03 07:00"]), id="day"
        ),
        pytest.param(
            *("Europe/London", "2026-03-28T00:00", {"at": "07:00"}),
            *(["03-28 07:00", "03-29 06:00", "03-30 06:00"],),
            id="23 hours",
        ),
        pytest.param(
            *("Europe/London", "2026-10-24T08:00", {"at": "07:00"}, ["10-25 07:00"]), id="25 hours"
        ),
        pytest.param(
            *("Europe/London", "2026-03-28T02:00", {"at": "01:30"}, ["03-29 01:30", "03-30 00:30"]),
            id="a time that does not come",
        ),
        pytest.param(
            *("Europe/London", "2026-10-24T02:00", {"at": "01:30"}, ["10-25 00:30", "10-26 01:30"]),
            id="a time that comes twice",
        ),
        pytest.param(
            *("Asia/Kathmandu", "2021-06-01T00:00", {"every": "week", "at": "00:00"}),
            *(["06-06 18:15", "06-13 18:15"],),
            id="Mondays by default",
        ),
        pytest.param(
            *("UTC", "2021-06-01T00:00", {"every": "week", "on": "fri", "at": "17:00"}),
            *(["06-04 17:00", "06-11 17:00"],),
            id="Fridays",
        ),
    ],
)
def test_periods_end_by_the_clock_on_the_wall(
    zone: str, start: str, keys: dict[str, Any], wanted: list[str]
) -> None:
    assert _ends(zone, start, len(wanted), **keys) == wanted


@given(
    st.integers(0, 2_000_000_000),
    st.integers(0, 40 * 86_400),
    st.sampled_from(["UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe"]),
    st.sampled_from([{}, {"at": "01:30"}, {"every": "week"}, {"max_items": 2}]),
)
def test_periods_follow_one_another_up_to_now(
    last: int, later: int, zone: str, keys: dict[str, Any]
) -> None:
    digest, now = _digest(**keys), last + later
    periods = list(ended_periods(digest, zone, last, now))
    starts = [start for start, _ in periods]
    assert [end for _, end in periods[:-1]] == starts[1:]
    assert all(start < end <= now < next_end(digest, zone, now) for start, end in periods)
    assert not periods or next_end(digest, zone, periods[-1][1]) > now
    days = 7 if keys.get("every") else 1
    if later <= (digest.max_items or 0) * days * 86_400:
        assert not periods or starts[0] == last
    assert bool(periods) == (next_end(digest, zone, last) <= now)


def test_a_feed_begins_with_as_many_periods_as_it_shows() -> None:
    now = to_unix(datetime(2021, 6, 1, 12, tzinfo=UTC))
    periods = list(ended_periods(_digest(max_items=5), "UTC", None, now))
    assert periods[-1][1] == now - 5 * 3600
    assert 5 <= len(periods) <= 7


@pytest.mark.parametrize(("hours", "day"), [(0, "2021-05-31"), (7, "2021-06-01")])
def test_a_digest_is_named_by_the_day_of_its_last_moment(hours: int, day: str) -> None:
    end = datetime(2021, 6, 1, tzinfo=UTC) + timedelta(hours=hours)
    assert last_day("UTC", to_unix(end)).isoformat() == day
