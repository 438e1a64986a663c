"""A feed in all formats, and the key that tells when it must be rendered again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from feeds.common.archives import Archive
from feeds.common.media import Picture
from feeds.common.model import Feed, FeedContents, Image, Item, Provider, Related
from feeds.render import documents as module
from feeds.render.context import Pages
from feeds.render.context import Site as RenderSite
from feeds.render.documents import (
    Kept,
    RenderJob,
    document_paths,
    feed_key,
    render_feed,
    render_job,
)
from tests.support.rendering import RENDER_SITE, make_item, select_items

_SITE = replace(
    RENDER_SITE,
    author_name="Desk",
    author_email="desk@example.org",
    author_url="https://www.example.org/desk",
    rights="Ours",
    icon="https://www.example.org/icon.png",
    favicon="https://www.example.org/favicon.png",
    logo="https://www.example.org/logo.png",
    hubs=("https://hub.example.org/",),
    pages=Pages(),
)
_TIME = datetime(2026, 2, 3, tzinfo=UTC)
_ITEM = make_item(
    updated=_TIME,
    original_url="https://original.example.com/1",
    excerpt="In short.",
    body="<p>At length.</p>",
    topics=("AI",),
    images=(Image("https://i.example.org/1.png", 1, 2, "A", cached=True),),
    related=(
        Related("Other", "https://e.example/1", 9, _TIME, "E"),
        Related("Another", "https://e.example/2", 8),
    ),
)

# Another value for each field, and whether any document shows the field.
_SITE_CHANGES: dict[str, tuple[Any, bool]] = {
    "base_url": ("https://moved.example.org/", True),
    "home": ("https://home.example.org/", True),
    "id": ("https://id.example.org/", True),
    "title": ("Renamed", True),
    "language": ("de", True),
    "author_name": ("Another", True),
    "author_email": ("other@example.org", True),
    "author_url": ("https://www.example.org/other", True),
    "rights": ("Yours", True),
    "icon": ("", True),
    "favicon": ("", True),
    "logo": ("https://www.example.org/logo.svg", True),
    "hubs": ((), True),
    "ttl": (16, True),
    "related": (1, True),
    "version": ("0.1", True),
    "media_url": ("https://media.example.org/", True),
    "description": ("Another", False),  # but where a feed has one of its own
    "noindex": (True, False),  # but on the pages about feeds
    "pages": (None, True),
}
_FEED_CHANGES: dict[str, tuple[Any, bool]] = {
    "address": ("topics/ai", True),
    "kind": ("topic", True),
    "key": ("ai", False),
    "name": ("AI", True),
    "title": ("Renamed", True),
    "description": ("Described", True),
    "max_items": (9, False),
    "query": ("topic=ai", True),
    "aliases": (("topics/a-i",), True),
    "origin": ("topics/a-i", True),
    "show": ("excerpt", True),
    "show_images": (False, True),
    "noindex": (True, True),
    "notices_s": (9, False),
    "tombstones": (True, False),
    "archive": (Archive(older="all/2021-08"), True),
}
_ITEM_CHANGES: dict[str, tuple[Any, bool]] = {
    "id": ("urn:uuid:00000000-0000-5000-8000-000000000000", True),
    "title": ("Renamed", True),
    "published": (datetime(2026, 2, 2, tzinfo=UTC), True),
    "updated": (None, True),
    "url": ("https://news.example.com/moved", True),
    "original_url": ("https://news.example.com/stories/1", True),
    "quality": (71, True),
    "heat": (7, True),
    "is_published": (True, True),  # pages mark drafts, which `feeds preview` shows
    "provider": (Provider("Other", "example.com"), True),
    "excerpt": ("", True),
    "body": ("", True),
    "topics": (("ai",), True),
    "tags": (("x",), True),
    "category": ("x", False),
    "type": ("x", False),
    "locale": ("de", True),
    "amp_url": ("https://amp.example.com/", False),
    "cdn_amp_url": ("https://amp.example.com/", False),
    "images": ((), True),
    "related": ((), True),
    "correction": ("A name was wrong.", True),
    "withdrawn_reason": ("A name was wrong.", False),
}


def _bytes(site: RenderSite, selected: FeedContents, *items: Item) -> list[bytes]:
    documents = render_feed(site, selected, dict(enumerate(items, 1)))
    return [document.path.encode() + document.data for document in documents]


def _assert_change(site: RenderSite, feed: dict[str, Any], item: Item, *, shown: bool) -> None:
    before, after = select_items([_ITEM]), select_items([item], **feed)
    assert (_bytes(_SITE, before, _ITEM) != _bytes(site, after, item)) == shown
    if shown:
        assert feed_key(_SITE, before) != feed_key(site, after)


@pytest.mark.parametrize("field", RenderSite.__struct_fields__)
def test_key_changes_with_each_field_of_the_site(field: str) -> None:
    value, shown = _SITE_CHANGES[field]
    _assert_change(replace(_SITE, **{field: value}), {}, _ITEM, shown=shown)


@pytest.mark.parametrize("field", Feed.__struct_fields__)
def test_key_changes_with_each_field_of_the_feed(field: str) -> None:
    value, shown = _FEED_CHANGES[field]
    _assert_change(_SITE, {field: value}, _ITEM, shown=shown)


@pytest.mark.parametrize("field", Item.__struct_fields__)
def test_key_changes_with_each_field_of_an_item(field: str) -> None:
    value, shown = _ITEM_CHANGES[field]
    _assert_change(_SITE, {}, replace(_ITEM, **{field: value}), shown=shown)


@pytest.mark.parametrize("field", ["published", "updated"])
def test_key_changes_with_each_time_of_an_entry(field: str) -> None:
    selected = select_items([_ITEM])
    (entry,) = selected.entries
    later = replace(entry, **{field: getattr(entry, field) + 1})
    other = replace(selected, entries=(later,))
    assert _bytes(_SITE, selected, _ITEM) != _bytes(_SITE, other, _ITEM)
    assert feed_key(_SITE, selected) != feed_key(_SITE, other)


def test_site_title_is_shown_where_no_author_is_named() -> None:
    sites = [replace(RENDER_SITE, title=title) for title in ("Site", "Renamed")]
    one, other = (_bytes(site, select_items([_ITEM]), _ITEM) for site in sites)
    assert one != other


def test_key_changes_with_the_order_of_entries() -> None:
    items = [make_item(1), make_item(2)]
    one, other = select_items(items), select_items(items[::-1])
    assert feed_key(_SITE, one) != feed_key(_SITE, other)


def test_key_and_bytes_do_not_depend_on_where_the_store_has_an_item() -> None:
    selected = select_items([_ITEM])
    (entry,) = selected.entries
    moved = replace(selected, entries=(replace(entry, number=77),), exposed=1, left_out=2, until=3)
    assert feed_key(_SITE, moved) == feed_key(_SITE, selected)
    assert render_feed(_SITE, moved, {77: _ITEM}) == render_feed(_SITE, selected, {1: _ITEM})


_SITES = st.builds(
    lambda ttl, related: replace(_SITE, ttl=ttl, related=related),
    *(st.integers(0, 1), st.integers(0, 1)),
)
_ITEMS = st.builds(
    lambda number, excerpt, heat: make_item(number, excerpt=excerpt, heat=heat),
    *(st.integers(1, 2), st.sampled_from(["", "b"]), st.integers(0, 1)),
)
_FEEDS = st.tuples(_SITES, st.lists(_ITEMS, max_size=2, unique=True), st.sampled_from("ab"))


@given(_FEEDS, _FEEDS)
def test_same_key_means_same_bytes_and_the_other_way_round(
    one: tuple[RenderSite, list[Item], str], other: tuple[RenderSite, list[Item], str]
) -> None:
    (key, data), (other_key, other_data) = (
        (feed_key(site, selected), _bytes(site, selected, *items))
        for site, items, title in (one, other)
        for selected in [select_items(items, title=title)]
    )
    if key == other_key:
        assert data == other_data
    # Where there is no related story, its count is not to be seen.
    if data == other_data and one[0].related == other[0].related:
        assert key == other_key


def test_feed_is_rendered_in_every_format() -> None:
    selected = select_items([_ITEM], address="topics/ai")
    documents = render_feed(_SITE, selected, {1: _ITEM})
    assert [document.path for document in documents] == [
        f"topics/ai.{extension}" for extension in ("atom", "rss", "json", "html")
    ]
    assert [document.path for document in documents] == document_paths(_SITE, selected.feed)


def test_job_gives_the_documents_of_its_feed() -> None:
    feed, item = select_items([_ITEM], address="topics/ai"), msgspec.msgpack.encode(_ITEM)
    assert render_job(RenderJob(_SITE, feed, {1: item})) == render_feed(_SITE, feed, {1: _ITEM})


def test_job_whose_item_is_another_than_the_one_that_was_stored_fails() -> None:
    feed, item = select_items([_ITEM], address="topics/ai"), msgspec.msgpack.encode(make_item(2))
    with pytest.raises(msgspec.DecodeError, match="not the one that was stored"):
        render_job(RenderJob(_SITE, feed, {1: item}))


# Feeds that show one of two stories in other ways: with links, at another depth, with less of it.
_WAYS: dict[str, tuple[dict[str, Any], Pages]] = {
    "topic": ({"address": "topics/ai"}, Pages()),
    "provider": ({"address": "providers/example.com"}, Pages()),
    "custom": ({"address": "mine"}, Pages()),
    "missing": ({"address": "topics/b"}, Pages(missing=(("topic", "ai"),))),
    "excerpt": ({"address": "topics/c", "show": "excerpt"}, Pages()),
    "no images": ({"address": "topics/d", "show_images": False}, Pages()),
}


def shared_job(way: str) -> RenderJob:
    feed, pages = _WAYS[way]
    items = [make_item(2), _ITEM]
    data = {number: msgspec.msgpack.encode(one) for number, one in enumerate(items, 1)}
    site = replace(_SITE, pages=pages, media_url="https://i.example.org/")
    return RenderJob(site, select_items(items, **feed), data, {}, None, frozenset({2}))


@pytest.mark.parametrize("most", [0, 1, 9])
def test_feeds_that_share_entries_are_the_same_whatever_was_kept(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_KEPT", most)
    kept: Kept = {}
    for way in (*_WAYS, *_WAYS):
        assert render_job(shared_job(way), None, kept) == render_job(shared_job(way))
        assert len(kept) <= most


def test_shared_entry_is_made_once_for_all_feeds_that_show_the_same_of_it() -> None:
    kept: Kept = {}
    for way in ("topic", "provider"):
        render_job(shared_job(way), None, kept)
    (entry,) = kept.values()
    assert len(entry.made or ()) == 4
    render_job(shared_job("custom"), None, kept)
    assert len(entry.made or ()) == 5  # on a page at another depth


def test_picture_that_is_another_is_shown_by_feeds_that_share_the_entry() -> None:
    kept: Kept = {}
    render_job(shared_job("topic"), None, kept)
    found = Picture(_ITEM.images[0].url, "media/1.png", "image/png", 9, 3, 4)
    job = shared_job("topic")._replace(pictures={2: [found]})
    assert render_job(job, None, kept) == render_job(job)
