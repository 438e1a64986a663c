"""What the store knows of images: who names them, what is due, what is news."""

from __future__ import annotations

import msgspec
import pytest

from feeds.common.media import CachedImage, HostFailure, image_key
from feeds.common.model import Image
from feeds.store import Store
from tests.support.storing import good, record

ONE, TWO = "https://i.example.com/1.jpg", "https://i.example.com/2.jpg"


def named(store: Store, path: str, *images: Image, **header: object) -> None:
    """Records a seed that names images."""
    digest = repr(images).encode()
    record(store, path, images=images, **good(path, id=path, digest=digest, **header))


def known(store: Store, url: str = ONE) -> CachedImage:
    return next(image for image in store.images() if image.url == url)


def keep(store: Store, **changes: object) -> None:
    store.keep_image(msgspec.structs.replace(known(store), **changes))


def due(store: Store, now: int = 10, *, every: bool = False) -> list[str]:
    return [image.url for image in store.due_images(now, every=every)]


def test_named_image_is_due_at_once_newest_first(store: Store) -> None:
    named(store, "a", Image(ONE, cached=True), dated=1)
    named(store, "b", Image(TWO, cached=True), dated=2)
    assert due(store) == [TWO, ONE]
    assert store.next_image_due(every=False) == 0
    assert known(store).host == "i.example.com"


def test_image_that_is_not_cached_is_due_only_where_all_are(store: Store) -> None:
    named(store, "a", Image(ONE))
    assert (due(store), store.next_image_due(every=False)) == ([], None)
    assert due(store, every=True) == [ONE]


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_image_that_is_named_twice_counts_as_cached(store: Store, order: tuple[bool, ...]) -> None:
    named(store, "a", *(Image(ONE, cached=cached) for cached in order))
    assert due(store) == [ONE]


def test_image_is_due_when_its_time_comes(store: Store) -> None:
    named(store, "a", Image(ONE, cached=True))
    keep(store, due=100)
    assert (due(store, 99), due(store, 100)) == ([], [ONE])
    assert store.next_image_due(every=False) == 100


def test_image_that_no_seed_names_any_more_is_not_due_and_noted(store: Store) -> None:
    named(store, "a", Image(ONE, cached=True))
    named(store, "b", Image(ONE, cached=True))
    named(store, "a", Image(TWO, cached=True))
    store.note_unnamed(5)
    assert store.unnamed_images(100) == []
    store.forget(["b"])
    store.note_unnamed(7)
    store.note_unnamed(9)
    assert (due(store), store.unnamed_images(6)) == ([TWO], [])
    assert [image.url for image in store.unnamed_images(7)] == [ONE]
    named(store, "c", Image(ONE, cached=True))
    assert store.unnamed_images(100) == []


@pytest.mark.parametrize(
    ("change", "news"),
    [
        ({"name": "media/x"}, True),
        ({"length": 9}, True),
        ({"digest": b"x"}, True),
        ({"missing": True}, True),
        ({"reason": "x", "due": 9, "failures": 2, "etag": "x", "mtime_ns": 8}, False),
    ],
)
def test_change_of_what_is_shown_is_news(
    store: Store, change: dict[str, object], *, news: bool
) -> None:
    named(store, "a", Image(ONE, cached=True))
    assert not store.has_image_news()
    keep(store, **change)
    assert store.has_image_news() == news
    keep(store)  # once more, as it is
    assert store.has_image_news() == news
    store.clear_image_news()
    assert not store.has_image_news()


def test_pictures_come_in_the_order_of_the_seed_cached_ones_first(store: Store) -> None:
    urls = [f"https://i.example.com/{name}" for name in "dcba"]
    named(store, "a", *(Image(url, cached=url[-1] in "ca") for url in urls))
    (number,) = (one.number for one in store.item_headers())
    for every, names in ((False, "ca"), (True, "cadb")):
        found = store.pictures([number, 99], every=every)
        assert [picture.url[-1] for _, picture in found[number]] == list(names)


def test_copy_is_known_by_its_whole_name(store: Store) -> None:
    named(store, "a", Image(ONE), Image(TWO))
    key = image_key(ONE)
    name = f"media/{key[:2]}/{key}.png"
    for image in store.images():
        if image.url == ONE:
            kept = msgspec.structs.replace(image, name=name, length=5, mtime_ns=7)
            store.keep_image(kept)
    other = name.replace(".png", ".jpg")
    found = store.copy_fingerprints([name, other, f"media/{key[:2]}/{image_key(TWO)}.png"])
    assert {one: at for one, at in found.items() if one} == {name: (5, 7)}


def test_images_are_found_by_the_folder_of_their_copies(store: Store) -> None:
    named(store, "a", Image(ONE), Image(TWO))
    folder = image_key(ONE)[:2]
    assert [image.url for image in store.images_in(folder)] == [ONE]
    assert store.images_in("zz") == []


def test_images_without_a_copy_are_told_from_those_with_one(store: Store) -> None:
    named(store, "a", Image(ONE), Image(TWO))
    keep(store, name="media/x")
    copied, waiting = image_key(ONE), image_key(TWO)
    assert list(store.without_copy([copied, waiting, "unknown"])) == [waiting, "unknown"]


def test_hosts_and_names_are_kept(store: Store) -> None:
    failures = [HostFailure("a", 3, 9, "why")]
    store.keep_host_failures(failures)
    store.keep_host_failures(failures)
    assert store.host_failures() == {"a": failures[0]}
    states: list[dict[str, tuple[str, ...]]] = [
        {"all": ("media/x", "media/y"), "topics/ai": ()},
        {"all": ("media/x",), "topics/ai": ("media/y",)},
        {"all": (), "topics/ai": ("media/y",)},
        {"providers/x": ("media/y",)},
    ]
    for names in states:
        store.keep_feed_images(names, store.feed_images())
        assert store.feed_images() == {one: some for one, some in names.items() if some}
