"""Media types of files, images as the stages hand them on, and which image of an item is shown."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
from msgspec import structs

from feeds.common.model import Image

MEDIA = "media"  # where the files of images stand, below the image cache and below out/


class Kind(NamedTuple):
    """A media type; `text` is compressed and held in memory, a `feed` can be cut into deltas.

    `browser` is the Content-Type as which a browser shows it with its style sheet, if that is
    another: called by their own types, Chromium shows feeds as source text.
    """

    media_type: str
    text: bool = False
    feed: bool = False
    browser: str = ""

    @property
    def content_type(self) -> str:
        """The media type as HTTP sends it: texts are UTF-8."""
        return f"{self.media_type}; charset=utf-8" if self.text else self.media_type


_XML = "application/xml; charset=utf-8"
# By extension. Not `mimetypes`: it reads the machine's own lists, which documents must not depend
# on, and it knows no feeds.
_KINDS = {
    "atom": Kind("application/atom+xml", text=True, feed=True, browser=_XML),
    "rss": Kind("application/rss+xml", text=True, feed=True, browser=_XML),
    "json": Kind("application/feed+json", text=True, feed=True),
    "opml": Kind("text/x-opml", text=True),
    "html": Kind("text/html", text=True),
    "css": Kind("text/css", text=True),
    "js": Kind("text/javascript", text=True),
    "txt": Kind("text/plain", text=True),
    "xml": Kind("application/xml", text=True),
    "svg": Kind("image/svg+xml", text=True),
    "avif": Kind("image/avif"),
    "bmp": Kind("image/bmp"),
    "gif": Kind("image/gif"),
    "heic": Kind("image/heic"),
    "jpeg": Kind("image/jpeg"),
    "jpg": Kind("image/jpeg"),
    "png": Kind("image/png"),
    "tif": Kind("image/tiff"),
    "tiff": Kind("image/tiff"),
    "webp": Kind("image/webp"),
}
_OTHER = Kind("application/octet-stream")
# An asset that is named by its content.
_NAMED_ASSET = re.compile(r"assets/[\w.-]+\.[0-9a-f]{8}\.\w+", re.ASCII)
# Most pictures of news stories are JPEG.
_LIKELY_IMAGE = "image/jpeg"
# The extensions of the images that browsers and readers show, by media type.
IMAGE_EXTENSIONS = {_KINDS[one].media_type: one for one in ("jpg", "png", "gif", "webp", "avif")}


def kind_of(path: str) -> Kind:
    """Returns the kind of a file below out/."""
    return _KINDS.get(path.rpartition(".")[2], _OTHER)


def image_type(url: str) -> str:
    """Returns the media type of an image by the extension in its URL's path."""
    parts = url.partition("#")[0].partition("?")[0].split("/")
    name = parts[-1].lower() if len(parts) > 3 else ""
    media_type = kind_of(name).media_type if "." in name else ""
    return media_type if media_type.startswith("image/") else _LIKELY_IMAGE


def is_immutable(path: str) -> bool:
    """Tells whether a file never changes: the names of images and some assets say what is in it."""
    return path.startswith(f"{MEDIA}/") or _NAMED_ASSET.fullmatch(path) is not None


class Picture(msgspec.Struct, frozen=True):
    """The image at a URL that an item names, as the image cache knows it; sizes are in pixels.

    `name` is the path of the copy, below the cache as below out/, ``""`` if none is to be shown;
    `narrower` are those of narrower ones. `missing` says that a fetch found no image there.
    """

    url: str
    name: str = ""
    type: str = ""
    length: int = 0
    width: int = 0
    height: int = 0
    missing: bool = False
    narrower: tuple[tuple[str, int], ...] = ()


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


def image_key(url: str) -> str:
    """Returns the name of an image's copy: 32 hex digits of the SHA-256 of its URL."""
    return hashlib.sha256(url.encode()).hexdigest()[:32]


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
            is_same = narrower == picture.narrower
            return [*needed, picture if is_same else structs.replace(picture, narrower=narrower)]
        elif is_shown(Picture(picture.url), cached=cached):
            break  # as the seed has it
    return needed
