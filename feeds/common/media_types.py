"""Media types of files, by name; compressed copies, and how these are made.

nginx (``gzip_static``, ``brotli_static``) and Caddy (``precompressed``) send ``all.atom.gz`` or
``all.atom.br`` in the place of ``all.atom`` to clients that accept it.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple
from urllib.parse import urlsplit

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
# Most pictures of news stories are JPEG.
_LIKELY_IMAGE = "image/jpeg"
# The extensions of the images that browsers and readers show, by media type.
IMAGE_EXTENSIONS = {_KINDS[one].media_type: one for one in ("jpg", "png", "gif", "webp", "avif")}

# A feed of 180 KB takes 3 to 5 ms in each. Higher levels take at least twice as long for a few per
# cent: brotli 22 ms at 9 for 2 per cent, and 260 ms at 11 for 11 per cent (benchmarks/copies.py).
LEVELS = {"br": 6, "gzip": 9, "zstd": 9}
# The copies that documents have, by the suffix of their names.
COPIES = {".br": "br", ".gz": "gzip"}
# zlib: the largest window, in a gzip frame (RFC 1952), whose header gets no time and no name.
_GZIP_WINDOW = zlib.MAX_WBITS | 16


def kind_of(path: str) -> Kind:
    """Returns the kind of a file below out/."""
    return _KINDS.get(path.rpartition(".")[2], _OTHER)


def image_type(url: str) -> str:
    """Returns the media type of an image by the extension in its URL's path."""
    name = urlsplit(url).path.rpartition("/")[2].lower()
    media_type = kind_of(name).media_type if "." in name else ""
    return media_type if media_type.startswith("image/") else _LIKELY_IMAGE


def is_immutable(path: str) -> bool:
    """Tells whether a file never changes: the names of images say what is in them."""
    return path.startswith(f"{MEDIA}/")


def copies_of(path: str) -> dict[str, str]:
    """Returns the content coding of each compressed copy of a document, by the copy's path."""
    return {path + suffix: coding for suffix, coding in COPIES.items() if kind_of(path).text}


def is_copy(path: str) -> bool:
    """Tells whether a file of ours is the compressed copy of a document."""
    document, dot, suffix = path.rpartition(".")
    return dot + suffix in COPIES and kind_of(document).text


def is_served(path: str) -> bool:
    """Tells whether a file of ours is for readers: no dot file and no compressed copy."""
    return not is_copy(path) and "/." not in f"/{path}"


def copy_recipe() -> str:
    """Returns a text that changes with the kinds of copies and the levels of their compression."""
    return ", ".join(f"{suffix} {LEVELS[coding]}" for suffix, coding in COPIES.items())


def compress(coding: str, data: bytes) -> bytes:
    """Returns the data in a content coding (RFC 9110, section 8.4.1), one of `LEVELS`.

    The same data always gives the same bytes.
    """
    level = LEVELS[coding]
    if coding == "gzip":
        return zlib.compress(data, level, wbits=_GZIP_WINDOW)
    # Imported on demand: most processes need neither.
    if coding == "br":
        import brotli

        return bytes(brotli.compress(data, mode=brotli.MODE_TEXT, quality=level))
    import zstandard

    return zstandard.ZstdCompressor(level=level).compress(data)
