"""Which item stands in which part of which feed's archives."""

from __future__ import annotations

import pytest

from feeds.common.archives import ArchivePart
from feeds.common.media import CachedImage, image_key
from feeds.common.model import Entry, FeedRef, Image, Membership
from feeds.store import Store
from tests.support.storing import good, record

AI: FeedRef = ("topic", "ai")
LAW: FeedRef = ("topic", "law")
JULY, AUGUST = 1_625_100_000, 1_628_000_000  # in July and in August 2021
PART = ArchivePart("2021-07", 1)


def join(store: Store, ref: FeedRef, id_: str, since: int, published: int = 1) -> None:
    """Puts an item into a feed."""
    entry = Entry(0, id_, published, published, b"")
    store.add_memberships([Membership(*ref, entry, since)])


def ids(memberships: list[Membership]) -> list[str]:
    return [one.entry.id for one in memberships]


@pytest.fixture
def sealed(store: Store) -> Store:
    """A store in which a part holds two items of July, and two others wait."""
    for number, (id_, since) in enumerate(
        (("d", AUGUST), ("b", JULY + 2), ("a", JULY), ("c", JULY + 3))
    ):
        join(store, AI, id_, since, published=number)
    store.enter_archives(AI, None, len("2021-07"), "")
    store.seal(AI, PART, ["a", "b"])
    return store


@pytest.mark.parametrize(
    ("length", "earliest", "periods"),
    [
        pytest.param(7, "", ["2021-07", "2021-08"], id="months"),
        pytest.param(4, "", ["2021", "2021"], id="years"),
        pytest.param(7, "2021-08", ["2021-08", "2021-08"], id="not before the newest"),
    ],
)
def test_archives_take_items_in_the_period_in_which_they_qualified(
    store: Store, length: int, earliest: str, periods: list[str]
) -> None:
    join(store, AI, "new", AUGUST)
    join(store, AI, "old", JULY)
    join(store, LAW, "old", JULY)
    store.enter_archives(AI, ["old", "new", "no"], length, earliest)
    assert store.waiting(AI) == list(zip(periods, ["old", "new"], strict=True))
    assert store.waiting(LAW) == []
    assert store.newest_period(AI) == periods[-1]
    assert store.newest_period(LAW) == ""


def test_archives_take_each_item_once(sealed: Store) -> None:
    sealed.enter_archives(AI, None, 4, "2022")
    assert sealed.waiting(AI) == [("2021-07", "c"), ("2021-08", "d")]


def test_part_holds_its_items_in_the_order_of_feeds(sealed: Store) -> None:
    assert ids(sealed.members_of(AI, PART)) == ["a", "b"]  # published 2 and 1
    assert sorted(ids(sealed.unsealed(AI))) == ["c", "d"]
    assert sealed.parts_of(AI) == [PART]
    assert sealed.sealed_parts() == {AI: [PART]}
    assert sealed.sealed_periods() == ["2021-07"]
    assert sealed.parts_with(["a", "c", "no"]) == {(AI, PART)}
    assert (sealed.last_part(AI, "2021-07"), sealed.last_part(AI, "2021-08")) == (1, 0)
    assert sealed.feeds_waiting() == {AI}


def test_archives_are_left_with_the_feed(sealed: Store) -> None:
    sealed.remove_memberships(["a", "d"])
    sealed.leave_archives(["d"])
    assert (sealed.waiting(AI), len(sealed.parts_with(["a"]))) == ([("2021-07", "c")], 1)
    sealed.leave_archives(None)
    assert sealed.parts_with(["a"]) == set()
    assert sealed.parts_of(AI) == [PART]


@pytest.mark.parametrize("looked_at", [None, ["a", "c"]], ids=["all", "some"])
def test_edits_are_noted_of_sealed_items_that_readers_see_changed(
    sealed: Store, looked_at: list[str] | None
) -> None:
    sealed.remove_memberships(["a", "c"])
    edited = [Membership(*AI, Entry(0, id_, 3, 99, b""), JULY) for id_ in ("a", "c")]
    sealed.add_memberships(edited)
    sealed.note_edited(looked_at, 500)
    assert [(at, one.entry.id) for at, one in sealed.edited_since(AI, 500)] == [(500, "a")]
    assert sealed.edited_since(AI, 501) == []
    sealed.note_edited(looked_at, 600)  # nothing changed since
    assert sealed.edited_since(AI, 501) == []


def test_edits_of_items_that_are_not_looked_at_wait(sealed: Store) -> None:
    sealed.remove_memberships(["a"])
    sealed.add_memberships([Membership(*AI, Entry(0, "a", 3, 99, b""), JULY)])
    sealed.note_edited(["b"], 500)
    assert sealed.edited_since(AI, 0) == []


def test_archives_are_dropped_by_feed_and_period(sealed: Store) -> None:
    asked = set()

    def keeps(ref: FeedRef, period: str) -> bool:
        asked.add((ref, period))
        return period != "2021-07"

    sealed.drop_archives(keeps)
    assert asked == {(AI, "2021-07"), (AI, "2021-08")}
    assert (sealed.parts_of(AI), sealed.waiting(AI)) == ([], [("2021-08", "d")])


@pytest.mark.parametrize(
    ("looked_at", "refs"),
    [
        pytest.param(None, {AI, LAW}, id="any item"),
        pytest.param(["b"], {LAW}, id="one item"),
        pytest.param([], set(), id="no item"),
    ],
)
def test_feeds_are_those_in_which_items_stand(
    store: Store, looked_at: list[str] | None, refs: set[FeedRef]
) -> None:
    join(store, AI, "a", JULY)
    join(store, LAW, "b", JULY)
    assert store.feeds_holding(looked_at) == refs


def test_items_are_found_whose_images_changed_since_the_last_pass(store: Store) -> None:
    for path in ("a", "b"):
        images = (Image(f"https://i.example.com/{path}.jpg", cached=True),)
        record(store, path, images=images, **good(path, id=path))
    record(store, "a2", images=(Image("https://i.example.com/a.jpg", cached=True),))
    store.keep_image(CachedImage(key=image_key("https://i.example.com/a.jpg"), url="", name="a"))
    assert store.ids_with_image_news() == {"a"}
    store.clear_image_news()
    assert store.ids_with_image_news() == set()
