"""Images as the stages hand them on, and which image of an item is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from feeds.common.model import MEDIA, Image, Picture


class CachedImage(msgspec.Struct, kw_only=True, frozen=True):
    """An image as the cache knows it; the copy is `name` (``""`` without one) and the rest.

    `form` is how the copy was made (see `settings_of`), `digest` the SHA-256 of its bytes.
    `etag` and `modified` are the validators that its server sent. Times are seconds since 1970:
    `fetched` when a server last confirmed the copy (0 for a file that was dropped into the cache),
    `due` when to ask next. `reason` says why the last fetch brought nothing.
    """

    key: str
    url: str
    host: str = ""
    name: str = ""
    type: str = ""
    length: int = 0
    width: int = 0
    height: int = 0
    digest: bytes = b""
    mtime_ns: int = 0
    form: str = ""
    etag: str = ""
    modified: str = ""
    missing: bool = False
    fetched: int = 0
    due: int = 0
    failures: int = 0
    reason: str = ""


def narrow_name(key: str, width: int) -> str:
    """Returns where a narrower copy of an image stands below the cache, and below out/."""
    return f"{MEDIA}/{key[:2]}/{key}-{width}.webp"


class HostFailure(msgspec.Struct, frozen=True):
    """A host that keeps failing: how often in a row, until when it is left alone, and why."""

    host: str
    failures: int
    until: int
    reason: str


def is_shown(picture: Picture, *, cached: bool) -> bool:
    """Tells whether the image of an item is shown, unless one before it is.

    Images that the seed calls `cached` come first, and are shown unless they are known to be
    missing. Any other image is shown only if there is a copy of it.
    """
    return bool(picture.name) or (cached and not picture.missing)


def shown_image(
    images: Iterable[Image], pictures: Iterable[Picture] = ()
) -> tuple[Image, Picture] | None:
    """Returns the image that is shown of an item, with what the image cache knows of it."""
    known = {picture.url: picture for picture in pictures}
    for image in sorted(images, key=lambda image: not image.cached):
        picture = known.get(image.url, Picture(image.url))
        if is_shown(picture, cached=image.cached):
            return image, picture
    return None


def pictures_to_show(
    images: dict[int, list[tuple[bool, Picture]]],
    can_show: Callable[[str], bool] | None,
    *,
    every: bool,
) -> dict[int, list[Picture]]:
    """Returns what documents need to know of images, by item; no copy without `can_show`.

    The images of an item come with whether its seed calls them cached (see `Store.pictures`);
    `every` also takes those that it does not (``images.fetch = "all"``).
    """
    found = {}
    for number, some in images.items():
        needed = _up_to_shown([one for one in some if one[0] or every], can_show)
        if needed:
            found[number] = needed
    return found


def _up_to_shown(
    images: list[tuple[bool, Picture]], can_show: Callable[[str], bool] | None
) -> list[Picture]:
    """Returns the missing ones up to the image that is shown, and that one if it is a copy."""
    needed = []
    for cached, picture in images:
        if picture.missing:
            needed.append(picture)
        elif picture.name and can_show and can_show(picture.name):
            narrower = tuple(one for one in picture.narrower if can_show(one[0]))
            return [*needed, msgspec.structs.replace(picture, narrower=narrower)]
        elif is_shown(Picture(picture.url), cached=cached):
            break  # as the seed has it
    return needed
