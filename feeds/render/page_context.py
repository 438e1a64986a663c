"""The variables of page templates. docs/templates.md describes every field."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from feeds.common.media_types import kind_of
from feeds.common.model import Feed, FeedKind, Related
from feeds.common.text import fold
from feeds.common.times import rfc3339
from feeds.render.context import EntryView, Site, up_from

# Not strftime: its names of months are those of the process's locale.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
_FORMATS = {"Atom": "atom", "RSS": "rss", "JSON": "json"}


class When(NamedTuple):
    """A time: `iso` for machines (RFC 3339), `day` and `text` for people, in UTC."""

    iso: str
    day: str
    text: str


class Link(NamedTuple):
    """A name and its link; `href` is empty if there is no page to link to."""

    name: str
    href: str


class PagePicture(NamedTuple):
    """The picture of an entry; sizes in pixels, 0 if unknown; `alt` is empty if it is the title."""

    src: str
    width: int
    height: int
    alt: str


class Story(NamedTuple):
    """A story that covers the same matter."""

    title: str
    url: str
    provider: str
    published: When | None


class PageEntry(NamedTuple):
    """An entry as its feed's page shows it; `updated` is None if it was never changed."""

    title: str
    url: str
    language: str
    provider: Link
    published: When
    updated: When | None
    excerpt: str
    picture: PagePicture | None
    topics: list[Link]
    related: list[Story]


class Format(NamedTuple):
    """A feed in one format: `href` is relative to the page, `url` is for feed readers."""

    name: str
    type: str
    href: str
    url: str


class PageFeed(NamedTuple):
    """A feed; `name` is empty for the feed of everything, `key` the domain for a provider's."""

    kind: FeedKind
    key: str
    name: str
    title: str
    description: str
    href: str
    url: str
    entries: int
    newest: When | None
    formats: list[Format]


class Group(NamedTuple):
    """The feeds of one kind: `total` of them, of which `feeds` stand on this page.

    `letters` lead to the pages that list all of them, if there are too many feeds for one page.
    """

    kind: FeedKind
    feeds: list[PageFeed]
    total: int
    letters: list[Link]


class PagePart(NamedTuple):
    """One of the pages that list a group together: those of `letter` are numbered from 1.

    `numbers` lead to all pages of this letter, `opml` to the list of the same feeds. `previous` and
    `next` are empty at the ends.
    """

    letter: str
    number: int
    numbers: list[Link]
    url: str
    opml: str
    previous: str
    next: str


class PageSite(NamedTuple):
    """The site; `home` is the page that it belongs to, `url` where out/ is served."""

    title: str
    language: str
    home: str
    url: str
    rights: str
    version: str


def page_site(site: Site) -> PageSite:
    """Returns the site as templates know it."""
    return PageSite(site.title, site.language, site.home, site.base_url, site.rights, site.version)


def page_feed(site: Site, up: str, feed: Feed, entries: int, newest: datetime | None) -> PageFeed:
    """Returns a feed as templates know it.

    Args:
        site: The site.
        up: The relative address of out/ from the page.
        feed: The feed.
        entries: How many entries it has.
        newest: When the newest of them was published, None if it has none.
    """
    return PageFeed(
        kind=feed.kind,
        key=feed.key,
        name=shown_name(site, feed),
        title=feed.title,
        description=feed.description,
        href=f"{up}{feed.address}.html",
        url=site.page_of(feed),
        entries=entries,
        newest=when(newest) if newest else None,
        formats=[
            Format(
                name,
                kind_of(extension).media_type,
                f"{up}{feed.address}.{extension}",
                f"{site.base_url}{feed.address}.{extension}",
            )
            for name, extension in _FORMATS.items()
        ],
    )


def page_entry(site: Site, feed: Feed, view: EntryView) -> PageEntry:
    """Returns an entry as the page of its feed shows it."""
    item, up = view.item, up_from(feed.address)
    provider = item.provider
    return PageEntry(
        title=item.title,
        url=item.url,
        language=item.locale if item.locale != site.language else "",
        provider=Link(provider.name, _page(site, up, "provider", provider.domain)),
        published=when(view.published),
        updated=when(view.updated) if view.updated != view.published else None,
        excerpt=item.excerpt,
        picture=_picture(site, up, view),
        topics=[Link(topic, _page(site, up, "topic", topic)) for topic in item.topics],
        related=[_story(story) for story in item.best_related(site.related)],
    )


def content_policy(pictures: list[PagePicture]) -> str:
    """Returns the Content-Security-Policy of a page.

    It allows the site itself, and images from the hosts of these pictures.
    """
    split = (urlsplit(picture.src) for picture in pictures)
    origins = sorted({f"{url.scheme}://{url.netloc}" for url in split if url.netloc})
    sources = " ".join(["'self'", *origins])
    return (
        "default-src 'none'; base-uri 'none'; form-action 'self'; "
        f"img-src {sources}; script-src 'self'; style-src 'self'"
    )


@lru_cache(maxsize=4096)
def when(time: datetime) -> When:
    """Returns a time as pages show it."""
    day = f"{time.day} {_MONTHS[time.month - 1]} {time.year}"
    return When(rfc3339(time), day, f"{day}, {time:%H:%M} UTC")


def shown_name(site: Site, feed: Feed) -> str:
    """Returns a feed's name on its own site: without the site's title before it."""
    if feed.kind == "all" or feed.title == f"{site.title}: {feed.name}":
        return feed.name
    return feed.title


def _page(site: Site, up: str, kind: FeedKind, name: str) -> str:
    pages = site.pages
    if pages is None or (kind, fold(name) if kind == "topic" else name) in pages.missing:
        return ""
    of = pages.addresses.topic if kind == "topic" else pages.addresses.provider
    return f"{up}{of(name)}.html"


def _picture(site: Site, up: str, view: EntryView) -> PagePicture | None:
    """Returns the picture; if it is in out/, by a relative URL, right wherever out/ is served."""
    enclosure = view.enclosure
    if enclosure is None:
        return None
    url = enclosure.url
    src = up + url.removeprefix(site.base_url) if url.startswith(site.base_url) else url
    alt = enclosure.title if enclosure.title != view.item.title else ""
    return PagePicture(src, enclosure.width, enclosure.height, alt)


def _story(story: Related) -> Story:
    published = when(story.published) if story.published else None
    return Story(story.title, story.url, story.provider, published)
