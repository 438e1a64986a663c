"""What kind of thing a file in out/ is, by its name."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """A media type; `text` is compressed and held in memory, a `feed` can be cut into deltas.

    `browser` is the media type as which a browser shows it with its style sheet, where that is
    another: called by their own types, Chromium shows feeds as source text.
    """

    media_type: str
    text: bool = False
    feed: bool = False
    browser: str = ""


_UTF8 = "; charset=utf-8"
_XML = "application/xml" + _UTF8
# Not `mimetypes`: it reads the machine's own lists, and knows no feeds.
_KINDS = {
    "atom": Kind("application/atom+xml" + _UTF8, text=True, feed=True, browser=_XML),
    "rss": Kind("application/rss+xml" + _UTF8, text=True, feed=True, browser=_XML),
    "json": Kind("application/feed+json" + _UTF8, text=True, feed=True),
    "opml": Kind("text/x-opml" + _UTF8, text=True),
    "html": Kind("text/html" + _UTF8, text=True),
    "css": Kind("text/css" + _UTF8, text=True),
    "js": Kind("text/javascript" + _UTF8, text=True),
    "txt": Kind("text/plain" + _UTF8, text=True),
    "svg": Kind("image/svg+xml" + _UTF8, text=True),
    "avif": Kind("image/avif"),
    "gif": Kind("image/gif"),
    "ico": Kind("image/x-icon"),
    "jpg": Kind("image/jpeg"),
    "jpeg": Kind("image/jpeg"),
    "png": Kind("image/png"),
    "webp": Kind("image/webp"),
    "woff2": Kind("font/woff2"),
}
_OTHER = Kind("application/octet-stream")
_MEDIA = "media/"


def kind_of(path: str) -> Kind:
    """Returns the kind of a file below out/."""
    return _KINDS.get(path.rpartition(".")[2], _OTHER)


def is_immutable(path: str) -> bool:
    """Tells whether a file never changes: the names of images say what is in them."""
    return path.startswith(_MEDIA)
