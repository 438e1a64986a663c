"""What a first pass finds of items while it reads others."""

from __future__ import annotations

import pytest

from feeds.common.model import Entry, ItemHistory, Membership
from feeds.store import Store
from feeds.store.feed_items import Found
from tests.support.site import header
from tests.support.storing import good, record

HISTORY = ItemHistory(5, 6, b"shown", {"": 7, "#日本": -8, "@a.com": 9})


def found(path: str, number: int, *feeds: str) -> Found:
    entry = Entry(0, header(number).id, 5, 6, b"")
    return path, HISTORY, [Membership("topic", key, entry, 7) for key in feeds]


def test_what_was_found_becomes_histories_and_memberships(store: Store) -> None:
    for number, path in enumerate("abc", 1):
        record(store, path, **good(path, id=header(number).id, digest=path.encode()))
    store.keep_judged(1, [("a", None, []), found("b", 2, "日本", '"x"'), found("c", 3, "日本")])
    assert store.take_judged(1, 100, without=[header(3).id])
    first, second, third = store.item_headers()
    assert [one.history for one in (first, second, third)] == [None, HISTORY, None]
    entry = Entry(second.number, second.id, 5, 6, b"b")
    for key in ("日本", '"x"'):
        assert store.newest("topic", key, 9) == [Membership("topic", key, entry, 7)]
    assert not store.take_judged(1, 100, without=[])  # it is gone


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([], id="not read by this pass"),
        pytest.param([(2, found("b", 2, "z"))], id="judged by another pass"),
        pytest.param([(1, found("b", 2, "y")), (2, found("b", 2, "z"))], id="judged again"),
    ],
)
def test_nothing_is_taken_unless_a_pass_judged_each_item(
    store: Store, other: list[tuple[int, Found]]
) -> None:
    record(store, "a", **good("a", id=header(1).id))
    record(store, "b", **good("b", id=header(2).id))
    store.keep_judged(1, [found("a", 1, "x")])
    for key, one in other:
        store.keep_judged(key, [one])
    assert not store.take_judged(1, 100, without=[])
    assert store.newest("topic", "x", 9) == []
    assert [one.history for one in store.item_headers()] == [None, None]


def test_seed_that_is_judged_twice_by_one_pass_stands_as_it_was_found_last(store: Store) -> None:
    record(store, "a", **good("a"))
    store.keep_judged(1, [found("a", 1, "x")])
    store.keep_judged(1, [found("a", 1, "y")])
    assert store.take_judged(1, 100, without=[])
    assert (len(store.newest("topic", "x", 9)), len(store.newest("topic", "y", 9))) == (0, 1)
