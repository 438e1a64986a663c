"""The data that formats render: the site, a feed, its entries with times, image and content."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from feeds import __version__
from feeds.common.archives import Archive
from feeds.common.files import Templates
from feeds.common.media import Picture, image_type, shown_image
from feeds.common.model import Feed, FeedRef, Image, Item
from feeds.common.slugs import QUERY, QUERY_MARK, Addresses
from feeds.config import Config

T = TypeVar("T")

_EVERYWHERE_PLAIN = Addresses()

# Increase it whenever the same feed would be rendered to other bytes.
RENDER_VERSION = 9

# The `updated` of a feed without entries: Atom requires a date, and "now" would change the document
# with every pass.
NEVER = datetime(2000, 1, 1, tzinfo=UTC)


class Pages(msgspec.Struct, frozen=True):
    """The data that only pages for people show.

    `missing` holds the feeds, by kind and key, that do not exist although items name their topic or
    provider; `templates` holds the site's own templates and assets by their names. `query` is the
    address of searches, relative to out/, if pages lead to it. `query_mark` is the attribute of
    what leads there instead only where ``feeds serve`` sends the page. `readers` are name,
    platforms and subscribe address of each reader that pages offer, none for ours. `links` says
    that names of topics and providers link to their feeds.
    """

    addresses: Addresses = Addresses()
    missing: tuple[FeedRef, ...] = ()
    templates: tuple[tuple[str, str], ...] = ()
    query: str = ""
    query_mark: str = ""
    show_quality: bool = True
    show_heat: bool = True
    readers: tuple[tuple[str, str, str], ...] = ()
    links: bool = True


class Site(msgspec.Struct, frozen=True):
    """The site, as documents show it.

    `ttl` is in minutes, 0 if the schedule has no fixed interval. `version` is that of feeds.
    `media_url` goes before the names of copies of images. `pages` is None for a site without pages
    for people.
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
    media_url: str = ""
    noindex: bool = False
    description: str = ""
    pages: Pages | None = None

    @property
    def templates(self) -> Templates:
        """The site's own templates and assets."""
        return self.pages.templates if self.pages else ()

    def has_page(self, feed: Feed) -> bool:
        """Whether a feed has a page of its own; query feeds have none."""
        return self.pages is not None and not feed.query

    def page_of(self, feed: Feed) -> str:
        """The address of a feed's page, or of the site's home page if it has none."""
        return f"{self.base_url}{feed.address}.html" if self.has_page(feed) else self.home

    def stylesheet_of(self, feed: Feed) -> str:
        """The address of a feed's style sheet for browsers, relative to it; ``""`` without pages.

        Relative, so that it is right wherever out/, or a copy of it, is served.
        """
        return f"{up_from(feed.address)}assets/feed.css" if self.pages else ""


def archived_site(site: Site) -> Site:
    """Returns the site as archives show it: they name no hub, since nobody subscribes to them."""
    return msgspec.structs.replace(site_without_links(site), hubs=())


def site_without_links(site: Site) -> Site:
    """Returns the site as digests and archives show it: their pages link to no topic or provider.

    What is fixed stays as it is when these come, go or move.
    """
    pages = site.pages
    if pages is not None:
        pages = msgspec.structs.replace(pages, addresses=Addresses(), links=False)
    return msgspec.structs.replace(site, pages=pages)


class Enclosure(msgspec.Struct, frozen=True):
    """The image that goes with an entry; `length` in bytes and sizes in pixels, 0 if unknown.

    `narrower` are the URLs and widths of narrower copies, which pages alone show.
    """

    url: str
    type: str
    length: int
    width: int
    height: int
    title: str
    narrower: tuple[tuple[str, int], ...] = ()


