"""What a pass has to publish: which feeds there are, and which of them are to be rendered."""

from __future__ import annotations

from typing import NamedTuple

from feeds.config import Config
from feeds.gallery import Gallery, names_of
from feeds.model import Feed, Picture, Selected, Summary
from feeds.render.view import Site
from feeds.selection import Selection, selected
from feeds.store import Store


class Plan(NamedTuple):
    """What is to be published: all feeds, and of those to be rendered what they show, and keys.

    `images` are the copies that the documents of each feed name.
    """

    feeds: list[Summary]
    stale: list[tuple[Selected, dict[int, list[Picture]], bytes]]
    keep: list[str]
    images: dict[str, tuple[str, ...]]


def plan_of(
    store: Store,
    config: Config,
    selection: Selection,
    site: Site,
    gallery: Gallery,
    known: set[str],
    now: int,
) -> Plan:
    """Returns what is to be published; `known` are the files that are as they were published."""
    from feeds.render.documents import document_paths, feed_key, overview_paths

    before, images = store.feeds(), gallery.before
    plan = Plan([], [], overview_paths(site), {})
    for feed in selection.feeds:
        paths = document_paths(site, feed)
        plan.keep.extend(paths)
        key, summary = before.get(feed.address, (b"", None))
        intact = known.issuperset(paths)
        names = images.get(feed.address, ())
        if (
            summary
            and intact
            and _is_current(feed, summary, selection, now)
            and gallery.can_show(names)
        ):
            plan.feeds.append(summary)
            plan.images[feed.address] = names
            continue
        one = selected(store, feed, config, now)
        pictures = gallery.of(one.entries)
        new_key = feed_key(site, one, pictures)
        plan.feeds.append(one.summary())
        plan.images[feed.address] = names_of(pictures)
        if new_key != key or not intact:
            plan.stale.append((one, pictures, new_key))
        else:
            store.keep_feed(key, one.summary())
    return plan


def _is_current(feed: Feed, summary: Summary, selection: Selection, now: int) -> bool:
    """Tells without looking at its entries whether a feed is as it was published."""
    return (
        selection.touched is not None
        and (feed.kind, feed.key) not in selection.touched
        and feed == summary.feed
        and (summary.until is None or now <= summary.until)
    )
