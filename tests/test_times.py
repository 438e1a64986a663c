"""feeds.times: dates and durations in and out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feeds.times import (
    from_unix,
    parse_date,
    parse_duration,
    rfc3339,
    show_duration,
    show_time,
    to_unix,
)

_LONDON = ZoneInfo("Europe/London")
_ZONES = [UTC, _LONDON, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("America/St_Johns")]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2021-08-19T11:58:00Z", "2021-08-19T11:58:00Z"),
        ("2021-08-19T11:58Z", "2021-08-19T11:58:00Z"),
        ("2021-08-19T11:58:00+02:00", "2021-08-19T09:58:00Z"),
        ("2021-08-19T11:58:00-0330", "2021-08-19T15:28:00Z"),
        ("2021-08-19T11:58:00.999999Z", "2021-08-19T11:58:00Z"),
        ("2021-08-19T11:58:00,5Z", "2021-08-19T11:58:00Z"),
        ("20210819T115800Z", "2021-08-19T11:58:00Z"),
        ("2021-W33-4T11:58Z", "2021-08-19T11:58:00Z"),
        ("2021-231T11:58Z", "2021-08-19T11:58:00Z"),
        ("2021-08-19T24:00Z", "2021-08-20T00:00:00Z"),
        (" 2021-08-19 11:58 ", "2021-08-19T10:58:00Z"),
        ("2021-08-19", "2021-08-18T23:00:00Z"),
        ("2021-01-19T11:58", "2021-01-19T11:58:00Z"),
        ("2021", "2021-01-01T00:00:00Z"),
        ("2021-08-19t11:58:00z", "2021-08-19T11:58:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60.75Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T18:59:60-05:00", "2017-01-01T00:00:00Z"),
        ("2017-01-01 05:29:60+05:30", "2017-01-01T00:00:00Z"),
        ("20161231T235960Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60", "2017-01-01T00:00:00Z"),
        pytest.param("2021-10-31T01:30", "2021-10-31T00:30:00Z", id="twice-on-the-clock: first"),
        pytest.param("2021-03-28T01:30", "2021-03-28T01:30:00Z", id="skipped-by-the-clock"),
    ],
)
def test_date_is_read_as_utc_and_without_a_zone_in_the_zone_of_the_site(
    text: str, wanted: str
) -> None:
    time = parse_date(text, _LONDON)
    assert time is not None
    assert time.tzinfo is UTC
    assert rfc3339(time) == wanted


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "10", "today", "null", "19.08.2021", "08/19/2021", "19 Aug 2021", "1629374280"),
        *("2021-13-01", "2021-02-29", "2021-08-19T25:00Z", "2021-08-19T11:60Z", "0000-01-01"),
        *("2021-08-19T11:58:00+25:00", "2021-08-19T11:58:00+99:99", "2021-08-19T11:58:00 GMT"),
        *("2021-08-19T11:58:00ZZ", "+2021-08-19", "２０２１-08-19", "2021-08-19T", "\ud800"),
        *(
            "2016-12-31T23:59:61Z",
            "2016-12-31T23:60Z",
            "2016-12-31T23:60:60Z",
            "2016-12-31T24:00:60Z",
        ),
        *("1612137600000", "1629374280000", "1629374280000000", "-1629374280", "1629374280.5"),
        *("20210819115800", "2021-08-19_11:58", "2021-08-19-11:58", "2021-08-19x11:58", "20210"),
        *(
            "9999-12-31T23:59:60Z",
            "0001-01-01T00:00+23:00",
            "9999-12-31T23:59-23:00",
            "99999-01-01",
            "2021-08-19\x00",
        ),
    ],
)
def test_date_that_is_none_is_refused(text: str) -> None:
    assert parse_date(text, UTC) is None


@settings(deadline=None, max_examples=300)
@given(st.integers(100_000_000, 10**19))
def test_date_is_never_a_number_of_seconds_or_parts_of_seconds(number: int) -> None:
    assert parse_date(str(number), UTC) is None


@settings(deadline=None, max_examples=150)
@example(text="0001-01-01", zone=_ZONES[2])
@example(text="9999-12-31T23:59:59", zone=_ZONES[3])
@given(
    text=st.text()
    | st.text(alphabet="0123456789-:TZ+.,W ", max_size=30)
    | st.datetimes().map(datetime.isoformat),
    zone=st.sampled_from(_ZONES),
)
def test_date_of_any_text_is_whole_seconds_in_utc_or_none(text: str, zone: ZoneInfo) -> None:
    time = parse_date(text, zone)
    if time is not None:
        assert (time.tzinfo, time.microsecond) == (UTC, 0)
        assert parse_date(rfc3339(time), zone) == time
        assert from_unix(to_unix(time)) == time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("90s", 90),
        ("15m", 900),
        ("48h", 172_800),
        ("365d", 31_536_000),
        ("2w", 1_209_600),
        (" 1 H ", 3600),
        ("007s", 7),
    ],
)
def test_duration_is_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "15", "m", "-1m", "1.5h", "1h30m", "1y", "1 0m", "１m", "1m\n1m", "9" * 10 + "s"]
)
def test_duration_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r'wanted a duration such as "90s"'):
        parse_duration(text)


def test_duration_beyond_what_python_counts_is_refused() -> None:
    with pytest.raises(ValueError, match="none as long"):
        parse_duration("999999999w")


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=10**9 - 1))
def test_duration_shown_is_read_back(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(show_duration(duration)) == duration


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0s"), (90, "90s"), (900, "15m"), (172_800, "2d"), (90_000, "25h")]
)
def test_duration_is_shown_in_its_largest_whole_unit(seconds: int, shown: str) -> None:
    assert show_duration(timedelta(seconds=seconds)) == shown


def test_time_is_shown_to_people_and_to_machines() -> None:
    time = datetime(2021, 8, 9, 7, 5, 3, tzinfo=UTC)
    assert show_time(time) == "2021-08-09 07:05 UTC"
    assert rfc3339(time) == "2021-08-09T07:05:03Z"
    assert to_unix(time) == 1_628_492_703


def test_unix_time_before_1970_and_after_2038_is_no_exception() -> None:
    for time in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)):
        assert from_unix(to_unix(time)) == time
