"""Media types of files, by their names."""

from __future__ import annotations

import re
from typing import NamedTuple

from feeds.common.model import MEDIA


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
