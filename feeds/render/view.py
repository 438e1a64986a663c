"""What the formats are given: a feed, the site, and entries with everything worked out."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from feeds.model import Feed, Item

# Raise it whenever the same feed would give other bytes.
RENDER_VERSION = 1

# Stands for `updated` where a feed has no entry: Atom wants a date, and "now" would change the
# document with every pass.
NEVER = datetime(2000, 1, 1, tzinfo=UTC)

# Used where the extension says nothing: most pictures of news stories are JPEG.
_DEFAULT_TYPE = "image/jpeg"
# Not `mimetypes`: it reads the machine's own lists, and documents must not depend on the machine.
_TYPES = {
    "avif": "image/avif",
    "bmp": "image/bmp",
    "gif": "image/gif",
    "heic": "image/heic",
    "png": "image/png",
    "svg": "image/svg+xml",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webp": "image/webp",
}


class Site(msgspec.Struct, frozen=True):
    """The site, as far as documents show it.

    `ttl` is in minutes, 0 where the schedule has no fixed interval. `version` is our own.
    """

    base_url: str
    home: str
    id: str
    title: str
    language: str
    author_name: str
    author_email: str
    author_url: str
    rights: str
    icon: str
    favicon: str
    logo: str
    hubs: tuple[str, ...]
    ttl: int
    related: int
    version: str


class Enclosure(msgspec.Struct, frozen=True):
    """The image that goes with an entry; `length` in bytes and sizes in pixels, 0 where unknown."""

    url: str
    type: str
    length: int
    width: int
    height: int
    title: str


class EntryView(NamedTuple):
    """An item as a document shows it; `content` is HTML."""

    item: Item
    published: datetime
    updated: datetime
    enclosure: Enclosure | None
    content: str


class FeedView(NamedTuple):
    """A feed as a document shows it."""

    site: Site
    feed: Feed
    updated: datetime
    entries: list[EntryView]

    @property
    def id(self) -> str:
        """The feed's permanent id: of the site and the address, not of where it is served."""
        name = f"{self.site.id}#{self.feed.address}{self._query}"
        return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"

    def url(self, extension: str) -> str:
        """The address of one of the feed's documents."""
        return f"{self.site.base_url}{self.feed.address}.{extension}{self._query}"

    @property
    def _query(self) -> str:
        return f"?{self.feed.query}" if self.feed.query else ""


def seed_enclosure(item: Item) -> Enclosure | None:
    """Returns the enclosure as the seed describes it; its length is not known."""
    image = item.image
    if image is None:
        return None
    title = image.title or item.title
    return Enclosure(image.url, image_type(image.url), 0, image.width, image.height, title)


def image_type(url: str) -> str:
    """Returns the media type that the extension in a URL's path stands for."""
    name = urlsplit(url).path.rpartition("/")[2]
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    return _TYPES.get(extension, _DEFAULT_TYPE)
