"""The rules of HTTP for codings, types, conditions and ranges, in tables and without a socket."""

from __future__ import annotations

import itertools
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.common.times import from_unix, http_date, parse_http_date
from feeds.serve.messages import Request
from feeds.serve.negotiation import (
    CODINGS,
    allows_range,
    byte_range,
    choose_coding,
    condition_status,
    is_browser,
    listed_tags,
    weighted,
)
from tests.support.serving import BROWSERS, READERS

DATE = 1_700_000_000
SAME, EARLIER, LATER = (formatdate(DATE + change, usegmt=True) for change in (0, -9, 9))


# Preferences


@pytest.mark.parametrize(
    ("header", "members"),
    [
        ("", []),
        (",, ,", []),
        ("a", [("a", 1.0)]),
        ("A, b;q=0.5", [("a", 1.0), ("b", 0.5)]),
        ("a;q=0", [("a", 0.0)]),
        ("a; q = 0.25", [("a", 0.25)]),
        ("a;level=1;q=0.3", [("a", 0.3)]),
        ("a;Q=1.000", [("a", 1.0)]),
        ("a;q=1.001", [("a", 0.0)]),
        ("a;q=0.1234", [("a", 0.0)]),
        ("a;q=-1", [("a", 0.0)]),
        ("a;q=", [("a", 0.0)]),
        ("a;q", [("a", 0.0)]),
        ("a;", [("a", 1.0)]),
    ],
)
def test_weights_are_those_of_the_members(header: str, members: list[tuple[str, float]]) -> None:
    assert weighted(header) == members


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (None, ""),
        ("", ""),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip, br, zstd", "br"),
        ("gzip, zstd", "zstd"),
        ("br;q=0.5, gzip", "gzip"),
        ("br;q=0.5, gzip;q=0.5", "br"),
        ("*", "br"),
        ("br;q=0, *", "zstd"),
        ("*;q=0.1, gzip", "gzip"),
        ("identity", ""),
        ("identity, gzip", "gzip"),
        ("identity, gzip;q=0.9", ""),
        ("gzip;q=0", ""),
        ("gzip;q=0.00", ""),
        ("gzip;q=0.001", "gzip"),
        ("deflate", ""),
        ("identity;q=0", None),
        ("identity;q=0, gzip", "gzip"),
        ("*;q=0", None),
        ("*;q=0, identity", ""),
        ("*;q=0, gzip;q=0.1", "gzip"),
        ("br;q=0, zstd;q=0, gzip;q=0.3, *;q=0.5", "gzip"),
        ("gzip;q=nonsense", ""),
    ],
)
def test_coding_is_the_smallest_of_those_preferred(header: str | None, coding: str | None) -> None:
    assert choose_coding(header) == coding


@pytest.mark.parametrize(
    ("accept", "browser"),
    [
        *((accept, True) for accept in BROWSERS),
        *((accept, False) for accept in READERS),
        ("", False),
        ("text/html", True),
        ("text/html;q=0", False),
        ("text/html, application/atom+xml", False),
        ("text/html, application/rss+xml;q=0.1", False),
        ("text/html, application/rss+xml;q=0", True),
    ],
)
def test_browsers_are_told_by_what_they_accept(accept: str | None, browser: bool) -> None:  # noqa: FBT001
    assert is_browser(accept) is browser


# Conditions


TAGS = [None, '"t"', 'W/"t"', '"x"', "*", '"*"', "", ',, "x" ,, "t",']
DATES = [None, SAME, EARLIER, LATER, f"{SAME}, {SAME}", "nonsense"]
STRONG = {'"t"', "*", TAGS[-1]}


@pytest.mark.parametrize("match", TAGS)
@pytest.mark.parametrize("unmodified", DATES)
def test_preconditions_come_to_what_the_rfc_says(match: str | None, unmodified: str | None) -> None:
    for none_match, since in itertools.product(TAGS, DATES):
        request = Request(
            "GET",
            "/",
            match=match,
            none_match=none_match,
            since=since,
            unmodified_since=unmodified,
        )
        fails = unmodified == EARLIER if match is None else match not in STRONG
        same = since in {SAME, LATER} if none_match is None else none_match in {*STRONG, 'W/"t"'}
        assert condition_status(request, "t", DATE) == (412 if fails else 304 if same else 200)


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ('"a"', ["a"]),
        (',"a",, W/"b" ,\t,"c,d",', ["a", "b", "c,d"]),
        ('"a" "b"', []),
        ('"a", b, "c"', ["a"]),
        ('"*"', ["*"]),
        ("", []),
    ],
)
def test_listed_tags_are_read_past_empty_members(header: str, tags: list[str]) -> None:
    assert listed_tags(header) == tags


