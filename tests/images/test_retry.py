"""What is known of an image after each answer, and when it is asked for again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from feeds.common.media import CachedImage, HostFailure
from feeds.images.cache import NewCopy
from feeds.images.retry import Download, FetchResult, FetchSettings, Hosts, Result, apply_result

NOW, DAY = 1_000_000_000, 86_400
REFRESH = 30 * DAY
SETTINGS = FetchSettings(REFRESH, "0", NOW)
KEY = "ab" * 16
PLAIN = CachedImage(key=KEY, url="https://i.example.com/1.jpg", host="i.example.com")
HELD = CachedImage(
    key=KEY,
    url=PLAIN.url,
    host=PLAIN.host,
    name=f"media/ab/{KEY}.jpg",
    digest=b"d",
    etag='"1"',
    fetched=5,
    due=7,
)
COPY = NewCopy(Path("x"), 77, "image/png", 3, 4, 12, b"new")


def outcome(image: CachedImage, result: Result, **brought: Any) -> CachedImage:
    wait = brought.pop("wait", 0.0)
    answer = Download(result, "why", etag='"2"', modified="then", wait=wait)
    return apply_result(FetchResult(image, answer, **brought), SETTINGS)


@pytest.mark.parametrize("before", [PLAIN, HELD], ids=["first", "again"])
def test_copy_replaces_what_was_known(before: CachedImage) -> None:
    assert outcome(before, "fetched", copy=COPY) == CachedImage(
        key=KEY, url=PLAIN.url, host=PLAIN.host, name=f"media/ab/{KEY}.png", type="image/png",
        length=12, width=3, height=4, digest=b"new", mtime_ns=77, form="0", etag='"2"',
        modified="then", fetched=NOW, due=NOW + REFRESH,
    )  # fmt: skip


def test_same_image_is_confirmed() -> None:
    failed = outcome(outcome(HELD, "failed"), "failed")
    assert (failed.failures, failed.reason) == (2, "why")
    assert outcome(failed, "same") == msgspec.structs.replace(
        HELD, fetched=NOW, due=NOW + REFRESH, failures=0, reason=""
    )


@pytest.mark.parametrize(
    ("result", "fault", "missing"),
    [
        ("missing", "", True),
        ("fetched", "no image", True),
        ("refused", "", False),
        ("failed", "", False),
    ],
)
def test_only_what_is_not_there_is_missing(result: Result, fault: str, *, missing: bool) -> None:
    first = outcome(PLAIN, result, fault=fault)
    assert (first.missing, first.reason, first.failures) == (missing, fault or "why", 1)
    kept = outcome(HELD, result, fault=fault)
    assert (kept.missing, kept.name, kept.digest) == (False, HELD.name, HELD.digest)


def test_missing_stays_missing_until_something_else_is_known() -> None:
    missing = outcome(PLAIN, "missing")
    assert outcome(missing, "failed").missing
    assert not outcome(missing, "fetched", copy=COPY).missing


@pytest.mark.parametrize(
    ("result", "pauses"),
    [
        ("missing", [DAY, 2 * DAY, 4 * DAY, 8 * DAY, 16 * DAY, REFRESH, REFRESH]),
        ("failed", [600, 1200, 2400, 4800, 9600, 19200, 38400, 76800, DAY, DAY]),
    ],
)
def test_pauses_grow_up_to_a_bound(result: Result, pauses: list[int]) -> None:
    image = PLAIN
    for pause in pauses:
        image = outcome(image, result)
        assert image.due == NOW + pause


def test_server_may_ask_for_a_longer_pause() -> None:
    assert outcome(PLAIN, "failed", wait=7000.0).due == NOW + 7000


def test_image_of_a_host_that_is_left_alone_is_as_it_was() -> None:
    assert apply_result(FetchResult(HELD, None), SETTINGS) == HELD


def test_host_is_left_alone_after_three_failures_for_longer_and_longer() -> None:
    hosts, untils = Hosts({}, NOW), []
    for _ in range(14):
        hosts.note("h", Download("failed", "why"))
        failure = hosts.left_alone("h")
        untils.append(failure.until - NOW if failure else 0)
    assert untils[:6] == [0, 0, 600, 1200, 2400, 4800]
    assert untils[-1] == DAY


@pytest.mark.parametrize("result", ["fetched", "same", "missing", "refused"])
def test_host_that_answers_is_asked_again(result: Result) -> None:
    hosts = Hosts({"h": HostFailure("h", 9, NOW - 1, "why")}, NOW)
    assert hosts.left_alone("h") is None
    hosts.note("h", Download(result))
    assert hosts.failures == {}


def test_host_is_left_alone_as_long_as_it_asks() -> None:
    hosts = Hosts({}, NOW)
    hosts.note("h", Download("failed", "answered 429", wait=50.0))
    assert hosts.left_alone("h") == HostFailure("h", 1, NOW + 50, "answered 429")
    assert hosts.left_alone("other") is None
