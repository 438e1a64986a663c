"""To which topics and providers the pages of a feed may link."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from feeds.common.archives import Archive, ArchivePart
from feeds.common.model import Entry, Feed, FeedContents, FeedRef
from feeds.common.reports import NO_CALLBACKS, Options, utc_now
from feeds.pipeline.context import begin_pass
from feeds.pipeline.links import Links
from feeds.render.context import Site as RenderSite
from feeds.render.context import archived_site, site_of, site_without_links
from feeds.store import Store
from tests.support.site import Site
from tests.support.storing import good, record

FEED = Feed("all", "all", "", "All", "All", "", 50)
HIGH: FeedRef = ("topic", "high")
OLD: FeedRef = ("provider", "old.example")
TOML = '[providers."new.example"]\naliases = ["old.example"]\n'


def site_for(
    store: Store, site: Site, missing: set[FeedRef], count: int = 2, **feed: Any
) -> tuple[RenderSite, RenderSite]:
    """Returns the site, and how the documents of a feed of two items show it."""
    fields = {"a": ("AI", "High"), "b": ("Low",)}
    for path, topics in fields.items():
        domain = "old.example" if path == "b" else "a.example"
        record(store, path, **good(path, id=path, topics=topics, provider=domain))
    entries = tuple(Entry(one.number, one.id, 1, 1, b"") for one in store.item_headers())
    site.configure(TOML)
    run = begin_pass(store, site.load(), Options(), NO_CALLBACKS, utc_now)
    whole = site_of(run.config)
    contents = FeedContents(replace(FEED, **feed), entries[:count])
    return whole, Links(run, whole, frozenset(missing)).site_for(contents)


@pytest.mark.parametrize(
    ("missing", "count", "found"),
    [
        pytest.param({HIGH, ("topic", "none")}, 2, (HIGH,), id="topic of an entry"),
        pytest.param({("topic", "low")}, 1, (), id="topic of another story"),
        pytest.param({("provider", "new.example")}, 2, (OLD,), id="provider by a former domain"),
        pytest.param(
            {("topic", "low"), HIGH, ("provider", "a.example")},
            2,
            (("provider", "a.example"), HIGH, ("topic", "low")),
            id="in order",
        ),
    ],
)
def test_pages_know_the_missing_feeds_that_their_own_entries_name(
    store: Store, site: Site, missing: set[FeedRef], count: int, found: tuple[FeedRef, ...]
) -> None:
    whole, shown = site_for(store, site, missing, count)
    assert whole.pages is not None
    assert shown == replace(whole, pages=replace(whole.pages, missing=found))


def test_pages_of_a_site_that_misses_no_feed_show_the_site_itself(store: Store, site: Site) -> None:
    whole, shown = site_for(store, site, set())
    assert shown is whole


def test_pages_of_digests_and_archives_link_to_no_feed_that_may_go(
    store: Store, site: Site
) -> None:
    whole, shown = site_for(store, site, {HIGH}, kind="digest")
    assert shown == site_without_links(whole)
    part = Archive(current="all", part=ArchivePart("2021", 1))
    whole, shown = site_for(store, site, {HIGH}, archive=part)
    assert shown == archived_site(whole)
