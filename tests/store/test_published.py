"""What the store knows of out/: feeds, files, copies of images, and the catalogue."""

from __future__ import annotations

import pytest

from feeds.common.files import Fingerprint
from feeds.common.model import Feed, FeedSummary
from feeds.store import Store
from feeds.store.published import OPEN, ListedFeed

FILES = {name: Fingerprint(number, 2, 3) for number, name in enumerate(("a", "b", "c"))}


def summary(address: str) -> FeedSummary:
    feed = Feed(address, "topic", address, "AI", "AI", "", 50)
    return FeedSummary(feed, 3, 20, 30, 0, 0, None, (1, 2))


@pytest.fixture
def filled(store: Store) -> Store:
    """A store of two feeds, each with documents and images, of which `b` is sealed."""
    for address in ("a", "b"):
        store.keep_feed(address.encode(), summary(address))
    store.keep_fingerprints(FILES, {})
    store.keep_feed_images({"a": ("1.jpg", "2.jpg"), "b": ("2.jpg", "3.jpg")}, {})
    store.mark_sealed(["b"], ["b"])
    return store


@pytest.mark.parametrize(
    ("which", "feeds", "files"),
    [
        pytest.param(None, {"a", "b"}, {"a", "b", "c"}, id="all"),
        pytest.param(OPEN, {"a"}, {"a", "c"}, id="not sealed"),
        pytest.param({"b", "no"}, {"b"}, {"b"}, id="some"),
        pytest.param([], set(), set(), id="none"),
    ],
)
def test_published_rows_are_those_that_are_asked_for(
    filled: Store, which: frozenset[str] | None, feeds: set[str], files: set[str]
) -> None:
    assert filled.feeds(which) == {one: (one.encode(), summary(one)) for one in feeds}
    assert filled.fingerprints(which) == {one: FILES[one] for one in files}
    assert filled.feed_images(which).keys() == feeds


def test_published_feed_is_replaced_and_dropped_by_its_address(filled: Store) -> None:
    filled.keep_feed(b"other", summary("a"))
    assert filled.feeds()["a"][0] == b"other"
    assert [one.address for one in filled.published_feeds()] == ["a", "b"]
    filled.drop_feeds(["b", "no"])
    assert filled.feeds().keys() == {"a"}


def test_published_files_are_those_of_the_last_pass(filled: Store) -> None:
    after = {"a": FILES["a"], "c": Fingerprint(9, 9, 9), "d": Fingerprint(4, 5, 6)}
    filled.keep_fingerprints(after, FILES)
    assert filled.fingerprints() == after


def test_published_files_that_another_kept_stay(filled: Store) -> None:
    filled.keep_fingerprints({"a": Fingerprint(7, 7, 7)}, {"a": FILES["a"]})
    assert filled.fingerprints() == FILES | {"a": Fingerprint(7, 7, 7)}


def test_published_documents_of_sealed_parts_are_in_order(filled: Store) -> None:
    filled.mark_sealed([], ["c", "a"])
    assert filled.sealed_documents() == ["a", "b", "c"]


def test_published_images_go_with_the_last_that_a_feed_names(filled: Store) -> None:
    before = filled.feed_images()
    filled.keep_feed_images({"a": ("2.jpg",), "b": ()}, before)
    assert filled.feed_images() == {"a": ("2.jpg",)}


@pytest.mark.parametrize(
    ("without", "names"),
    [
        pytest.param([], {"1.jpg", "2.jpg", "3.jpg"}, id="none left aside"),
        pytest.param(["a"], {"2.jpg", "3.jpg"}, id="one left aside"),
        pytest.param(["a", "b"], set(), id="all left aside"),
    ],
)
def test_published_images_of_the_other_feeds(
    filled: Store, without: list[str], names: set[str]
) -> None:
    assert filled.images_elsewhere(without) == names


@pytest.fixture
def listed(store: Store) -> Store:
    """A store with a catalogue of five feeds."""
    store.keep_catalogue(
        [
            ListedFeed("all", "", "all", 9, ""),
            ListedFeed("topic", "a", "topics/a", 3, "feeds/a"),
            ListedFeed("topic", "b", "topics/b", 5, "feeds/b"),
            ListedFeed("topic", "c", "topics/c", 3, "feeds/a"),
            ListedFeed("topic", "d", "topics/d", 0, ""),
        ]
    )
    return store


def test_catalogue_gives_the_largest_feeds_of_a_kind_that_have_entries(listed: Store) -> None:
    assert list(listed.largest("topic")) == [(5, "topics/b"), (3, "topics/a"), (3, "topics/c")]
    assert (listed.listed_count("topic"), listed.listed_count("provider")) == (3, 0)


def test_catalogue_gives_feeds_by_name_and_by_page(listed: Store) -> None:
    found = listed.listed([("topic", "b"), ("topic", "no"), ("provider", "b")])
    assert found == {("topic", "b"): ListedFeed("topic", "b", "topics/b", 5, "feeds/b")}
    assert sorted(listed.listed_on("feeds/a")) == ["topics/a", "topics/c"]


def test_catalogue_is_replaced_as_a_whole_or_updated_in_some_rows(listed: Store) -> None:
    listed.update_catalogue([ListedFeed("topic", "d", "topics/d", 7, "feeds/d")])
    assert listed.listed_count("topic") == 4
    kept = ListedFeed("topic", "a", "topics/a", 1, "feeds/a")
    listed.keep_catalogue([kept])
    assert (listed.listed_count("all"), list(listed.largest("topic"))) == (0, [(1, "topics/a")])


def test_documents_that_are_gone_are_remembered_until_they_are_back(store: Store) -> None:
    store.retire(["a.atom", "b.atom"], [])
    store.retire(["b.atom", "c.atom"], ["a.atom", "x.atom"])
    assert store.retired() == {"b.atom", "c.atom"}
