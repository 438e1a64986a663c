"""The pictures of pages: which file a browser is to load for the place where one is shown."""

from __future__ import annotations

from typing import NamedTuple

from feeds.render.context import Enclosure, EntryView, Site

_DRAWN = {"image/png", "image/gif", "image/svg+xml"}
# Where the picture of a story is shown, in CSS pixels: its width, and its height at most. On narrow
# screens it is a square. The style sheet says the same.
_BOX, _BOX_HEIGHT, _SQUARE = 208, 139, 96
# An original that is wider weighs too much for pages, which have narrower copies of it. One that is
# hardly wider than a copy looks the same and weighs several times as much.
_WIDEST, _HARDLY_WIDER = 1280, 1.25


class PagePicture(NamedTuple):
    """The picture of an entry; sizes in pixels, 0 if unknown; `alt` is empty if it is the title.

    `fit` is ``tall`` for one that is higher than wide, which is best cut at its lower end, and
    ``whole`` for one that should not be cut or enlarged. `url` is absolute. `srcset` and `sizes`
    are for attributes of these names, empty if there is no narrower copy.
    """

    src: str
    width: int
    height: int
    alt: str
    fit: str
    url: str
    srcset: str
    sizes: str


def page_picture(site: Site, up: str, view: EntryView) -> PagePicture | None:
    """Returns the picture; if it is in out/, by a relative URL, right wherever out/ is served.

    An image that has no copy is not shown: its host would learn who reads the page.

    Args:
        site: The site.
        up: The relative address of out/ from the page.
        view: The entry.
    """
    enclosure = view.enclosure
    if enclosure is None:
        return None
    url, is_own = enclosure.url, enclosure.url.startswith(site.base_url)
    if not is_own and not (site.media_url and url.startswith(site.media_url)):
        return None

    def seen(one: str) -> str:
        return up + one.removeprefix(site.base_url) if is_own else one

    alt = enclosure.title if enclosure.title != view.item.title else ""
    width, height = enclosure.width, enclosure.height
    fit = "tall" if height > width else ""
    # What is drawn, as logos and charts are, says nothing without its edges.
    if enclosure.type in _DRAWN or 0 < width < _BOX:
        fit = "whole"
    srcset = ", ".join(f"{seen(one)} {wide}w" for one, wide in _candidates(enclosure))
    sizes = _sizes(enclosure, fit) if srcset else ""
    return PagePicture(seen(url), width, height, alt, fit, url, srcset, sizes)


def _candidates(enclosure: Enclosure) -> list[tuple[str, int]]:
    """Returns the files of a picture with their widths; the original only if it is the best."""
    found = list(enclosure.narrower)
    if found and found[-1][1] * _HARDLY_WIDER < enclosure.width <= _WIDEST:
        found.append((enclosure.url, enclosure.width))
    return found


def _sizes(enclosure: Enclosure, fit: str) -> str:
    """Returns how wide a picture is shown: what is cut at its sides is wider than its box.

    Not so on narrow screens, where 50 pictures are to weigh little.
    """
    box = _BOX
    if enclosure.height and fit != "whole":
        box = max(box, round(_BOX_HEIGHT * enclosure.width / enclosure.height))
    return f"(min-width: 40rem) {box}px, {_SQUARE}px"
