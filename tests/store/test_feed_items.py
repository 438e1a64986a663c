"""The part of the store that selection works on: headers, histories, memberships and feeds."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from feeds.common.model import Entry, Feed, FeedRef, FeedSummary, ItemHistory, Membership, Provider
from feeds.store import Store
from tests.support.site import header
from tests.support.storing import PROBLEM, good, record


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="plain"),
        pytest.param({"dated": -(10**10), "revised": 10**11, "heat": 10**9}, id="numbers"),
        pytest.param({"is_published": False, "topics": (), "category": ""}, id="empty"),
        pytest.param(
            {
                "topics": ("C++", 'a "b", [c]', "日本語", "😀\u2028"),
                "category": "'; DROP TABLE seed; --",
                "tags": ("'; DROP TABLE item; --", "日本語"),
                "locale": "en-GB",
                "provider": Provider("Ünï ', \"", "xn--n-jga.org"),
            },
            id="text",
        ),
        pytest.param({"digest": bytes(16), "reader_digest": b"\x01\xff\x00'"}, id="bytes"),
    ],
)
def test_header_comes_back_as_it_was(store: Store, changes: dict[str, Any]) -> None:
    kept = replace(header(path="a"), **changes)
    record(store, header=kept, data=b"")
    (found,) = store.item_headers()
    assert found.number > 0
    assert found == replace(kept, number=found.number)


def test_headers_come_in_path_order_however_they_were_read(store: Store) -> None:
    paths = ["b", "a/z", "é", "B", "a", "a b", "10", "9"]
    for path in paths:
        record(store, path, **good(path))
    assert [one.path for one in store.item_headers()] == sorted(paths)


def test_forgotten_seed_takes_its_item_and_leaves_its_history(store: Store) -> None:
    history = ItemHistory(5, 6, b"shown", {"": 7, "日本": -8})
    store.mark_first_seen(record(store, **good()), 100)
    store.remember({header().id: history})
    (before,) = store.item_headers()
    store.forget(["a"])
    assert (list(store.item_headers()), store.seed_fingerprints(""), store.item_count()) == (
        [],
        {},
        0,
    )
    record(store, "moved", **good("moved"))
    (after,) = store.item_headers()
    assert after.history == before.history == history


def test_store_tells_which_items_came_went_or_changed(store: Store) -> None:
    assert record(store, **good(id="urn:1")) == {"urn:1"}
    assert record(store, **good(id="urn:2")) == {"urn:1", "urn:2"}
    assert record(store, problems=(PROBLEM,)) == set()
    assert store.forget(["a"]) == {"urn:2"}
    record(store, problems=(PROBLEM,))
    assert store.forget(["a"]) == set()


def first_seen(store: Store) -> dict[str, int]:
    return dict(store._db.execute("SELECT id, first_seen FROM memory"))


def test_store_remembers_when_an_item_was_first_seen(store: Store) -> None:
    new = record(store, "a", **good("a", id="urn:a"))
    store.mark_first_seen(new | record(store, "bad", problems=(PROBLEM,)), 100)
    new = record(store, "b", **good("b", id="urn:b"))
    store.mark_first_seen(new | record(store, "twin", **good("twin", id="urn:b")) | {"urn:a"}, 200)
    store.remember({"urn:a": ItemHistory(1, 2, b"", {})})
    assert first_seen(store) == {"urn:a": 100, "urn:b": 200}
    assert {one.id: one.history is None for one in store.item_headers()} == {
        "urn:a": False,
        "urn:b": True,
    }


def test_feeds_are_kept_until_they_are_dropped(store: Store) -> None:
    for key, entries in [(b"1", 1), (b"2", 2)]:
        for address in ("all", "gone"):
            feed = Feed(address, "all", "", "é", "T", "", 9)
            store.keep_feed(key, FeedSummary(feed, entries, 5, None, 0, 1, None))
    store.drop_feeds(["gone", "never"])
    feed = Feed("all", "all", "", "é", "T", "", 9)
    assert store.feeds() == {"all": (b"2", FeedSummary(feed, 2, 5, None, 0, 1, None))}


def membership(ref: FeedRef, id_: str, published: int, since: int = 0) -> Membership:
    return Membership(*ref, Entry(1, id_, published, published + 1, b"digest"), since)


AI: FeedRef = ("topic", "ai")
CARS: FeedRef = ("topic", "cars")


def test_memberships_come_in_the_order_of_feeds(store: Store) -> None:
    memberships = [
        membership(AI, "b", 5, 30),
        membership(AI, "a", 5, 20),
        membership(AI, "c", 9, 10),
        membership(AI, "d", -3, 20),
    ]
    store.add_memberships([*memberships, membership(CARS, "a", 99, 99)])
    b, a, c, d = memberships
    assert store.newest(*AI, 9) == [c, a, b, d]
    assert store.newest(*AI, 2) == [c, a]
    assert store.recently_qualified(*AI, 20) == [a, b, d]
    assert store.recently_qualified(*AI, 31) == []
    assert [store.is_non_empty(ref) for ref in (AI, CARS)] == [True, True]


def test_items_leave_all_their_memberships(store: Store) -> None:
    store.add_memberships(
        [membership(AI, "a", 1), membership(CARS, "a", 1), membership(AI, "b", 2)]
    )
    assert store.remove_memberships(["a", "never"]) == {(*AI, "a"), (*CARS, "a")}
    assert [store.is_non_empty(ref) for ref in (AI, CARS)] == [True, False]
    assert store.remove_memberships(["a"]) == set()
    store.clear_memberships()
    assert not store.is_non_empty(AI)


def test_items_are_found_by_the_time_that_came(store: Store) -> None:
    for dated in (10, 20, 30):
        record(store, f"{dated}", **good(id=f"urn:{dated}", dated=dated))
    record(store, "draft", **good(id="urn:draft", dated=25, is_published=False))
    record(store, "bad", problems=(PROBLEM,))
    assert store.ids_dated(10, 30) == {"urn:20", "urn:30"}
    assert [store.next_dated(after) for after in (9, 10, 29, 30)] == [10, 20, 30, None]


def test_names_are_counted_as_published_items_spell_them(store: Store) -> None:
    sky = Provider("Sky", "sky.com")
    for number, (topics, name) in enumerate(
        [(("AI", "Ai"), "Sky"), (("AI",), "Sky News"), ((), "Sky")]
    ):
        one = replace(header(number, dated=number), topics=topics, provider=replace(sky, name=name))
        record(store, f"{number}", header=one, data=b"")
    record(store, "later", header=header(9, dated=101, topics=("Secret",)), data=b"")
    record(store, "draft", header=header(8, is_published=False, topics=("Draft",)), data=b"")
    assert store.topic_names(100) == {"AI": 2, "Ai": 1}
    assert store.provider_names(100) == {("sky.com", "Sky"): 2, ("sky.com", "Sky News"): 1}


def test_repeated_ids_are_those_of_more_than_one_seed(store: Store) -> None:
    for path, id_ in [("a", "urn:1"), ("b", "urn:2"), ("c", "urn:1"), ("d", "urn:1")]:
        record(store, path, **good(path, id=id_))
    for path in ("bad", "worse"):
        record(store, path, problems=(PROBLEM,))
    assert store.repeated_ids() == {"urn:1"}
    assert [one.path for one in store.headers_of(["urn:1"])] == ["a", "c", "d"]


def test_headers_come_in_pages_each_once(store: Store) -> None:
    for number in range(2001):
        record(store, f"{number:04}", header=header(number, path=f"{number:04}"), data=b"")
    pages = list(store.header_pages())
    assert [len(page) for page in pages] == [1000, 1000, 1]
    assert sorted(one.path for page in pages for one in page) == [f"{n:04}" for n in range(2001)]


def test_seed_without_an_item_has_no_header(store: Store) -> None:
    record(store, "a", **good("a"))
    record(store, "bad", problems=(PROBLEM,))
    (page,) = store.header_pages()
    found = (store.item_headers(), store.headers_at(["a", "bad"]), store.headers_with("item"), page)
    assert [[one.path for one in headers] for headers in found] == [["a"]] * 4


def test_address_stays_with_the_first_who_had_it(store: Store) -> None:
    store.keep_owners({"topics/b": ("topic", "b"), "topics/a": ("topic", "a")})
    store.keep_owners({"topics/a": ("topic", "other"), "topics/c": ("topic", "c")})
    assert list(store.owners().items()) == [
        ("topics/b", ("topic", "b")),
        ("topics/a", ("topic", "a")),
        ("topics/c", ("topic", "c")),
    ]


def test_feeds_are_found_by_what_their_items_name(store: Store) -> None:
    ai = header(1, id="urn:1", topics=("AI", "Big  News"))
    other = header(2, id="urn:2", topics=("Cats",), provider="cats.org")
    for path, one in (("a", ai), ("b", other)):
        record(store, path, header=one, data=b"")
    headers = {one.id: one for one in store.item_headers()}
    for kind, key, id_ in (("topic", "ai", "urn:1"), ("all", "", "urn:1"), ("all", "", "urn:2")):
        number = headers[id_].number
        store.add_memberships([Membership(kind, key, Entry(number, id_, 1, 1, b""), 1)])  # type: ignore[arg-type]
    assert store.feeds_naming({"big news"}, set()) == {("topic", "ai"), ("all", "")}
    assert store.feeds_naming(set(), {"cats.org"}) == {("all", "")}
    assert store.feeds_naming({"dogs"}, {"dogs.org"}) == set()
    assert store.names_of(headers["urn:1"].number) == (("AI", "Big  News"), "example.com")
    assert [store.is_non_empty(("topic", key)) for key in ("ai", "cats")] == [True, False]
