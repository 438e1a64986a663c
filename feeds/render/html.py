"""Pages for people (HTML, html.spec.whatwg.org): one for each feed, and the index of all.

They are made by the templates ``feed.html`` and ``index.html``, above 5,000 feeds ``group.html``,
too, and load the assets: style sheets, a script, icons. `feeds.render.front` makes the front page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from heapq import nsmallest
from itertools import groupby
from typing import NamedTuple
from urllib.parse import urlsplit

from feeds.common.archives import Archive
from feeds.common.media import kind_of
from feeds.common.model import Document, Feed, FeedKind, FeedSummary
from feeds.common.slugs import QUERY
from feeds.common.times import DAY_S, from_unix, recent_days, to_unix
from feeds.render.articles import page_entries
from feeds.render.content import site_words
from feeds.render.context import FeedView, Site, up_from
from feeds.render.environment import ASSETS, OF_FEEDS, asset_paths, assets, render
from feeds.render.index_parts import Part
from feeds.render.page_context import (
    Activity,
    Day,
    Group,
    Link,
    PageEntry,
    PageFeed,
    PagePart,
    page_feed,
    readers_of,
    shown_name,
)
from feeds.render.words import day_text, heading_text

EXTENSION = "html"

INDEX = "feeds.html"
FOLLOW, LOST, ROBOTS, SITEMAP = "follow.html", "404.html", "robots.txt", "sitemap.xml"
# Addresses that early versions did not take, where a site may have files of its own.
NEW = frozenset({INDEX, FOLLOW, LOST, ROBOTS, SITEMAP})
# At most so many addresses stand in a site map (sitemaps.org/protocol.html).
_MOST_MAPPED = 50_000
# An index of parts shows so many feeds of each group.
LARGEST = 100
# The activity of a feed is that of so many days.
DAYS = 30
_KINDS: tuple[FeedKind, ...] = ("all", "custom", "digest", "topic", "provider")


def render_html(view: FeedView) -> Document:
    """Returns the page of a feed; the site must have pages.

    Raises:
        TemplateError: a template of the site's own is faulty.
    """
    site, feed = view.site, view.feed
    published = [to_unix(entry.published) for entry in view.entries]
    newest = from_unix(max(published)) if published else None
    summary = FeedSummary(
        *(feed, len(published), max(published, default=None), None, 0, 0, None),
        recent_days(published),
    )
    entries = page_entries(view)
    part = feed.part
    shown = page_feed(site, up_from(feed.address), feed, len(entries), newest)
    variables: dict[str, object] = {
        "noindex": feed.noindex,
        "period": part.name if part else "",
        "feed": shown,
        "entries": entries,
        "days": page_days(site, entries),
        "activity": activity_of(site, summary),
        "sources": len({entry.item.provider.domain for entry in view.entries}),
        "readers": readers_of(site, shown.formats[0].url),
        "archive": archive_links(site, feed),
    }
    return render(site, f"{feed.address}.{EXTENSION}", "feed.html", variables)


def page_days(site: Site, entries: Iterable[PageEntry]) -> list[Day]:
    """Returns entries by the day on which they were published, the newest first."""
    found = sorted(entries, key=lambda one: one.published.iso, reverse=True)
    return [
        Day(heading_text(date.fromisoformat(day), site.language), day, list(some))
        for day, some in groupby(found, key=lambda one: one.published.iso[:10])
    ]


def activity_of(site: Site, one: FeedSummary, last: int | None = None) -> Activity | None:
    """Returns the activity of a feed in 30 days; None for none.

    Args:
        site: The site.
        one: The feed.
        last: The last of these days, in seconds since 1970; None for that of the feed's newest
            entry, so that stories elsewhere change nothing on the feed's page.
    """
    away, counts = _recent(one, last)
    if one.newest is None or not counts:
        return None
    highest, first = max(counts), one.newest // DAY_S - len(counts) + 1
    left = DAYS - away - len(counts)
    path = "".join(
        f"M{4 * (left + number)} 24v-{height}h3v{height}z"
        for number, count in enumerate(counts)
        if (height := -(-24 * count // highest))
    )
    entries = sum(counts)
    return Activity(
        entries,
        entries == one.entries >= one.feed.max_items,
        day_text(from_unix((first + counts.index(highest)) * DAY_S), site.language),
        path,
    )


def stories_a_day(one: FeedSummary, last: int) -> float:
    """Returns how many entries a feed got a day in the 30 days up to `last`.

    A full feed that holds fewer days than these is judged by the days that it holds.
    """
    away, recent = _recent(one, last)
    is_full = sum(recent) == one.entries >= one.feed.max_items
    return sum(recent) / (max(1, away + len(recent)) if is_full else DAYS)


def _recent(one: FeedSummary, last: int | None) -> tuple[int, tuple[int, ...]]:
    """Returns by how many days the newest entry is older than `last`, and the entries by day."""
    if one.newest is None:
        return 0, ()
    away = max(0, last // DAY_S - one.newest // DAY_S) if last is not None else 0
    return away, one.days[max(0, away + len(one.days) - DAYS) :] if away < DAYS else ()


def archive_links(site: Site, feed: Feed) -> list[Link]:
    """Returns the pages of the archives beside a feed, the older first, and the feed's own."""
    archive = feed.archive or Archive()
    arrows = (("\u2190 {}", archive.older), ("{} \u2192", archive.newer))
    links = [(arrow.format(place.rpartition("/")[2]), place) for arrow, place in arrows if place]
    if archive.current:
        links.append((shown_name(site, feed) or site_words(site).all_stories, archive.current))
    return [Link(name, f"{up_from(feed.address)}{place}.{EXTENSION}") for name, place in links]


