"""Renders feeds in all formats, and computes the keys that change when a document does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from feeds.common.model import Document, Feed, FeedContents, FeedSummary, Item, Picture, item_digest
from feeds.common.times import from_unix
from feeds.render import atom, html, jsonfeed, opml, redirects, rss
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
    entries = []
    for entry in contents.entries:
        item = items[entry.number]
        enclosure = enclosure_of(item, pictures.get(entry.number, ()), site)
        content = entry_content(item, enclosure, site.related)
        published, updated = from_unix(entry.published), from_unix(entry.updated)
        entries.append(EntryView(item, published, updated, enclosure, content))
    updated = max((entry.updated for entry in entries), default=NEVER)
    view = FeedView(site, contents.feed, updated, entries)
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


def feed_key(site: Site, contents: FeedContents, pictures: Pictures = _NO_PICTURES) -> bytes:
    """Returns a digest of all that the feed's documents depend on."""
    entries = [
        (one.id, one.published, one.updated, one.digest, pictures.get(one.number, ()))
        for one in contents.entries
    ]
    shown = (RENDER_VERSION, site, contents.feed, entries)
    return hashlib.sha256(msgspec.msgpack.encode(shown)).digest()


def render_overviews(
    site: Site, feeds: Sequence[FeedSummary], *, with_index: bool = True
) -> list[Document]:
    """Returns the documents about all feeds: the subscription list, redirects and index pages.

    The list and the index leave out empty feeds, except the feed of everything.

    Args:
        site: The site; without pages there is no index.
        feeds: All feeds.
        with_index: Render the index and its assets.
    """
    listed = _listed(feeds)
    documents = [
        opml.render_opml(site, listed),
        *redirects.render_redirects(site.base_url, feeds, _extensions(site)),
    ]
    if site.pages and with_index:
        documents += [html.render_index(site, listed), *html.page_assets(site)]
    return documents


def _listed(feeds: Sequence[FeedSummary]) -> list[FeedSummary]:
    return [one for one in feeds if one.entries or one.feed.kind == "all"]


def index_key(site: Site, feeds: Sequence[FeedSummary]) -> bytes:
    """Returns a digest of all that the index and its assets depend on."""
    shown = (RENDER_VERSION, site, [(one.feed, one.entries, one.newest) for one in _listed(feeds)])
    return hashlib.sha256(msgspec.msgpack.encode(shown)).digest()


def overview_paths(site: Site) -> list[str]:
    """Returns the paths below out/ of the subscription list, the index and its assets."""
    return [opml.PATH, *index_paths(site)]


def redirect_paths(feeds: Iterable[FeedSummary]) -> tuple[str, ...]:
    """Returns the paths below out/ of the redirects for web servers; none without aliases."""
    return redirects.PATHS if any(one.feed.aliases for one in feeds) else ()


def index_paths(site: Site) -> tuple[str, ...]:
    """Returns the paths below out/ of the index and its assets; none without pages."""
    return html.INDEX_PATHS if site.pages else ()


def document_paths(site: Site, feed: Feed) -> list[str]:
    """Returns the paths below out/ of the feed's documents, at its address and its aliases."""
    return [
        f"{address}.{extension}"
        for address in (feed.address, *feed.aliases)
        for extension in _extensions(site)
    ]


def _extensions(site: Site) -> tuple[str, ...]:
    return _EXTENSIONS if site.pages else _EXTENSIONS[:-1]


def _items(job: RenderJob) -> dict[int, Item]:
    for entry in job.contents.entries:
        if item_digest(job.items[entry.number]) != entry.digest:
            raise msgspec.DecodeError("an item is not the one that was stored")
    return {number: _decode_item(data) for number, data in job.items.items()}


_decode_item = msgspec.msgpack.Decoder(Item).decode
