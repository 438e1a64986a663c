"""Which items qualify for every feed, in which order, and what passes before have to do with it."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace

from feeds.common.model import FeedRef, ItemHeader, ItemHistory
from feeds.select.addresses import Known
from feeds.select.qualify import Past, without_duplicates
from tests.support.choosing import Choice, choose
from tests.support.site import config_of, header

NOW = 1_000
LONG_AGO = 10
OLD = Past(first_pass=False)


def entries(choice: Choice) -> dict[str, list[int]]:
    """Returns the numbers of the headers in each feed."""
    return {one.feed.address: [entry.number for entry in one.entries] for one in choice.feeds}


def remembering(headers: list[ItemHeader], choice: Choice) -> list[ItemHeader]:
    """Returns the headers as the next pass has them."""
    return [replace(one, history=choice.histories.get(one.id, one.history)) for one in headers]


def remembered(number: int, since: int) -> ItemHeader:
    """Returns a header that qualified at that time."""
    one = header(number)
    return replace(one, history=choose([one], config_of(), OLD, since).histories[one.id])


# Which items


def test_feeds_hold_what_qualifies_for_them() -> None:
    toml = '[topics.Cars]\nmin_quality = 60\n[[feeds]]\nname = "Best"\nmin_quality = 90\n'
    headers = [
        header(1, quality=39, topics=("AI", "Cars")),
        header(2, quality=40, topics=("AI", "Cars")),
        header(3, quality=59, topics=("Cars",)),
        header(4, quality=60, topics=("cars", "AI"), provider="b.com"),
        header(5, quality=90, topics=()),
        header(6, quality=99, is_published=False),
        header(7, quality=99, dated=NOW + 1),
    ]
    assert entries(choose(headers, config_of(toml), Past(), NOW)) == {
        "all": [5, 4, 2],
        "topics/ai": [4, 2],
        "topics/cars": [4],
        "providers/b.com": [4],
        "providers/example.com": [5, 2],
        "custom/best": [5],
    }


def test_feeds_of_drafts_and_future_items_are_not_there() -> None:
    headers = [
        header(1, is_published=False, topics=("Draft",), provider="draft.org"),
        header(2, dated=NOW + 1, topics=("Secret",), provider="secret.org"),
    ]
    assert entries(choose(headers, config_of(), Past(), NOW)) == {"all": []}


def test_feeds_of_items_below_the_threshold_are_there_where_they_are_named_or_were() -> None:
    low = header(1, quality=1)
    assert entries(choose([low], config_of(), Past(), NOW)) == {"all": []}
    named = config_of('[topics.AI]\n[providers."example.com"]')
    empty: dict[str, list[int]] = {"all": [], "topics/ai": [], "providers/example.com": []}
    assert entries(choose([low], named, Past(), NOW)) == empty
    live: dict[str, FeedRef] = {
        "topics/ai": ("topic", "ai"),
        "providers/example.com": ("provider", "example.com"),
    }
    past = Past(first_pass=False, known=Known(live=live))
    assert entries(choose([low], config_of(), past, NOW)) == empty
    files = Past(known=Known(files=frozenset(f"{address}.atom" for address in live)))
    assert entries(choose([low], config_of(), files, NOW)) == empty


def test_future_item_enters_in_its_second() -> None:
    headers = [header(1, dated=NOW)]
    before = choose(headers, config_of(), OLD, NOW - 1)
    assert (entries(before), before.until) == ({"all": []}, NOW - 1)
    assert entries(choose(headers, config_of(), OLD, NOW))["all"] == [1]


def test_max_age_and_min_heat_keep_items_out_of_every_feed() -> None:
    toml = '[selection]\nmin_heat = 5\nmax_age = "100s"'
    headers = [
        header(1, dated=NOW - 100, heat=5),
        header(2, dated=NOW - 101, heat=5),
        header(3, dated=NOW, heat=4),
    ]
    choice = choose(headers, config_of(toml), Past(), NOW)
    assert entries(choice)["all"] == entries(choice)["topics/ai"] == [1]
    assert choice.until == NOW


# Their order, and one of each


def test_items_stand_newest_first_then_by_id_in_whatever_order_they_come() -> None:
    headers = [header(1, dated=5), header(2, dated=9), header(3, dated=5), header(4, dated=-7)]
    for order in permutations(headers):
        assert entries(choose(order, config_of(), Past(), NOW))["all"] == [2, 1, 3, 4]


def test_items_stand_by_the_date_that_readers_saw_first() -> None:
    headers = [
        header(1, dated=900, history=ItemHistory(100, 900, b"shown", {"": 0})),
        header(2, dated=500),
    ]
    choice = choose(headers, config_of(), OLD, NOW)
    assert [(one.number, one.published) for one in choice.feeds[0].entries] == [(2, 500), (1, 100)]


def twin(number: int, **changes: Any) -> ItemHeader:
    fields: dict[str, Any] = {"id": "urn:uuid:twin", "dated": 100, **changes}
    return header(number, **fields)


@pytest.mark.parametrize(
    ("headers", "winner"),
    [
        pytest.param([twin(1, revised=5), twin(2, revised=6, quality=41)], 2, id="later date"),
        pytest.param(
            [twin(1, revised=6, quality=41), twin(2, revised=5)], 1, id="later date, first"
        ),
        pytest.param([twin(1, quality=50), twin(2, quality=51)], 2, id="same date, better"),
        pytest.param([twin(1, quality=51), twin(2, quality=50)], 1, id="same date, better first"),
        pytest.param([twin(1), twin(2), twin(3)], 1, id="path order"),
        pytest.param(
            [twin(1), twin(2, quality=80), twin(3, revised=999, quality=1)], 3, id="three"
        ),
        pytest.param([twin(1), twin(2, revised=101, is_published=False)], 2, id="a later draft"),
    ],
)
def test_duplicates_leave_one_and_report_the_others(headers: list[ItemHeader], winner: int) -> None:
    unique, beaten, problems = without_duplicates(headers)
    assert [one.number for one in unique] == [winner]
    losers = [one for one in headers if one.number != winner]
    assert sorted(beaten, key=headers.index) == losers
    assert [one.path for one in problems] == [one.path for one in losers]
    for problem in problems:
        assert f"a duplicate of /seeds/{winner:03}.txt" in problem.reason
        assert (problem.severity, problem.field) == ("error", "originalUrl")
    choice = choose([*headers, header(9)], config_of("[selection]\nmin_quality = 0"), Past(), NOW)
    shown = [winner] if unique[0].is_published else []
    assert entries(choice)["all"] == [*shown, 9]
    assert choice.duplicates == problems


# Nothing missed


def test_feed_holds_its_newest_and_what_qualified_lately() -> None:
    toml = '[selection]\nmax_items = 2\nexposure = "48s"'
    headers = [remembered(number, since=LONG_AGO) for number in (1, 2, 3, 6, 7)]
    headers += [remembered(4, since=NOW - 48), remembered(5, since=NOW - 49)]
    choice = choose(headers, config_of(toml), OLD, NOW)
    assert entries(choice)["all"] == [7, 6, 4]
    assert {(one.exposed, one.left_out) for one in choice.feeds} == {(1, 0)}
    assert (choice.histories, choice.until) == ({}, NOW)


def test_item_is_exposed_in_each_feed_from_when_it_qualified_for_it() -> None:
    toml = '[selection]\nmax_items = 1\nexposure = "10s"\n[topics.Cars]\nmin_quality = 80'
    headers = [header(9, topics=("AI", "Cars"), quality=90), header(1, topics=("AI", "Cars"))]
    for now, quality, everywhere, in_cars in [
        (NOW, 50, [9, 1], [9]),
        (NOW + 8, 80, [9, 1], [9, 1]),
        (NOW + 10, 80, [9, 1], [9, 1]),
        (NOW + 11, 80, [9], [9, 1]),
        (NOW + 18, 80, [9], [9, 1]),
        (NOW + 19, 80, [9], [9]),
    ]:
        headers[1] = replace(headers[1], quality=quality)
        choice = choose(headers, config_of(toml), OLD, now)
        shown = entries(choice)
        assert shown["all"] == shown["topics/ai"] == shown["providers/example.com"] == everywhere
        assert shown["topics/cars"] == in_cars
        headers = remembering(headers, choice)


def test_first_pass_floods_nobody() -> None:
    toml = '[selection]\nmax_items = 2\nexposure = "100s"'
    headers = [
        header(number, dated=NOW - age) for number, age in enumerate((1, 2, 50, 100, 101, 900))
    ]
    choice = choose(headers, config_of(toml), Past(first_pass=True), NOW)
    assert entries(choice)["all"] == [0, 1, 2, 3]
    for one in headers:
        assert set(choice.histories[one.id].qualified.values()) == {one.dated}


def test_bulk_import_is_exposed_up_to_a_bound_newest_first() -> None:
    toml = "[selection]\nmax_items = 1\nmax_exposed = 2"
    headers = [header(number) for number in range(1, 7)]
    choice = choose(headers, config_of(toml), OLD, NOW)
    assert entries(choice)["all"] == [6, 5, 4]
    assert {(one.exposed, one.left_out) for one in choice.feeds} == {(2, 3)}


def test_max_exposed_of_0_switches_exposure_off() -> None:
    toml = "[selection]\nmax_items = 1\nmax_exposed = 0"
    choice = choose([header(1), header(2)], config_of(toml), OLD, NOW)
    assert (entries(choice)["all"], choice.feeds[0].left_out) == ([2], 1)


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        pytest.param(OLD, [9], id="new: its items count as old"),
        pytest.param(
            OLD._replace(feeds=frozenset({"custom/mine"})), [9, 1], id="there before: they are new"
        ),
    ],
)
def test_new_custom_feed_floods_nobody(past: Past, expected: list[int]) -> None:
    toml = '[selection]\nmax_items = 1\n[[feeds]]\nname = "Mine"'
    now = 10**9
    headers = [remembered(1, since=LONG_AGO), remembered(9, since=LONG_AGO)]
    assert entries(choose(headers, config_of(toml), past, now))["custom/mine"] == expected


def test_mark_from_a_clock_that_was_ahead_does_not_expose_forever() -> None:
    """A day ahead for one pass must not keep an item exposed for a day more than all others."""
    toml = '[selection]\nmax_items = 1\nexposure = "10s"'
    headers = [remembered(1, since=NOW + 86_400), remembered(9, since=LONG_AGO)]
    headers = remembering(headers, choose(headers, config_of(toml), OLD, NOW))
    assert entries(choose(headers, config_of(toml), OLD, NOW + 11))["all"] == [9]


# What is remembered, and for how long it holds


def test_choice_holds_no_longer_than_its_count_of_those_left_out() -> None:
    toml = '[selection]\nmax_items = 1\nmax_exposed = 1\nexposure = "10s"'
    headers = [
        remembered(1, since=NOW - 5),
        remembered(2, since=NOW),
        remembered(9, since=LONG_AGO),
    ]
    for now, left_out, until in [(NOW, 1, NOW + 5), (NOW + 6, 0, NOW + 10)]:
        choice = choose(headers, config_of(toml), OLD, now)
        assert entries(choice)["all"] == [9, 2]
        assert (choice.feeds[0].left_out, choice.until) == (left_out, until)
