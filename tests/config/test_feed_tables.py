"""The tables of readers, rules and feeds: what they refuse, and where a feed stands."""

from __future__ import annotations

from typing import Any

import pytest

from feeds.config.feed_tables import CustomFeed, DigestFeed, Reader, Rule
from feeds.config.schema import Table, read_table
from tests.support.site import made


def faults(kind: type[Table], **keys: Any) -> list[str]:
    """Returns why a table is refused."""
    _, found = read_table(kind, keys)
    return [one.reason for one in found]


@pytest.mark.parametrize(
    "subscribe",
    [
        "feed:{raw}",
        "https://reader.example/?add={url}",
        "web+feed.x://{url}",
    ],
)
def test_reader_has_an_address_with_the_feeds(subscribe: str) -> None:
    assert faults(Reader, name="Mine", subscribe=subscribe) == []


@pytest.mark.parametrize(
    "subscribe",
    [
        pytest.param("https://reader.example/", id="no feed"),
        pytest.param("{url}", id="no scheme"),
        pytest.param("https:", id="nothing after the scheme"),
        pytest.param("Https://a.example/{url}", id="capital"),
        pytest.param("javascript:follow({url})", id="script"),
        pytest.param("data:text/html,{raw}", id="data"),
        pytest.param("https://a.example/{url}/{name}", id="another name"),
        pytest.param("https://a.example/{url} now", id="space"),
        pytest.param('https://a.example/{url}"', id="quote"),
    ],
)
def test_reader_with_another_address_is_refused(subscribe: str) -> None:
    (fault,) = faults(Reader, name="Mine", subscribe=subscribe)
    assert "subscribe: wanted an address with {url}" in fault


@pytest.mark.parametrize(
    ("keys", "is_good"),
    [
        pytest.param({"min_quality": 0}, True, id="threshold"),
        pytest.param({"exclude": True}, True, id="exclusion"),
        pytest.param({}, False, id="nothing"),
        pytest.param({"exclude": True, "min_quality": 50}, False, id="both"),
    ],
)
def test_rule_decides_one_thing(keys: dict[str, Any], *, is_good: bool) -> None:
    found = faults(Rule, topic="AI", provider="a.example", **keys)
    assert found == ([] if is_good else ["wanted either min_quality or exclude = true"])


@pytest.mark.parametrize("kind", [CustomFeed, DigestFeed])
@pytest.mark.parametrize(
    ("keys", "address", "key"),
    [
        pytest.param({}, "best-of-all", "best-of-all", id="name"),
        pytest.param({"slug": "best"}, "best", "best", id="slug"),
        pytest.param({"aliases": ["new", "old"]}, "best-of-all", "old", id="aliases"),
    ],
)
def test_feed_stands_by_its_slug_and_is_known_by_its_oldest_address(
    kind: type[CustomFeed | DigestFeed], keys: dict[str, Any], address: str, key: str
) -> None:
    feed = made(kind, {"name": "Best of All", **keys})
    folder = {CustomFeed: "custom", DigestFeed: "digests"}[kind]
    assert (feed.address, feed.key) == (f"{folder}/{address}", f"{folder}/{key}")


@pytest.mark.parametrize(
    ("keys", "weekday"),
    [
        pytest.param({}, "*", id="day"),
        pytest.param({"every": "week"}, "mon", id="week"),
        pytest.param({"every": "week", "on": "sun"}, "sun", id="week on a day"),
    ],
)
def test_digests_of_a_week_end_on_a_weekday(keys: dict[str, Any], weekday: str) -> None:
    assert made(DigestFeed, {"name": "D", **keys}).weekday == weekday


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        pytest.param({"on": "mon"}, 'on: wanted only with every = "week"', id="weekday of a day"),
        pytest.param({"at": "24:00"}, 'wanted a time of day such as "07:00"', id="hour"),
        pytest.param({"at": "7:00"}, 'wanted a time of day such as "07:00"', id="one digit"),
        pytest.param({"at": "07:60"}, 'wanted a time of day such as "07:00"', id="minute"),
        pytest.param({"at": 7}, 'wanted a time of day such as "07:00"', id="number"),
    ],
)
def test_digests_at_a_time_that_never_comes_are_refused(keys: dict[str, Any], fault: str) -> None:
    (found,) = faults(DigestFeed, name="D", **keys)
    assert fault in found


@pytest.mark.parametrize("at", ["00:00", "09:59", "19:00", "23:59"])
def test_digests_end_at_any_minute(at: str) -> None:
    assert made(DigestFeed, {"name": "D", "at": at}).at == at