class EntryView(NamedTuple):
    """An item as a document shows it; `content` is HTML. A digest has `stories`.

    `made` keeps what formats made of an entry that stands in several feeds, None keeps nothing.
    """

    item: Item
    published: datetime
    updated: datetime
    enclosure: Enclosure | None
    content: str
    stories: tuple[EntryView, ...] = ()
    made: dict[Hashable, Any] | None = None

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Returns what a format makes of the entry; if that is kept, it is made once for a key."""
        if self.made is None:
            return make()
        if key not in self.made:
            self.made[key] = make()
        found: T = self.made[key]
        return found


class Tombstone(NamedTuple):
    """A story that is gone from a feed: its id, since when, and a line that says so."""

    id: str
    updated: datetime
    comment: str


class FeedView(NamedTuple):
    """A feed as a document shows it.

    `fresh` are the entries that Atom, RSS and JSON render, in their order; all, unless the others
    are taken from published documents. Those have no `content`. `articles` has the HTML of each
    entry on the feed's page, "" for one to render; it is empty if all are to be rendered.
    `tombstones` are the stories that Atom says are gone.
    """

    site: Site
    feed: Feed
    updated: datetime
    entries: list[EntryView]
    fresh: list[EntryView]
    articles: Sequence[str] = ()
    tombstones: Sequence[Tombstone] = ()

    @property
    def id(self) -> str:
        """The feed's permanent id."""
        return feed_id(self.site.id, self.feed)

    def url(self, extension: str) -> str:
        """The address of one of the feed's documents."""
        return f"{self.site.base_url}{self.feed.address}.{extension}{_query(self.feed)}"

    def archive_links(self, extension: str) -> dict[str, str]:
        """The URLs of the archives beside this document, by relation (RFC 5005, section 4)."""
        archive, base = self.feed.archive or Archive(), self.site.base_url
        return {rel: f"{base}{place}.{extension}" for rel, place in archive.relations()}


def feed_id(site_id: str, feed: Feed) -> str:
    """Returns the permanent id of a feed, made of the site's id and the feed's first address."""
    name = f"{site_id}#{feed.origin or feed.address}{_query(feed)}"
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"


def _query(feed: Feed) -> str:
    return f"?{feed.query}" if feed.query else ""


def up_from(path: str) -> str:
    """Returns the relative address of out/ from a document: ``""``, ``../`` and so on."""
    return "../" * path.count("/")


def enclosure_of(item: Item, pictures: Iterable[Picture], site: Site) -> Enclosure | None:
    """Returns the enclosure of an item, by what the image cache knows of its images.

    It is the first image that the seed calls cached, unless that is known to be missing: then the
    next. If the cache has no copy, it is as the seed describes it, and its length is not known.
    An image that the seed does not call cached comes last, and only if there is a copy of it.
    """
    shown = shown_image(item.images, pictures)
    return _enclosure(item, *shown, site) if shown else None


def _enclosure(item: Item, image: Image, picture: Picture, site: Site) -> Enclosure:
    title = image.title or item.title
    if not picture.name:
        return Enclosure(image.url, image_type(image.url), 0, image.width, image.height, title)
    return Enclosure(
        site.media_url + picture.name,
        picture.type,
        picture.length,
        picture.width,
        picture.height,
        title,
        tuple((site.media_url + name, width) for name, width in picture.narrower),
    )


def site_of(
    config: Config, addresses: Addresses = _EVERYWHERE_PLAIN, templates: Templates = ()
) -> Site:
    """Returns the site as documents show it."""
    site, every = config.site, config.schedule.every
    query, mark = "", ""
    if config.serve.query:
        query, mark = (QUERY, "") if site.query_link else ("", QUERY_MARK)
    pages = Pages(
        *(addresses, (), templates, query, mark, site.show_quality, site.show_heat),
        tuple((one.name, one.platforms, one.subscribe) for one in site.readers),
    )
    return Site(
        base_url=site.base_url,
        home=site.home,
        id=site.id or site.home,
        title=site.title,
        language=site.language,
        author_name=site.author.name,
        author_email=site.author.email,
        author_url=site.author.url,
        rights=site.rights,
        icon=site.icon,
        favicon=site.favicon,
        logo=site.logo,
        hubs=site.hub,
        ttl=0 if config.schedule.cron else max(1, int(every.total_seconds()) // 60),
        related=config.content.related,
        version=__version__,
        description=site.description,
        media_url=config.images.media_url(site.base_url),
        noindex=site.noindex,
        pages=pages if site.pages else None,
    )
