"""What a first pass finds of items while it reads others."""

from __future__ import annotations

import pytest

from feeds.common.model import Entry, FeedKind, ItemHistory, Membership
from feeds.store import Store
from feeds.store.feed_items import Found
from tests.support.site import header
from tests.support.storing import good, record

# By the first character of the names that histories have for feeds.
KINDS: dict[str, FeedKind] = {"": "all", "#": "topic", "@": "provider"}


def found(path: str, *feeds: str) -> Found:
    return path, ItemHistory(5, 6, b"shown", dict.fromkeys(feeds, 7))


def test_what_was_found_becomes_histories_and_memberships(store: Store) -> None:
    for number, path in enumerate("abc", 1):
        record(store, path, **good(path, id=header(number).id, digest=path.encode()))
    history = ItemHistory(5, 6, b"shown", {"": 7, "#日本": -8, '#"x"': 0, "#": 1, "@a.com": 9})
    store.keep_judged(1, [("a", None), ("b", history), found("c", "#日本")])
    assert store.take_judged(1, 100, [header(3).id], KINDS)
    first, second, third = store.item_headers()
    assert [one.history for one in (first, second, third)] == [None, history, None]
    entry = Entry(second.number, second.id, 5, 6, b"b")
    feeds: list[tuple[FeedKind, str, int]] = [
        *(("all", "", 7), ("topic", "日本", -8), ("topic", '"x"', 0), ("topic", "", 1)),
        ("provider", "a.com", 9),
    ]
    for kind, key, since in feeds:
        assert store.newest(kind, key, 9) == [Membership(kind, key, entry, since)]
    assert not store.take_judged(1, 100, [], KINDS)  # it is gone


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([], id="not read by this pass"),
        pytest.param([(2, found("b", "#z"))], id="judged by another pass"),
        pytest.param([(1, found("b", "#y")), (2, found("b", "#z"))], id="judged again"),
    ],
)
def test_nothing_is_taken_unless_a_pass_judged_each_item(
    store: Store, other: list[tuple[int, Found]]
) -> None:
    record(store, "a", **good("a", id=header(1).id))
    record(store, "b", **good("b", id=header(2).id))
    store.keep_judged(1, [found("a", "#x")])
    for key, one in other:
        store.keep_judged(key, [one])
    assert not store.take_judged(1, 100, [], KINDS)
    assert store.newest("topic", "x", 9) == []
    assert [one.history for one in store.item_headers()] == [None, None]


def test_seed_that_is_judged_twice_by_one_pass_stands_as_it_was_found_last(store: Store) -> None:
    record(store, "a", **good("a"))
    store.keep_judged(1, [found("a", "#x")])
    store.keep_judged(1, [found("a", "#y")])
    assert store.take_judged(1, 100, [], KINDS)
    assert (len(store.newest("topic", "x", 9)), len(store.newest("topic", "y", 9))) == (0, 1)