def test_listed_tags_take_linear_time() -> None:
    began = time.process_time()
    for text in (",", '"', '"a" ', '"",', "W/", " "):
        listed_tags(text * 200_000)
        listed_tags(f'"a"{text * 200_000}x')
    assert time.process_time() - began < 30


def test_conditions_with_dates_do_not_count_without_a_date() -> None:
    for date in (EARLIER, SAME, LATER):
        assert condition_status(Request("GET", "/", since=date), "t", None) == 200
        assert condition_status(Request("GET", "/", unmodified_since=date), "t", None) == 200
    assert condition_status(Request("GET", "/", none_match='"t"'), "t", None) == 304
    assert condition_status(Request("GET", "/", match='"x"'), "t", None) == 412


@pytest.mark.parametrize(
    ("text", "time_unix"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777),
        ("Sun Nov  6 08:49:37 1994", 784111777),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("yesterday", None),
        ("", None),
        ("1700000000", None),
        ("Sun, 06 Nov 1994 99:49:37 GMT", None),
    ],
)
def test_dates_are_read_in_all_three_formats(text: str, time_unix: int | None) -> None:
    time = parse_http_date(text, from_unix(1_800_000_000))
    assert time == (None if time_unix is None else from_unix(time_unix))


@given(st.integers(0, 4_000_000_000))
def test_dates_that_are_written_are_read_as_they_were(time_unix: int) -> None:
    assert parse_http_date(http_date(time_unix), from_unix(0)) == from_unix(time_unix)


# Ranges


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=0-99", (0, 100)),
        ("bytes=0-100", (0, 100)),
        ("bytes=99-", (99, 100)),
        ("bytes=-1", (99, 100)),
        ("bytes=-100", (0, 100)),
        ("bytes=-999", (0, 100)),
        ("BYTES = 5-6", (5, 7)),
        ("bytes=,5-6,", (5, 7)),
        ("bytes=6-5", None),
        ("bytes=0-1,3-4", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("items=0-1", None),
        (f"bytes={'9' * 19}-", None),
    ],
)
def test_range_is_one_of_bytes_or_none(header: str | None, part: tuple[int, int] | None) -> None:
    found = byte_range(header, 100)
    assert found == (None if part is None else range(*part))


@pytest.mark.parametrize(
    ("header", "size"),
    [
        ("bytes=100-", 100),
        ("bytes=100-200", 100),
        ("bytes=-0", 100),
        ("bytes=0-", 0),
        ("bytes=-1", 0),
    ],
)
def test_range_outside_of_a_file_is_refused(header: str, size: int) -> None:
    with pytest.raises(ValueError, match="no such bytes"):
        byte_range(header, size)


@pytest.mark.parametrize(
    ("header", "allowed"),
    [
        (None, True),
        ('"t"', True),
        (' "t" ', True),
        ('W/"t"', False),
        ('"x"', False),
        ("*", False),
        ('"t", "x"', False),
        (SAME, True),
        (EARLIER, False),
        (LATER, False),
        (f"{SAME}, {SAME}", False),
        ("nonsense", False),
        ("", False),
    ],
)
def test_if_range_names_the_present_version(header: str | None, allowed: bool) -> None:  # noqa: FBT001
    assert allows_range(header, "t", DATE) is allowed


@given(st.text(max_size=60))
def test_headers_of_whatever_raise_nothing(text: str) -> None:
    assert choose_coding(text) in {*CODINGS, None}
    assert all('"' not in tag for tag in listed_tags(text))
    try:
        part = byte_range(text, 100)
    except ValueError:
        return
    assert part is None or (part[0] >= 0 and part[-1] < 100)


@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 150))
def test_range_is_that_of_slices(first: int, last: int, size: int) -> None:
    data = bytes(size)
    if first >= size and last >= first:
        with pytest.raises(ValueError, match="no such bytes"):
            byte_range(f"bytes={first}-{last}", size)
    elif last < first:
        assert byte_range(f"bytes={first}-{last}", size) is None
    else:
        wanted = len(data[first : last + 1])
        assert byte_range(f"bytes={first}-{last}", size) == range(first, first + wanted)
