"""Which image of an item is shown: one rule for digests, passes, documents and query feeds."""

from __future__ import annotations

import pytest

from feeds.common.media import Picture, pictures_to_show, shown_image
from feeds.common.model import Image

CACHED, PLAIN = Image("https://i.example/1", cached=True), Image("https://i.example/2")
SECOND = Image("https://i.example/3", cached=True)


def copy(image: Image) -> Picture:
    return Picture(image.url, "media/x")


def missing(image: Image) -> Picture:
    return Picture(image.url, missing=True)


@pytest.mark.parametrize(
    ("images", "pictures", "shown"),
    [
        ([], [], None),
        ([PLAIN], [], None),
        ([PLAIN, CACHED], [], CACHED),
        ([PLAIN, CACHED], [copy(PLAIN)], CACHED),
        ([CACHED, SECOND], [missing(CACHED)], SECOND),
        ([PLAIN, CACHED], [missing(CACHED), copy(PLAIN)], PLAIN),
        ([PLAIN, CACHED], [missing(CACHED)], None),
        ([CACHED, SECOND], [copy(SECOND)], CACHED),
    ],
)
@pytest.mark.parametrize("usable", [True, False])
def test_image_that_is_shown(
    images: list[Image], pictures: list[Picture], shown: Image | None, *, usable: bool
) -> None:
    found = shown_image(images, pictures)
    assert (found[0] if found else None) == shown
    known = {picture.url: picture for picture in pictures}
    ordered = sorted(images, key=lambda one: not one.cached)
    stored = [(one.cached, known.get(one.url, Picture(one.url))) for one in ordered]
    needed = pictures_to_show({7: stored}, lambda _: usable, every=True).get(7, [])
    again = shown_image(images, needed)
    if usable:
        assert (again[0] if again else None) == shown
    else:
        assert again is None or (again[0].cached and not again[1].name)


def test_only_images_that_seeds_call_cached_count_unless_all_do() -> None:
    stored = {7: [(False, copy(PLAIN))]}
    assert pictures_to_show(stored, lambda _: True, every=True) == {7: [copy(PLAIN)]}
    assert pictures_to_show(stored, lambda _: True, every=False) == {}
    assert pictures_to_show(stored, None, every=True) == {}
