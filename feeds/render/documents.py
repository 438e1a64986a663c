"""Renders feeds in all formats, and computes the keys that change when a document does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import feedgen.version
import jinja2
import msgspec
from lxml import etree

from feeds.common.files import item_digest
from feeds.common.media import Picture
from feeds.common.model import Digest, Document, Feed, FeedContents, Item, decode_digest
from feeds.common.times import from_unix
from feeds.render import articles, atom, html, jsonfeed, rss
from feeds.render.content import as_notice, digest_view, entry_content, shortened
from feeds.render.context import (
    NEVER,
    RENDER_VERSION,
    EntryView,
    FeedView,
    Site,
    Tombstone,
    enclosure_of,
)
from feeds.render.entries import DIGEST_SIZE, Cut, Reuse

# Another release of a library may write the same entry in another way.
_MADE_BY = (
    RENDER_VERSION,
    feedgen.version.version_str,
    etree.LXML_VERSION,
    etree.LIBXML_VERSION,
    jinja2.__version__,
    msgspec.__version__,
)

_EXTENSIONS = (atom.EXTENSION, rss.EXTENSION, jsonfeed.EXTENSION, html.EXTENSION)

# A page groups its entries by days, so these are taken one by one (`articles.ready_articles`).
_FORMATS: tuple[tuple[Callable[[FeedView], Document], Cut | None], ...] = (
    (atom.render_atom, atom.CUT),
    (rss.render_rss, rss.CUT),
    (jsonfeed.render_json, jsonfeed.CUT),
    (html.render_html, None),
)

Pictures = Mapping[int, Sequence[Picture]]
_NO_PICTURES: Pictures = {}
ReadPublished = Callable[[str], bytes]
# Entries by all that they depend on but the site; at most so many, of some 20 KB each.
Kept = dict[tuple[object, ...], EntryView]
_MOST_KEPT = 1000


class RenderJob(NamedTuple):
    """A feed to render; `items` holds the item of each entry in MessagePack, by its number.

    `pictures` holds what the image cache knows of their images, by the same numbers. `reuse` says
    which entries to take from the published documents. `shared` are the numbers of entries that
    other feeds to render show, too.
    """

    site: Site
    contents: FeedContents
    items: dict[int, bytes]
    pictures: Pictures = _NO_PICTURES
    reuse: Reuse | None = None
    shared: frozenset[int] = frozenset()


def render_job(
    job: RenderJob, read: ReadPublished | None = None, kept: Kept | None = None
) -> list[Document]:
    """Returns the documents of a feed to render.

    Args:
        job: The feed.
        read: Returns the bytes of a published document, by its path below out/; None if nothing is
            to be taken from these.
        kept: What other feeds of the same pass show; None to keep nothing.

    Raises:
        msgspec.DecodeError: an item is not the one that was stored.
    """
    if kept is not None and job.shared and not job.reuse:
        return _documents(_view_with_kept(job, kept))
    site, contents, pictures, items = job.site, job.contents, job.pictures, _items(job)
    if job.reuse and read:
        # If a document cannot be read, or has not the entries of then, everything is rendered.
        with suppress(OSError, ValueError):
            return render_feed(site, contents, items, pictures, (job.reuse, read))
    return render_feed(site, contents, items, pictures)


def render_feed(
    site: Site,
    contents: FeedContents,
    items: Mapping[int, Item | Digest | EntryView],
    pictures: Pictures = _NO_PICTURES,
    earlier: tuple[Reuse, ReadPublished] | None = None,
) -> list[Document]:
    """Returns a feed's documents at its address and its aliases.

    Args:
        site: The site.
        contents: The feed and its entries.
        items: The item of each entry, by its number.
        pictures: What the image cache knows of the items' images, by the same numbers.
        earlier: Which entries to take from the published documents, and what reads these.

    Raises:
        OSError, ValueError: they cannot be taken.
    """
    reuse = earlier[0] if earlier else None
    return _documents(view_feed(site, contents, items, pictures, reuse), earlier)


def _documents(
    view: FeedView, earlier: tuple[Reuse, ReadPublished] | None = None
) -> list[Document]:
    feed = view.feed
    documents = [
        _render(view, render, cut, earlier)
        for render, cut in _FORMATS
        if render is not html.render_html or view.site.has_page(feed)
    ]
    return documents + [
        msgspec.structs.replace(one, path=alias + one.path.removeprefix(feed.address))
        for alias in feed.aliases
        for one in documents
    ]


def _view_with_kept(job: RenderJob, kept: Kept) -> FeedView:
    """Returns a feed whose shared entries are those that were kept, or are kept from now on."""
    feed, numbers = job.contents.feed, [one.number for one in job.contents.entries]
    keys = {
        one.number: (
            *(one.digest, one.published, one.updated, feed.show, feed.show_images),
            tuple(job.pictures.get(one.number, ())),
        )
        for one in job.contents.entries
        if one.number in job.shared
    }
    found = {number: kept[key] for number, key in keys.items() if key in kept}
    view = view_feed(job.site, job.contents, _items(job, found) | found, job.pictures)
    for number, entry in zip(numbers, view.entries, strict=True):
        if number in keys and number not in found:
            found[number] = kept[keys[number]] = entry._replace(made={})
    while len(kept) > _MOST_KEPT:
        del kept[next(iter(kept))]
    entries = [
        found.get(number, entry) for number, entry in zip(numbers, view.entries, strict=True)
    ]
    return view._replace(entries=entries, fresh=entries)


def view_job(job: RenderJob) -> FeedView:
    """Returns a feed as its documents show it, without the content of entries.

    Raises:
        msgspec.DecodeError: an item is not the one that was stored.
    """
    count = len(job.contents.entries)
    nothing_fresh = Reuse(range(count), count)
    return view_feed(job.site, job.contents, _items(job), job.pictures, nothing_fresh)


def view_feed(
    site: Site,
    contents: FeedContents,
    items: Mapping[int, Item | Digest | EntryView],
    pictures: Pictures,
    reuse: Reuse | None = None,
) -> FeedView:
    """Returns a feed as its documents show it; for the arguments see `render_feed`."""
    entries, fresh = [], []
    for place, entry in enumerate(contents.entries):
        shown, known = items[entry.number], pictures.get(entry.number, ())
        is_fresh = reuse is None or reuse.places[place] is None
        if isinstance(shown, EntryView):
            view = shown
        elif isinstance(shown, Digest):
            view = digest_view(site, contents.feed, entry, shown, known)
        else:
            item = shortened(shown, contents.feed.show)
            item = item if item.quality >= 0 else as_notice(item, site)
            enclosure = enclosure_of(item, known, site) if contents.feed.show_images else None
            content = entry_content(item, enclosure, site, site.related) if is_fresh else ""
            dates = from_unix(entry.published), from_unix(entry.updated)
            view = EntryView(item, *dates, enclosure, content)
        entries.append(view)
        if is_fresh:
            fresh.append(view)
    tombstones = [
        Tombstone(one.id, from_unix(one.updated), as_notice(gone, site).excerpt)
        for one in contents.tombstones
        if isinstance(gone := items[one.number], Item)
    ]
    times = [one.updated for one in entries] + [one.updated for one in tombstones]
    latest = max(times, default=NEVER)
    return FeedView(site, contents.feed, latest, entries, fresh, tombstones=tombstones)


def _render(
    view: FeedView,
    render: Callable[[FeedView], Document],
    cut: Cut | None,
    earlier: tuple[Reuse, ReadPublished] | None,
) -> Document:
    if earlier is None:
        return render(view)
    reuse, read = earlier
    if cut is None:
        page = read(f"{view.feed.address}.{html.EXTENSION}")
        return render(view._replace(articles=articles.ready_articles(view.site, page, reuse)))
    document = render(view)
    data = cut.merge(document.data, read(document.path), reuse)
    return msgspec.structs.replace(document, data=data)


def feed_key(site: Site, contents: FeedContents, pictures: Pictures = _NO_PICTURES) -> bytes:
    """Returns a digest of all that the feed's documents depend on.

    It is made of a digest of what is not in its entries, and one of each entry, in their order.
    """
    entries = (
        (one.id, one.published, one.updated, one.digest, pictures.get(one.number, ()))
        for one in contents.entries
    )
    gone = [(one.id, one.updated, one.digest) for one in contents.tombstones]
    return b"".join(map(_digest, ((_MADE_BY, site, contents.feed, gone), *entries)))


def _digest(shown: object) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(shown)).digest()[:DIGEST_SIZE]


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


def _items(job: RenderJob, kept: Container[int] = ()) -> dict[int, Item | Digest | EntryView]:
    """Returns the items of a feed, but of entries that are `kept`."""
    for entry in job.contents.entries:
        if entry.number not in kept and item_digest(job.items[entry.number]) != entry.digest:
            raise msgspec.DecodeError("an item is not the one that was stored")
    if job.contents.feed.kind == "digest":
        return {number: decode_digest(data) for number, data in job.items.items()}
    items = job.items.items()
    return {number: _decode_item(data) for number, data in items if number not in kept}


_decode_item = msgspec.msgpack.Decoder(Item).decode
