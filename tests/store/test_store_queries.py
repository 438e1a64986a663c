"""The edges of the store's queries: what a term leaves out, and which of two rows counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from feeds.common.model import Image, ItemHistory
from feeds.store import Store
from tests.support.storing import good, record

ONE, TWO = "https://i.example.com/1.jpg", "https://i.example.com/2.jpg"


def named(store: Store, path: str, dated: int, *urls: str) -> None:
    """Records a seed of that date that names images."""
    images = tuple(Image(url, cached=True) for url in urls)
    seed = good(path, id=path, digest=path.encode(), dated=dated)
    record(store, path, images=images, **seed)


def test_queries_rank_an_image_used_twice_by_the_newer_use(store: Store) -> None:
    named(store, "old", 1, ONE)
    named(store, "middle", 2, TWO)
    named(store, "new", 3, ONE)
    assert [image.url for image in store.due_images(10, every=False)] == [ONE, TWO]


def test_queries_for_the_next_date_pass_over_what_is_not_published(store: Store) -> None:
    record(store, "a", **good("a", id="a", dated=20, is_published=False))
    assert store.next_dated(10) is None
    record(store, "b", **good("b", id="b", dated=30))
    assert [store.next_dated(after) for after in (10, 29, 30)] == [30, 30, None]


def test_name_counts_from_the_second_of_its_date(store: Store) -> None:
    record(store, "a", **good("a", dated=30, topics=("AI",)))
    assert [store.topic_names(now) for now in (29, 30)] == [{}, {"AI": 1}]


def test_name_of_an_item_that_readers_were_shown_counts_once_in_that_second(store: Store) -> None:
    store.mark_first_seen(record(store, "a", **good("a", id="a", dated=30, topics=("AI",))), 1)
    store.remember({"a": ItemHistory(30, 30, b"", {})})
    assert [store.topic_names(now) for now in (29, 30, 31)] == [{"AI": 1}] * 3


def plan(store: Store, ask: Callable[[], object]) -> list[str]:
    """Returns the steps that SQLite takes for the one query of a call."""
    queries: list[str] = []
    store._db.set_trace_callback(queries.append)
    ask()
    store._db.set_trace_callback(None)
    (query,) = queries
    return [step for *_, step in store._db.execute(f"EXPLAIN QUERY PLAN {query}")]


def test_what_qualified_lately_is_found_by_an_index(store: Store) -> None:
    first, *_ = plan(store, lambda: store.recently_qualified("topic", "ai", 20))
    assert first == "SEARCH slot USING INDEX slot_since (kind=? AND key=? AND since>?)"


def test_names_of_future_items_and_known_images_are_found_by_indexes(store: Store) -> None:
    first, *_ = plan(store, lambda: list(store._undue(20)))
    assert first == "SEARCH seed USING INDEX seed_dated (dated>?)"
    assert plan(store, store.has_pictures) == ["SCAN image USING INDEX image_known"]
    first, *_ = plan(store, lambda: store.repeated_ids({"a"}))
    assert first == "SEARCH seed USING COVERING INDEX seed_id (id=?)"
    first, *_ = plan(store, store.feeds_with_image_news)
    assert first == "SCAN image USING INDEX image_news"


@pytest.mark.parametrize(
    ("ask", "steps"),
    [
        pytest.param(
            lambda store: store.headers_at(["a"]), "sqlite_autoindex_seed_1 (path=?)", id="path"
        ),
        pytest.param(lambda store: store.headers_of(["a"]), "seed_id (id=?)", id="id"),
    ],
)
def test_items_are_found_by_an_index(
    store: Store, ask: Callable[[Store], object], steps: str
) -> None:
    first, *_ = plan(store, lambda: ask(store))
    assert first == f"SEARCH s USING INDEX {steps}"


def test_items_that_hold_a_text_are_found_in_path_order(store: Store) -> None:
    for path in ("b", "a", "c"):
        data = f"{path} holds é".encode() if path != "c" else b"holds e"
        record(store, path, **good(path, id=path) | {"data": data})
    assert [one.path for one in store.headers_with("holds é")] == ["a", "b"]
    assert store.headers_with("é holds") == []


def test_images_that_no_seed_names_are_found_by_an_index(store: Store) -> None:
    assert plan(store, lambda: store.unnamed_images(1)) == [
        "SEARCH image USING INDEX image_unnamed (unnamed>? AND unnamed<?)"
    ]


def test_newest_items_of_a_feed_are_read_in_their_order(store: Store) -> None:
    steps = plan(store, lambda: store.newest("topic", "ai", 20))
    assert steps == ["SEARCH slot USING PRIMARY KEY (kind=? AND key=?)"]


def test_only_items_that_no_seed_has_any_more_are_in_no_feed(store: Store) -> None:
    ids = {"a", "b"}
    for id_ in ids:
        record(store, id_, **good(id_, id=id_))
    store.mark_first_seen(ids, 1)
    store.remember({id_: ItemHistory(30, 30, b"", {"#ai": 30}) for id_ in ids})
    store.forget(["a"])
    store.reset_memberships(ids)
    record(store, "a", **good("a", id="a"))
    histories = {one.id: one.history and one.history.qualified for one in store.item_headers()}
    assert histories == {"a": {}, "b": {"#ai": 30}}
