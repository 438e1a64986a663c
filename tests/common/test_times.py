"""feeds.common.times: dates and durations in and out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, formatdate
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feeds.common.times import (
    LATEST,
    LONGEST_REST,
    from_unix,
    http_date,
    mail_date,
    parse_date,
    parse_duration,
    parse_http_date,
    retry_after,
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


@given(st.integers(100_000_000, 10**19))
def test_date_is_never_a_number_of_seconds_or_parts_of_seconds(number: int) -> None:
    assert parse_date(str(number), UTC) is None


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


# 2015-10-21 07:28:00 UTC, the date in the examples of RFC 9110.
_THEN = 1445412480


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 120\t", 120),
        ("0000000000120", 120),
        ("86401", LONGEST_REST),
        ("9" * 5000, LONGEST_REST),
        ("Wed, 21 Oct 2015 07:30:00 GMT", 120),
        ("Wednesday, 21-Oct-15 07:30:00 GMT", 120),
        ("Wed Oct 21 07:30:00 2015", 120),
        ("Sun Nov  1 07:28:00 2015", LONGEST_REST),
        ("wed, 21 oct 2015 07:30:00 gmt", 120),
        ("Wed, 21 Oct 2015 07:28:60 GMT", 60),
        ("Wed, 21 Oct 2015 07:00:00 GMT", 0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0),
        ("Thursday, 21-Oct-65 07:28:00 GMT", LONGEST_REST),
        ("Wed, 21 Oct 2099 07:28:00 GMT", LONGEST_REST),
        ("Fri, 31 Dec 9999 24:00:00 GMT", None),
        ("Mon, 01 Jan 0000 00:00:00 GMT", None),
        ("", None),
        ("-5", None),
        ("+5", None),
        ("1.5", None),
        ("1e3", None),
        ("soon", None),
        ("\u00b2", None),
        ("\u0663", None),
        ("120, 120", None),
        ("Wed, 99 Oct 2015 07:30:00 GMT", None),
        ("Wed, 21 Oct 2015 07:99:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_in_bounds(value: str, seconds: int | None) -> None:
    assert retry_after(value, _THEN) == seconds


@given(
    st.text(max_size=40)
    | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT", fullmatch=True)
    | st.builds(
        "Wed, {} Oct {} {}:00:{} {}".format,
        st.integers(0, 40),
        st.integers(0, 10**6),
        st.integers(0, 30),
        st.integers(0, 70),
        st.sampled_from(["GMT", "+9999", "-0000", "EST", ""]),
    ),
    st.integers(0, 10**11),
)
def test_retry_after_of_any_text_at_any_time_is_in_bounds(value: str, now: int) -> None:
    seconds = retry_after(value, now)
    assert seconds is None or 0 <= seconds <= LONGEST_REST


@given(st.integers(-(2**31), 2**32), st.integers(-49, 49))
def test_http_date_is_read_in_all_its_forms(seconds: int, years: int) -> None:
    time = from_unix(seconds)
    now = datetime(time.year + years, 6, 1, tzinfo=UTC)
    names = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    month, clock = names[time.month - 1], f"{time:%H:%M:%S}"
    for text in (
        f"Sun, {time.day:02} {month} {time.year} {clock} GMT",
        f"Sunday, {time.day:02}-{month}-{time.year % 100:02} {clock} GMT",
        f"Sun {month} {time.day:2} {clock} {time.year}",
    ):
        assert parse_http_date(text, now) == time


@given(st.integers(0, LATEST))
@example(0)
@example(LATEST)
def test_dates_of_mail_and_http_are_those_of_the_standard_library(unix: int) -> None:
    assert mail_date(from_unix(unix)) == format_datetime(from_unix(unix))
    assert http_date(unix) == formatdate(unix, usegmt=True)
