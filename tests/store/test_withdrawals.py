"""Stories that were withdrawn: their notices, where these stand, and what their return is."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from feeds.common.archives import ArchivePart
from feeds.common.model import Entry, FeedRef, ItemHistory, Membership
from feeds.common.times import from_unix
from feeds.store import Store
from feeds.store.withdrawals import Withdrawal
from tests.support.rendering import make_item
from tests.support.storing import good, record

AI: FeedRef = ("topic", "ai")
LAW: FeedRef = ("topic", "law")
NO_PART, PART = ArchivePart("", 0), ArchivePart("2021-07", 1)
NOTICE = make_item(quality=-1, withdrawn_reason="It was not so.")


def gone(id_: str = "a", at: int = 100) -> Withdrawal:
    return Withdrawal(id_, at, "deleted", 5, 90, msgspec.msgpack.encode(NOTICE))


def shown(store: Store, id_: str = "a", qualified: dict[str, int] | None = None) -> None:
    """Records an item that readers were shown, published at 5, updated at 6."""
    record(store, id_, **good(id_, id=id_, digest=id_.encode()))
    store.mark_first_seen([id_], 1)
    store.remember(
        {id_: ItemHistory(5, 6, b"1digest", {"#ai": 1} if qualified is None else qualified)}
    )


def test_withdrawn_story_is_kept_with_what_people_are_told(store: Store) -> None:
    store.withdraw(gone(), [AI])
    (one,) = store.withdrawals()
    assert one == gone()
    told = one.told()
    assert (told.id, told.title, told.url) == ("a", NOTICE.title, NOTICE.url)
    assert (told.at, told.why, told.reason) == (from_unix(100), "deleted", "It was not so.")


def test_withdrawn_stories_are_given_the_last_first(store: Store) -> None:
    for id_, at in (("b", 100), ("a", 100), ("c", 200)):
        store.withdraw(gone(id_, at), [AI])
    assert [one.id for one in store.withdrawals()] == ["c", "a", "b"]


def test_story_that_is_withdrawn_again_keeps_its_time(store: Store) -> None:
    store.withdraw(gone(at=100), [AI])
    store.withdraw(replace(gone(at=200), why="excluded", updated=95, data=b"x"), [AI])
    (one,) = store.withdrawals()
    assert (one.at, one.why, one.updated, one.data) == (100, "excluded", 95, b"x")


def test_notice_stands_where_the_story_stood(store: Store) -> None:
    store.add_memberships([Membership(*AI, Entry(0, "a", 1, 1, b""), 1_625_100_000)])
    store.add_memberships([Membership(*LAW, Entry(0, "a", 1, 1, b""), 1_625_100_000)])
    for ref in (AI, LAW):
        store.enter_archives(ref, None, 7, "")
    store.seal(AI, PART, ["a"])  # in the other feed it waits
    assert sorted(store.withdraw(gone(), [AI, LAW])) == [(AI, PART), (LAW, NO_PART)]
    assert [one.id for one in store.notices_in(AI, PART)] == ["a"]
    assert store.notices_in(LAW, PART) == []
    assert sorted(store.drop_withdrawals(["a", "no"])) == [(AI, PART), (LAW, NO_PART)]
    assert (store.withdrawals(), store.notices_in(AI, PART)) == ([], [])


@pytest.mark.parametrize(
    ("since", "count", "ids"),
    [
        pytest.param(100, 9, ["new", "old"], id="all"),
        pytest.param(101, 9, ["new"], id="those since then"),
        pytest.param(100, 1, ["new"], id="so many"),
    ],
)
def test_notices_of_a_feed_are_the_last(
    store: Store, since: int, count: int, ids: list[str]
) -> None:
    store.withdraw(gone("old", 100), [AI])
    store.withdraw(gone("new", 200), [AI])
    store.withdraw(gone("elsewhere", 300), [LAW])
    found = store.notices(*AI, since, count)
    assert [entry.id for _, entry in found] == ids
    at, entry = found[0]
    assert (at, entry.published, entry.updated) == (200, 5, 90)
    assert entry.number < 0
    assert store.notice_data(entry.number) == gone().data
    assert store.notice_data(-99) is None


def test_return_of_a_withdrawn_story_is_an_edit(store: Store) -> None:
    shown(store)
    before = [one.history for one in store.item_headers()]
    store.withdraw(gone(), [AI])
    (one,) = (one.history for one in store.item_headers())
    assert before != [one]
    assert one is not None
    assert one.digest == b"1withdrawn"  # of the same version, and of no item


def test_readers_are_shown_the_date_of_a_notice_and_no_older_one(store: Store) -> None:
    shown(store, "a")
    shown(store, "b")
    store.withdraw(gone(), [AI])
    assert store.shown_times("a") == (5, 6)
    store.show_notices()
    assert [store.shown_times(one) for one in ("a", "b")] == [(5, 90), (5, 6)]
    store.withdraw(replace(gone(), updated=50), [AI])
    store.show_notices()
    assert store.shown_times("a") == (5, 90)


def test_notices_are_made_of_items_that_are_in_feeds(store: Store) -> None:
    shown(store, "in", {"": 1, "#ai": 2})
    shown(store, "out", {})
    record(store, "new", **good("new", id="new"))
    found = store.notices_for(["in", "out", "new", "no"])
    assert found == {"in": (b"item of in", ["", "#ai"])}
