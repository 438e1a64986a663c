"""The kinds of value that config.toml knows: what each takes, makes of it, and refuses."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.config import types

TAKEN = [
    ("Duration", "90s", timedelta(seconds=90)),
    ("Duration", "15m", timedelta(minutes=15)),
    ("Duration", "48h", timedelta(hours=48)),
    ("Duration", "365d", timedelta(days=365)),
    ("Duration", "2w", timedelta(weeks=2)),
    ("Duration", " 15 M ", timedelta(minutes=15)),
    ("Duration", "0s", timedelta(0)),
    ("Quality", 0, 0),
    ("Quality", 100, 100),
    ("Quality", "60", 60),  # as an environment variable has it
    ("Quality", 60.0, 60),
    ("Share", 0, 0.0),
    ("Share", 0.25, 0.25),
    ("Share", "1", 1.0),
    ("Count", 1, 1),
    ("Count", 10_000, 10_000),
    ("Line", "  a \n\t b ", "a b"),
    ("Line", "", ""),
    ("Name", " Computer   Vision ", "Computer Vision"),
    ("Url", "", ""),
    ("Url", "HTTPS://Example.ORG/a b", "https://example.org/a%20b"),
    ("Url", "https://bücher.example/", "https://xn--bcher-kva.example/"),
    ("BaseUrl", "https://example.org", "https://example.org/"),
    ("BaseUrl", "http://localhost:8000/feeds", "http://localhost:8000/feeds/"),
    ("BaseUrl", "https://example.org/a/", "https://example.org/a/"),
    ("Timezone", "UTC", "UTC"),
    ("Timezone", "Europe/London", "Europe/London"),
    ("Language", "en", "en"),
    ("Language", "zh-Hant-TW", "zh-Hant-TW"),
    ("Language", "sr-Latn", "sr-Latn"),
    ("Slug", "", ""),
    ("Slug", "computer-vision", "computer-vision"),
    ("Slug", "sky.com", "sky.com"),
    ("Email", "", ""),
    ("Email", "desk+feeds@news.example.org", "desk+feeds@news.example.org"),
    ("Domain", " Sky.COM ", "sky.com"),
    ("Domain", "bücher.example.", "xn--bcher-kva.example"),
]

REFUSED: list[tuple[str, str, list[Any]]] = [
    (
        "Duration",
        "a duration such as",
        [15, 1.5, True, "", "15", "m", "-5m", "1.5h", "5 months", "1h30m", "15m\n5s", ["15m"]],
    ),
    ("Duration", "none as long as this", ["999999999w"]),
    ("Share", "at most 1", [1.01, "2", float("inf")]),
    ("Share", "at least 0", [-0.01, float("nan")]),
    ("Share", "a number from 0 to 1, not true or false", [True]),
    ("Quality", "whole number, not true or false", [True, False]),
    ("Quality", "", [-1, 101, 60.5, "", "x", "6 0", None, [60], float("inf"), float("nan")]),
    ("Count", "", [0, -1, 10_001]),
    ("Line", "", [5, True, None, ["a"], {"a": "b"}]),
    ("Name", "", ["", "   ", "\n"]),
    (
        "Url",
        "an absolute http or https URL",
        [
            "feeds.example.org",
            "/icon.png",
            "//example.org/",
            "ftp://example.org/",
            "javascript:alert(1)",
            "data:image/png,x",
            "file:///etc/passwd",
            "https://",
            "https://user:password@example.org/",
            "https://exa mple.org/",
            "https://example.org:0/",
            "https://example.org:99999/",
            "https://example.org/\u0001",
            "https://example.org/" + "a" * 3000,
        ],
    ),
    (
        "BaseUrl",
        "without ? and #",
        ["", "https://example.org/?a=b", "https://example.org/#top"],
    ),
    ("BaseUrl", "an absolute http or https URL", ["example.org", "/feeds/"]),
    (
        "Timezone",
        "a time zone such as UTC or Europe/London",
        ["", "Mars/Olympus", "Europe", "../../etc/passwd", "/etc/passwd", "UTC\u0000", "+02:00"],
    ),
    ("Language", "a language tag such as en or en-GB", ["", "e", "english!", "en-", "en GB"]),
    ("Language", "did you mean en-GB?", ["en_GB"]),
    (
        "Slug",
        "lower case letters and digits",
        ["AI", "-ai", "ai-", "a--b", "a/b", "..", "../ai", ".ai", "a b", "café", "ai\n", "٣"],
    ),
    (
        "Email",
        "an e-mail address such as",
        ["desk", "desk@", "@example.org", "desk@localhost", "a b@example.org", "Desk <d@e.org>"],
    ),
    (
        "Domain",
        "a host name such as example.org",
        ["", " ", "https://sky.com", "sky.com/news", "sky com", "-.com", "a" * 254, "sky..com"],
    ),
]


def reader(kind: str) -> types.Reader:
    """Returns what reads a kind of value."""
    read: types.Reader = get_args(getattr(types, kind))[1]
    return read


def short(value: object) -> str:
    """Returns the id of a parameter."""
    return repr(value)[:40]


@pytest.mark.parametrize(("kind", "value", "made"), TAKEN, ids=short)
def test_type_takes(kind: str, value: object, made: object) -> None:
    assert reader(kind)(value) == made


@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [(kind, words, value) for kind, words, values in REFUSED for value in values],
    ids=short,
)
def test_type_refuses_and_says_what_is_wanted(kind: str, words: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"^wanted ") as caught:
        reader(kind)(value)
    assert words in str(caught.value)


@pytest.mark.parametrize("kind", ["Line", "Name"])
@pytest.mark.parametrize("character", ["\x00", "\x01", "\x1b", "\x7f", "\x85", "\ud800", "\uffff"])
def test_type_lets_no_character_through_that_no_feed_can_hold(kind: str, character: str) -> None:
    made = ""
    with suppress(ValueError):
        made = reader(kind)(f"News{character}Desk")
    assert character not in made


@given(kind=st.sampled_from(sorted({kind for kind, *_ in REFUSED})), text=st.text(max_size=40))
def test_type_reads_what_it_made_as_the_same(kind: str, text: str) -> None:
    try:
        made = reader(kind)(text)
    except ValueError:
        return
    assert reader(kind)(made) == made
