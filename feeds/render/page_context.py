"""The variables of page templates. docs/templates.md describes every field."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

from feeds.common.media import kind_of
from feeds.common.model import Feed, FeedKind
from feeds.common.text import fold
from feeds.common.times import rfc3339
from feeds.render.context import EntryView, Pages, Site, up_from
from feeds.render.pictures import PagePicture, page_picture
from feeds.render.words import day_text, direction

_FEED = "feed:{raw}"
_APPLE = "iPhone, iPad, Mac"
# Name, platforms, subscribe address. Those on the web first, since they work for everybody; the
# others open if they are installed. `[[site.readers]]` replaces them.
READERS = (
    ("Feedly", "Web, Android, iPhone", "https://feedly.com/i/subscription/feed/{url}"),
    ("Inoreader", "Web, Android, iPhone", "https://www.inoreader.com/?add_feed={url}"),
    ("NewsBlur", "Web, Android, iPhone", "https://www.newsblur.com/?url={url}"),
    ("The Old Reader", "Web", "https://theoldreader.com/feeds/subscribe?url={url}"),
    ("NetNewsWire", _APPLE, _FEED),
    ("Reeder", _APPLE, _FEED),
    ("Feeder", "Android", _FEED),
    ("Thunderbird", "Windows, Mac, Linux", _FEED),
)
_FORMATS = {"Atom": "atom", "RSS": "rss", "JSON": "json"}


class When(NamedTuple):
    """A time: `iso` for machines (RFC 3339), `day`, `text` and `clock` for people, in UTC."""

    iso: str
    day: str
    text: str
    clock: str


class Link(NamedTuple):
    """A name and its link; `href` is empty if there is no page to link to."""

    name: str
    href: str


class Story(NamedTuple):
    """A story that covers the same matter."""

    title: str
    url: str
    provider: str
    published: When | None


class PageEntry(NamedTuple):
    """An entry as its feed's page shows it; `html` is what it takes from the published page."""

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
    quality: int
    heat: int
    direction: str
    draft: bool
    html: str = ""
    correction: str = ""
    stories: tuple[PageEntry, ...] = ()


class Day(NamedTuple):
    """The entries of one day; `heading` has its weekday, `iso` is for machines."""

    heading: str
    iso: str
    entries: list[PageEntry]


class Activity(NamedTuple):
    """How many entries a feed got in 30 days, and on which day most of them.

    It is `open` if there were more, which the feed does not hold. `path` draws a bar for each day,
    24 high at most, as SVG has it.
    """

    entries: int
    open: bool
    most: str
    path: str


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


class Ranked(NamedTuple):
    """A feed on the front page; its activity is that up to the newest story of the site."""

    feed: PageFeed
    activity: Activity


class ReaderLink(NamedTuple):
    """A reader, and the address that has it follow a feed."""

    name: str
    platforms: str
    href: str


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
    direction: str
    description: str
    show_quality: bool
    show_heat: bool


def page_site(site: Site) -> PageSite:
    """Returns the site as templates know it."""
    pages = site.pages or Pages()
    return PageSite(
        *(site.title, site.language, site.home, site.base_url, site.rights, site.version),
        *(direction(site.language), site.description, pages.show_quality, pages.show_heat),
    )


def page_feed(site: Site, up: str, feed: Feed, entries: int, newest: datetime | None) -> PageFeed:
    """Returns a feed as templates know it.

    Args:
        site: The site.
        up: The relative address of out/ from the page.
        feed: The feed.
        entries: How many entries it has.
        newest: When the newest of them was published, None if it has none.
    """
    followed = subscription_of(feed)
    href, url = f"{up}{followed}", f"{site.base_url}{followed}"
    return PageFeed(
        kind=feed.kind,
        key=feed.key,
        name=shown_name(site, feed),
        title=feed.title,
        description=feed.description,
        href=f"{up}{feed.address}.html",
        url=site.page_of(feed),
        entries=entries,
        newest=when(newest, site.language) if newest else None,
        formats=[
            Format(name, kind_of(end).media_type, f"{href}.{end}", f"{url}.{end}")
            for name, end in _FORMATS.items()
        ],
    )


def entry_links(site: Site, feed: Feed, view: EntryView) -> tuple[Link, ...]:
    """Returns the links of an entry on the page of its feed: to its provider, and to its topics."""
    item, up = view.item, up_from(feed.address)
    provider = item.provider
    home = _page(site, up, "provider", provider.domain) if item.quality >= 0 else ""  # no notice
    topics = [Link(topic, _page(site, up, "topic", topic)) for topic in item.topics]
    return Link(provider.name, home), *topics


def page_entry(site: Site, feed: Feed, view: EntryView) -> PageEntry:
    """Returns an entry as the page of its feed shows it."""
    item, up, language = view.item, up_from(feed.address), site.language
    pages = site.pages or Pages()
    provider, *topics = entry_links(site, feed, view)
    return PageEntry(
        title=item.title,
        url=item.url,
        language=item.locale if item.locale != language else "",
        provider=provider,
        published=when(view.published, language),
        updated=when(view.updated, language) if view.updated != view.published else None,
        excerpt=item.excerpt,
        picture=page_picture(site, up, view),
        topics=topics,
        related=[
            Story(one.title, one.url, one.provider, when(time, language) if time else None)
            for one in item.best_related(site.related)
            for time in [one.published]
        ],
        quality=item.quality if pages.show_quality else -1,
        heat=item.heat if pages.show_heat else -1,
        direction=direction(item.locale) if item.locale and item.locale != language else "",
        draft=not item.is_published,
        correction=item.correction,
        stories=tuple(page_entry(site, feed, one) for one in view.stories),
    )


def when(time: datetime, language: str = "en") -> When:
    """Returns a time as pages show it."""
    iso, day = rfc3339(time), day_text(time, language)
    clock = iso[11:16]
    return When(iso, day, f"{day}, {clock} UTC", clock)


def readers_of(site: Site, url: str) -> list[ReaderLink]:
    """Returns the readers for the feed at a URL."""
    quoted, own = quote(url, safe=""), site.pages.readers if site.pages else ()
    return [
        ReaderLink(name, where, subscribe.replace("{url}", quoted).replace("{raw}", url))
        for name, where, subscribe in own or READERS
    ]


def subscription_of(feed: Feed) -> str:
    """Returns the address of what to follow: for a part of archives the feed that grows."""
    return (feed.archive and feed.archive.current) or feed.address


def shown_name(site: Site, feed: Feed) -> str:
    """Returns a feed's name on its own site: without the site's title before it."""
    if feed.kind == "all" or feed.title == f"{site.title}: {feed.name}":
        return feed.name
    return feed.title


def _page(site: Site, up: str, kind: FeedKind, name: str) -> str:
    key = (kind, fold(name) if kind == "topic" else name)
    if not (pages := site.pages) or not pages.links or key in pages.missing:
        return ""
    of = pages.addresses.topic if kind == "topic" else pages.addresses.provider
    return f"{up}{of(name)}.html"