class IndexGroup(NamedTuple):
    """The feeds of one kind as the index shows them: as `Group`, before anything is rendered."""

    kind: FeedKind
    feeds: list[FeedSummary]
    total: int
    letters: list[Link]


def index_groups(
    feeds: Sequence[FeedSummary],
    parts: Sequence[Part] = (),
    totals: Mapping[FeedKind, int] | None = None,
) -> list[IndexGroup]:
    """Returns what the index shows; if `feeds` are not all, `totals` has how many there are."""
    groups = []
    for kind in _KINDS:
        some = [one for one in feeds if one.feed.kind == kind]
        shown = largest(some, LARGEST) if parts else some
        letters = _letters("", [part for part in parts if part.kind == kind])
        groups.append(IndexGroup(kind, shown, totals[kind] if totals else len(some), letters))
    return [group for group in groups if group.feeds]


def render_index(site: Site, groups: Sequence[IndexGroup]) -> Document:
    """Returns the page that lists feeds of all kinds; the site must have pages.

    Raises:
        TemplateError: a template of the site's own is faulty.
    """
    shown = [
        Group(one.kind, _listed(site, "", one.feeds), one.total, one.letters) for one in groups
    ]
    variables: dict[str, object] = {
        "groups": shown,
        "main": shown[0].feeds[0],
        "split": any(one.letters for one in groups),
    }
    return render(site, INDEX, "index.html", variables)


def render_part(site: Site, parts: Sequence[Part], place: int) -> Document:
    """Returns the page of a part of a group; the site must have pages.

    Args:
        site: The site.
        parts: All parts of the group, in their order.
        place: Which of them, from 0.

    Raises:
        TemplateError: a template of the site's own is faulty.
    """
    part, path = parts[place], path_of(parts[place])
    up = up_from(path)

    def link(number: int) -> str:
        return f"{up}{path_of(parts[number])}" if 0 <= number < len(parts) else ""

    numbers = [
        Link(str(one.number), link(number))
        for number, one in enumerate(parts)
        if one.letter == part.letter
    ]
    feeds = _listed(site, up, part.feeds)
    variables: dict[str, object] = {
        "group": Group(part.kind, feeds, len(feeds), _letters(up, parts)),
        "part": PagePart(
            *(part.letter, part.number, numbers, f"{site.base_url}{path}"),
            *(f"{up}{part.path}.opml", link(place - 1), link(place + 1)),
        ),
    }
    return render(site, path, "group.html", variables)


def path_of(part: Part) -> str:
    """Returns the path below out/ of the page of a part."""
    return f"{part.path}.{EXTENSION}"


def largest(feeds: Sequence[FeedSummary], count: int) -> list[FeedSummary]:
    """Returns the feeds with the most entries, the largest first; all in their order if few."""
    if len(feeds) <= count:
        return list(feeds)
    return nsmallest(count, feeds, key=lambda one: (-one.entries, one.feed.address))


def _listed(site: Site, up: str, feeds: Sequence[FeedSummary]) -> list[PageFeed]:
    return [
        page_feed(
            *(site, up, one.feed, one.entries),
            from_unix(one.newest) if one.newest is not None else None,
        )
        for one in feeds
    ]


def _letters(up: str, parts: Sequence[Part]) -> list[Link]:
    """Returns links to the first page of each letter."""
    return [Link(one.letter, f"{up}{path_of(one)}") for one in parts if one.number == 1]


def render_follow(site: Site, main: Feed) -> Document:
    """Returns the page about how to follow; `main` is the feed of everything."""
    feed = page_feed(site, "", main, 0, None)
    variables: dict[str, object] = {"main": feed, "readers": readers_of(site, feed.formats[0].url)}
    return render(site, FOLLOW, FOLLOW, variables)


def render_lost(site: Site) -> Document:
    """Returns the page for addresses without one: at any depth, so links begin at the host."""
    return render(site, LOST, LOST, {}, urlsplit(site.base_url).path)


def render_robots(site: Site) -> Document:
    """Returns what search engines are to leave out (RFC 9309)."""
    query = QUERY if site.pages and (site.pages.query or site.pages.query_mark) else ""
    return render(site, ROBOTS, ROBOTS, {"query": query}, urlsplit(site.base_url).path)


def render_sitemap(site: Site, feeds: Sequence[FeedSummary]) -> Document:
    """Returns the addresses of pages, without dates: these would change it with every story."""
    shown = largest(feeds, _MOST_MAPPED - 3)
    urls = ["", INDEX, FOLLOW, *(f"{one.feed.address}.{EXTENSION}" for one in shown)]
    return render(site, SITEMAP, SITEMAP, {"urls": [f"{site.base_url}{url}" for url in urls]})


def page_assets(site: Site) -> list[Document]:
    """Returns the files that pages load, under names that tell their content.

    Those that are texts stand under their plain names, too, by which feeds and the site's own
    templates know them.
    """
    files, words = dict(assets(site.templates)), site_words(site)
    for place, text in ((b"{notice}", words.notice), (b"{page}", words.notice_page)):
        files[OF_FEEDS] = files[OF_FEEDS].replace(place, text.replace('"', "'").encode())
    plain = {f"{ASSETS}/{name}": files[name] for name in files if kind_of(name).text}
    named = {path: files[name] for name, path in asset_paths(site.templates).items()}
    return [Document(path, data) for path, data in (plain | named).items()]
