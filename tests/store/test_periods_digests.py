"""Digests in the store: which stories they take, and what goes with them."""

from __future__ import annotations

import pytest

from feeds.common.model import Entry, FeedRef, Membership
from feeds.store import Store
from tests.support.storing import good, record

REF: FeedRef = ("digest", "week")


def story(store: Store, id_: str, since: int = 10, published: int = 1, **fields: int) -> int:
    """Records a story that is in the feed since then; returns its number."""
    record(store, id_, **good(id_, id=id_, digest=id_.encode(), dated=published, **fields))
    (number,) = (one.number for one in store.item_headers() if one.id == id_)
    store.add_memberships([Membership(*REF, Entry(number, id_, published, 1, b""), since)])
    return number


def best(store: Store, count: int = 9) -> list[str]:
    return [id_ for id_, _ in store.best_of(REF, (10, 20), count)]


def test_best_stories_are_by_quality_then_heat_then_date(store: Store) -> None:
    story(store, "low", quality=10, heat=90)
    story(store, "old", quality=70, heat=5)
    story(store, "new", quality=70, heat=5, published=2)
    number = story(store, "hot", quality=70, heat=6)
    assert best(store) == ["hot", "new", "old", "low"]
    assert store.best_of(REF, (10, 20), 1) == [("hot", number)]


def test_best_stories_came_into_the_feed_in_the_period(store: Store) -> None:
    for id_, since in (("before", 9), ("first", 10), ("last", 19), ("after", 20)):
        number = story(store, id_, since=since)
    other = Membership("topic", "week", Entry(number, "after", 1, 1, b""), 15)
    store.add_memberships([other])
    assert best(store) == ["first", "last"]


def test_story_is_in_one_digest_of_a_feed(store: Store) -> None:
    story(store, "a")
    other = store.begin_digest("month", 0, 20)
    store.add_digest_story(other, "a")
    assert best(store) == ["a"]
    store.add_digest_story(store.begin_digest("week", 0, 10), "a")
    assert best(store) == []


def test_digest_is_kept_as_it_is_now(store: Store) -> None:
    number = store.begin_digest("week", 10, 20)
    store.keep_digest(number, 25, b"stories")
    (row,) = store.digests("week", 9)
    assert (row.key, row.start, row.updated, row.data) == ("week", 10, 25, b"stories")
    assert store.digest_data(row.entry) == b"stories"
    assert store.digest_data(row.entry - 1) is None
    assert store.digest_keys() == {"week"}


def test_digests_are_the_last_of_their_feed(store: Store) -> None:
    for start in (10, 30, 20):
        store.begin_digest("week", start, start + 10)
    store.begin_digest("month", 40, 50)
    assert [one.start for one in store.digests("week", 2)] == [30, 20]


@pytest.mark.parametrize(
    ("ids", "starts"),
    [
        pytest.param(None, [10, 20], id="all"),
        pytest.param(["a", "c"], [10], id="once though it holds two"),
        pytest.param(["b", "no"], [20], id="one"),
    ],
)
def test_digests_are_found_by_their_stories(
    store: Store, ids: list[str] | None, starts: list[int]
) -> None:
    first, second = (store.begin_digest("week", start, start + 10) for start in (10, 20))
    for digest, id_ in ((first, "a"), (second, "b"), (first, "c")):
        store.add_digest_story(digest, id_)
    assert sorted(one.start for one in store.digests_with(ids)) == starts


def test_numbers_of_entries_and_images_are_of_no_seed_and_no_notice(store: Store) -> None:
    number = store.begin_digest("week", 10, 20)
    (row,) = store.digests("week", 1)
    images = [store.add_digest_story(number, id_) for id_ in ("a", "b")]
    assert max(row.entry, *images) < -(1 << 40)
    assert len(set(images)) == 2


def test_dropped_digests_give_the_numbers_of_their_images(store: Store) -> None:
    images = {}
    for start in (10, 20, 30, 40):
        number = store.begin_digest("week", start, start + 10)
        images[start] = store.add_digest_story(number, str(start))
    kept = store.begin_digest("month", 10, 20)
    assert sorted(store.drop_digests("week", 2, 40)) == sorted([images[10], images[40]])
    assert [one.start for one in store.digests("week", 9)] == [30, 20]
    assert {one.number for one in store.digests_with(["10", "40"])} == set()
    assert [one.number for one in store.digests("month", 9)] == [kept]
