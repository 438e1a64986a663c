"""The front page: the lead, the newest stories by day, and where to find more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import nsmallest
from typing import NamedTuple

from feeds.common.model import Document, FeedKind, FeedSummary
from feeds.common.times import from_unix
from feeds.render.context import EntryView, FeedView, Site
from feeds.render.environment import render
from feeds.render.html import activity_of, archive_links, page_days, stories_a_day
from feeds.render.page_context import Ranked, page_entry, page_feed, readers_of

FRONT = "index.html"
# Stories besides the lead: so many with all that is known of them, and so many in all.
_WHOLE, _STORIES = 12, 30
TOPICS, SOURCES, _CUSTOM = 10, 15, 20
# A story leads for its quality and heat, which count half after so many seconds.
_HALF_LIFE_S = 86_400
_HOTTEST = 100


class Front(NamedTuple):
    """The stories of the front page, those of the feed of everything: `key` is a digest of them."""

    key: bytes
    view: Callable[[], FeedView]


class Shown(NamedTuple):
    """The feeds that the front page shows, before anything is rendered."""

    main: FeedSummary
    topics: list[FeedSummary]
    sources: list[FeedSummary]
    custom: list[FeedSummary]


def front_feeds(feeds: Sequence[FeedSummary]) -> Shown:
    """Returns which feeds the front page shows: the most active ones, and the editors' own.

    Args:
        feeds: All feeds that are listed, that of everything first.
    """
    last = feeds[0].newest or 0
    custom = [one for one in feeds if one.feed.kind in ("custom", "digest")][:_CUSTOM]
    return Shown(
        feeds[0],
        _most_active(feeds, "topic", last, TOPICS),
        _most_active(feeds, "provider", last, SOURCES),
        custom,
    )


def _most_active(
    feeds: Sequence[FeedSummary], kind: FeedKind, last: int, count: int
) -> list[FeedSummary]:
    """Returns the feeds with the most entries a day, in the 30 days up to `last`."""
    some = [one for one in feeds if one.feed.kind == kind and one.newest is not None]
    return nsmallest(count, some, key=lambda one: (-stories_a_day(one, last), one.feed.address))


def render_front(site: Site, shown: Shown, view: FeedView) -> Document:
    """Returns the front page; the site must have pages.

    Raises:
        TemplateError: a template of the site's own is faulty.
    """
    stories = (entry for entry in view.entries if entry.item.quality >= 0)
    views = sorted(stories, key=lambda entry: entry.published, reverse=True)
    lead = _lead(views)
    entries = {id(one): page_entry(view.site, view.feed, one) for one in views[: _STORIES + 1]}
    if lead is not None and id(lead) not in entries:
        entries[id(lead)] = page_entry(view.site, view.feed, lead)
    rest = [entries[id(one)] for one in views[: _STORIES + 1] if one is not lead][:_STORIES]
    last = shown.main.newest
    newest = from_unix(last) if last is not None else None
    main = page_feed(site, "", view.feed, len(views), newest)
    variables: dict[str, object] = {
        "main": main,
        "sources": len({entry.item.provider.domain for entry in views}),
        "readers": readers_of(site, main.formats[0].url),
        "archive": archive_links(site, view.feed),
        "lead": entries[id(lead)] if lead else None,
        "days": page_days(site, rest),
        "whole": _WHOLE,
        "active": _ranked(site, shown.topics, last),
        "providers": _ranked(site, shown.sources, last),
        "custom": [page_feed(site, "", one.feed, one.entries, None) for one in shown.custom],
    }
    return render(site, FRONT, "front.html", variables)


def _lead(views: Sequence[EntryView]) -> EntryView | None:
    """Returns the story that leads, by the date of the newest: pages know no present."""
    if not views:
        return None
    newest = views[0].published

    def rank(view: EntryView) -> float:
        age_s = (newest - view.published).total_seconds()
        heat = min(max(view.item.heat, 0), _HOTTEST)
        return float((view.item.quality + heat / 2) * 0.5 ** (age_s / _HALF_LIFE_S))

    return max(views, key=rank)


def _ranked(site: Site, feeds: Sequence[FeedSummary], last: int | None) -> list[Ranked]:
    found = ((one, activity_of(site, one, last)) for one in feeds)
    return [
        Ranked(page_feed(site, "", one.feed, one.entries, None), activity)
        for one, activity in found
        if activity
    ]
