"""The store keeps readings until a pass takes them, and knows which seeds are held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from feeds.common.files import Fingerprint
from feeds.common.media import image_key
from feeds.common.model import Image, ParsedSeed, Problem
from feeds.store import Store, open_state
from feeds.store.readings import Kept, ReadSeed
from tests.support.site import header
from tests.support.storing import MARK, PROBLEM, good, record


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_state(tmp_path / "state.db", "pass", pytest.fail) as store, store.transaction():
        yield store


def test_kept_readings_are_known_by_path_and_taken_once(store: Store) -> None:
    one = ParsedSeed("a", b"1", header=header(), data=b"item")
    bad = ParsedSeed("b", b"2", problems=(PROBLEM,))
    for reading in (ParsedSeed("a", b"0", same=True), bad, one):
        store.keep_readings([ReadSeed("", MARK, reading, reading is not bad)], "1")
    other = ReadSeed("", Fingerprint(1, 2, 3), ParsedSeed("c", b"3"), settled=True)
    store.keep_readings([other], "2")
    assert store.kept_readings("1") == {
        "a": Kept(MARK, settled=True, same=False, content=b"1"),
        "b": Kept(MARK, settled=False, same=False, content=b"2"),
    }
    taken = {reading.path: reading for reading in store.take_readings()}
    assert taken == {"a": one, "b": bad, "c": ParsedSeed("c", b"3")}
    assert (store.kept_readings("1"), list(store.take_readings())) == ({}, [])


def test_many_readings_are_taken_in_pages_each_once(store: Store) -> None:
    seeds = [ReadSeed("", MARK, ParsedSeed(str(one), b"1"), settled=True) for one in range(450)]
    store.keep_readings(seeds, "1")
    store.keep_readings(seeds[7:9], "1")
    waiting = "SELECT count(*) FROM reading"
    assert store._db.execute(waiting).fetchone() == (4,)
    readings = store.take_readings()
    assert {next(readings).path for _ in range(2)} == {"7", "8"}
    assert sorted(int(one.path) for one in readings) == sorted({*range(450)} - {7, 8})


def test_held_stories_are_counted_by_folder_and_once_each(store: Store) -> None:
    for path, id_ in {"/s/a/1": "x", "/s/a/2": "x", "/s/a/3": "y", "/s/b/1": "z"}.items():
        record(store, path, **good(path, id=id_))
    assert store.held() == {}
    for held in ({"/s/b/1": "/s"}, dict.fromkeys(["/s/a/1", "/s/a/2", "/s/a/3"], "/s/a")):
        store.hold(held)
        assert store.held() == held
    assert store.held_stories() == [("/s/a", 2)]
    assert store.paths_of("x") == {"/s/a/1", "/s/a/2"}
    assert store.stories(["/s/b/1", "/s/c"]) == {"/s/b/1": "z"}


def test_stories_below_a_folder_are_counted_once_each_and_up_to_a_limit(store: Store) -> None:
    for path, id_ in {"/s/1": "x", "/s/a/1": "x", "/s/a/2": "y", "/s/a.b/3": "z"}.items():
        record(store, path, **good(path, id=id_))
    record(store, "/s/a/bad")
    counts = [store.story_count(one, [], 9) for one in ("/", "/s", "/s/a", "/s/a/1")]
    assert counts == [3, 3, 2, 0]
    assert (store.story_count("/s", [], 2), store.story_count("/s/a", ["/s/a/2"], 9)) == (2, 1)


def test_secret_that_an_older_release_took_for_a_part_of_an_item_goes_with_the_item(
    store: Store,
) -> None:
    secret = Problem("/s/a.md", 1, 1, "secured", "stands in the text")
    for parser, ids in (("1", ["a"]), ("2", [])):
        record(store, "a", **good("a", id="a"))
        reading = ParsedSeed("a", b"2", problems=(secret,))
        store.record([ReadSeed("", MARK, reading, settled=True)], parser)
        assert list(store.stories(["a"]).values()) == ids


def test_images_of_kept_readings_are_known_before_they_are_recorded(store: Store) -> None:
    urls = [f"https://images.example.com/{number}.jpg" for number in range(2)]
    images = tuple(Image(url, cached=True) for url in urls)
    reading = ParsedSeed("a", b"1", header=header(), data=b"item", images=images)
    store.keep_readings([ReadSeed("", MARK, reading, settled=True)], "1")
    assert list(store.kept_image_keys()) == [image_key(url) for url in urls]
