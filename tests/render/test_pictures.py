"""Which file of a picture a browser is told to load, and how wide it is shown."""

from __future__ import annotations

import pytest

from feeds.common.times import from_unix
from feeds.render.context import Enclosure, EntryView
from feeds.render.pictures import page_picture
from tests.support.rendering import RENDER_SITE, make_item

BASE = RENDER_SITE.base_url
NARROWER = tuple((f"{BASE}media/a-{width}.webp", width) for width in (208, 416))


def view(size: tuple[int, int], kind: str = "image/jpeg", narrow: bool = True) -> EntryView:  # noqa: FBT001, FBT002
    given = NARROWER if narrow else ()
    enclosure = Enclosure(f"{BASE}media/a.jpg", kind, 9, *size, "A camera", given)
    return EntryView(make_item(), from_unix(0), from_unix(0), enclosure, "")


@pytest.mark.parametrize(
    ("size", "kind", "fit", "sizes"),
    [
        ((600, 400), "image/jpeg", "", 208),
        ((800, 300), "image/jpeg", "", 371),
        ((600, 900), "image/webp", "tall", 208),
        ((800, 300), "image/png", "whole", 208),
    ],
    ids=["story", "panorama", "portrait", "drawing"],
)
def test_picture_is_as_wide_as_its_box_or_as_what_is_cut(
    size: tuple[int, int], kind: str, fit: str, sizes: int
) -> None:
    picture = page_picture(RENDER_SITE, "../", view(size, kind))
    assert picture is not None
    assert (picture.src, picture.fit) == ("../media/a.jpg", fit)
    assert picture.srcset == (
        f"../media/a-208.webp 208w, ../media/a-416.webp 416w, ../media/a.jpg {size[0]}w"
    )
    assert picture.sizes == f"(min-width: 40rem) {sizes}px, 96px"


@pytest.mark.parametrize(
    "width", [520, 1281], ids=["hardly wider than a copy", "too wide for pages"]
)
def test_original_is_left_out(width: int) -> None:
    picture = page_picture(RENDER_SITE, "", view((width, 300)))
    assert picture is not None
    assert picture.srcset == "media/a-208.webp 208w, media/a-416.webp 416w"


def test_picture_without_narrower_copies_is_the_original() -> None:
    picture = page_picture(RENDER_SITE, "", view((600, 400), narrow=False))
    assert picture is not None
    assert (picture.srcset, picture.sizes) == ("", "")


def test_picture_of_a_foreign_host_is_not_shown() -> None:
    foreign = Enclosure("https://other.example/a.jpg", "image/jpeg", 0, 1, 1, "")
    assert page_picture(RENDER_SITE, "", view((1, 1))._replace(enclosure=foreign)) is None
