"""What a hub's answer means, and how long is waited after it."""

from __future__ import annotations

import pytest

from feeds.common.times import LONGEST_REST
from feeds.publish.websub import (
    FIRST_WAIT,
    LONGEST_WAIT,
    HubAnswer,
    classify,
    moved_to,
    next_wait,
)

# 2015-10-21 07:28:00 UTC, the date in the examples of RFC 9110.
NOW = 1445412480


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, "taken") for status in (200, 201, 202, 204, 299)),
        *((status, "refused") for status in (301, 307, 400, 401, 403, 404, 410, 422, 499)),
        *((status, "failed") for status in (408, 500, 501, 505, 599)),
        *((status, "away") for status in (429, 502, 503, 504)),
    ],
)
def test_answers_status_decides(status: int, kind: str) -> None:
    assert classify(status, {}, b"", NOW).kind == kind


@pytest.mark.parametrize(
    ("status", "headers", "body", "words"),
    [
        (404, {}, b"Topic not found", "404 Not Found: Topic not found"),
        (400, {}, b"hub.url:\r\n  not\tours\x00\x1b[2J", "400 Bad Request: hub.url: not ours[2J"),
        (599, {}, b"", "599"),
        (400, {}, b"\xff\xfe bad", "400 Bad Request: bad"),
        (400, {}, b"x" * 5000, f"400 Bad Request: {'x' * 200}…"),
        (
            301,
            {"location": "https://hub.example/new"},
            b"Moved",
            "301 Moved Permanently: moved to https://hub.example/new",
        ),
    ],
    ids=["plain", "controls", "unknown", "no text", "long", "moved"],
)
def test_answers_words_of_the_hub_are_told_in_one_line(
    status: int, headers: dict[str, str], body: bytes, words: str
) -> None:
    assert classify(status, headers, body, NOW).words == words


def test_answers_wait_that_the_hub_asks_for_is_heard() -> None:
    answer = classify(503, {"retry-after": "120"}, b"", NOW)
    assert answer == HubAnswer("away", "503 Service Unavailable", 120)


def test_answers_waits_grow_to_a_limit_and_differ() -> None:
    for failures in range(1, 200):
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failures - 1))
        waits = {next_wait(failures, None) for _ in range(20)}
        assert all(longest / 2 <= wait <= longest for wait in waits)
        assert len(waits) > 1 or failures < 5


@pytest.mark.parametrize(("asked", "least"), [(0, 1), (600, 600), (LONGEST_REST, LONGEST_REST)])
def test_answers_wait_is_never_shorter_than_was_asked(asked: int, least: int) -> None:
    assert next_wait(1, asked) >= least
    assert next_wait(50, 1) >= LONGEST_WAIT / 2


@pytest.mark.parametrize(
    ("status", "location", "wanted"),
    [
        (301, "https://new.example/", "https://new.example/"),
        (308, "https://new.example/a?b=c", "https://new.example/a?b=c"),
        (301, "/elsewhere", "https://hub.example/elsewhere"),
        (308, "//new.example/", "https://new.example/"),
        (302, "https://new.example/", None),
        (307, "https://new.example/", None),
        (200, "https://new.example/", None),
        (301, "http://new.example/", None),
        (301, "https://hub.example/push", None),
        (301, "https://me:geheim@new.example/", None),
        (301, "https://[", None),
        (301, "about:blank", None),
        (301, "https://xn--a\u0301\u200d/", None),
        (301, "", None),
    ],
)
def test_answers_hub_that_moves_is_followed_to_https(
    status: int, location: str, wanted: str | None
) -> None:
    headers = {"location": location} if location else {}
    assert moved_to(status, headers, "https://hub.example/push") == wanted


def test_answers_words_show_no_credentials_of_where_a_hub_moved() -> None:
    words = classify(
        302, {"location": "https://me:geheim@new.example/?token=geheim"}, b"", NOW
    ).words
    assert words == "302 Found: moved to https://new.example/?\u2026"
