"""Renders feeds in all formats, and computes the keys that change when a document does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from feeds.common.model import Document, Feed, FeedContents, Item, Picture, item_digest
from feeds.common.times import from_unix
from feeds.render import atom, html, jsonfeed, rss
from feeds.render.content import entry_content
from feeds.render.context import NEVER, RENDER_VERSION, EntryView, FeedView, Site, enclosure_of

_EXTENSIONS = (atom.EXTENSION, rss.EXTENSION, jsonfeed.EXTENSION, html.EXTENSION)

_FORMATS: tuple[Callable[[FeedView], Document], ...] = (
    atom.render_atom,
    rss.render_rss,
    jsonfeed.render_json,
    html.render_html,
)

Pictures = Mapping[int, Sequence[Picture]]
_NO_PICTURES: Pictures = {}


class RenderJob(NamedTuple):
    """A feed to render; `items` holds the item of each entry in MessagePack, by its number.

    `pictures` holds what the image cache knows of their images, by the same numbers.
    """

    site: Site
    contents: FeedContents
    items: dict[int, bytes]
    pictures: Pictures = _NO_PICTURES


def render_job(job: RenderJob) -> list[Document]:
    """Returns the documents of a feed to render.

    Raises:
        msgspec.DecodeError: an item is not the one that was stored.
    """
    return render_feed(job.site, job.contents, _items(job), job.pictures)


def render_feed(
    site: Site,
    contents: FeedContents,
    items: Mapping[int, Item],
    pictures: Pictures = _NO_PICTURES,
) -> list[Document]:
    """Returns a feed's documents at its address and its aliases.

    Args:
        site: The site.
        contents: The feed and its entries.
        items: The item of each entry, by its number.
        pictures: What the image cache knows of the items' images, by the same numbers.
    """
    view = _view(site, contents, items, pictures)
    documents = [
        render(view)
        for render in _FORMATS
        if render is not html.render_html or site.has_page(contents.feed)
    ]
    return documents + [
        msgspec.structs.replace(one, path=alias + one.path.removeprefix(contents.feed.address))
        for alias in contents.feed.aliases
        for one in documents
    ]


def view_job(job: RenderJob) -> FeedView:
    """Returns a feed as its documents show it, without rendering one.

    Raises:
        msgspec.DecodeError: an item is not the one that was stored.
    """
    return _view(job.site, job.contents, _items(job), job.pictures)


def _view(
    site: Site, contents: FeedContents, items: Mapping[int, Item], pictures: Pictures
) -> FeedView:
    entries = []
    for entry in contents.entries:
        item = items[entry.number]
        enclosure = enclosure_of(item, pictures.get(entry.number, ()), site)
        content = entry_content(item, enclosure, site.related)
        published, updated = from_unix(entry.published), from_unix(entry.updated)
        entries.append(EntryView(item, published, updated, enclosure, content))
    updated = max((entry.updated for entry in entries), default=NEVER)
    return FeedView(site, contents.feed, updated, entries)


def feed_key(site: Site, contents: FeedContents, pictures: Pictures = _NO_PICTURES) -> bytes:
    """Returns a digest of all that the feed's documents depend on."""
    entries = [
        (one.id, one.published, one.updated, one.digest, pictures.get(one.number, ()))
        for one in contents.entries
    ]
    shown = (RENDER_VERSION, site, contents.feed, entries)
    return hashlib.sha256(msgspec.msgpack.encode(shown)).digest()


def document_paths(site: Site, feed: Feed) -> list[str]:
    """Returns the paths below out/ of the feed's documents, at its address and its aliases."""
    return [
        f"{address}.{extension}"
        for address in (feed.address, *feed.aliases)
        for extension in extensions_of(site)
    ]


def extensions_of(site: Site) -> tuple[str, ...]:
    """Returns the formats in which each feed has a document, by their extensions."""
    return _EXTENSIONS if site.pages else _EXTENSIONS[:-1]


def _items(job: RenderJob) -> dict[int, Item]:
    for entry in job.contents.entries:
        if item_digest(job.items[entry.number]) != entry.digest:
            raise msgspec.DecodeError("an item is not the one that was stored")
    return {number: _decode_item(data) for number, data in job.items.items()}


_decode_item = msgspec.msgpack.Decoder(Item).decode
