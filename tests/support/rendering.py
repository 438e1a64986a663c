"""Items, feeds and hostile texts for the tests of documents."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from feeds.common.files import item_digest
from feeds.common.model import Entry, Feed, FeedContents, Item, Provider
from feeds.common.text import clean_line
from feeds.common.times import to_unix
from feeds.config import load_config
from feeds.pipeline.run import publish_feeds
from feeds.render.context import Site as RenderSite
from feeds.render.documents import render_feed
from feeds.render.environment import asset_paths
from tests.support.site import NOW

GOLDEN = Path(__file__).parent.parent / "golden"

RENDER_SITE = RenderSite(
    base_url="https://feeds.example.org/",
    home="https://www.example.org/",
    id="https://www.example.org/",
    title="Site",
    language="en",
    author_name="",
    author_email="",
    author_url="",
    rights="",
    icon="",
    favicon="",
    logo="",
    hubs=(),
    ttl=15,
    related=5,
    version="0.0",
)
_FEED = Feed("all", "all", "", "", "All stories", "", 50)


def without_digests(data: bytes) -> bytes:
    """Returns a page with the plain names of assets, so that a change of style changes no page."""
    for asset, address in asset_paths(()).items():
        data = data.replace(address.encode(), f"assets/{asset}".encode())
    return data


def publish_golden(config: Path, seeds: Path, root: Path, now: datetime = NOW) -> Path:
    """Publishes what a configuration makes of seeds, as at a time; returns out/ below `root`."""
    environment = {
        "FEEDS_PATHS__SEEDS": json.dumps([str(seeds)]),
        "FEEDS_PATHS__OUT": str(root / "out"),
        "FEEDS_PATHS__STATE": str(root / "state.db"),
    }
    publish_feeds(load_config(config, environment), clock=lambda: now)
    return root / "out"


def publish_full(root: Path) -> Path:
    """Publishes the seed and configuration that use every field; returns out/ below `root`."""
    return publish_golden(GOLDEN / "full/config.toml", GOLDEN / "full/seeds", root)


def publish_digests(root: Path) -> Path:
    """Publishes digests, withdraws a story an hour later, and publishes again; returns out/."""
    seeds, config = root / "seeds", GOLDEN / "digest/config.toml"
    shutil.copytree(GOLDEN / "digest/seeds", seeds)
    publish_golden(config, seeds, root)
    seed = seeds / "hoax.md"
    withdrawn = 'published: false\nwithdrawnReason: "It was a <buoy>."'
    seed.write_text(seed.read_text("utf-8").replace("published: true", withdrawn), "utf-8")
    return publish_golden(config, seeds, root, NOW + timedelta(hours=1))


def make_item(number: int = 1, **changes: Any) -> Item:
    """Returns an item as a seed of the fewest fields gives it; `changes` replace fields."""
    url = f"https://news.example.com/stories/{number}"
    item = Item(
        id=f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, url)}",
        title=f"Story {number}",
        published=datetime(2026, 2, 1, 8, tzinfo=UTC),
        url=url,
        original_url=url,
        quality=70,
        provider=Provider("The Example", "example.com"),
    )
    return msgspec.structs.replace(item, **changes)


def select_items(items: Sequence[Item], **feed: Any) -> FeedContents:
    """Returns a feed of these items, in this order, numbered from 1; `feed` replaces its fields."""
    entries = tuple(_entry(number, item) for number, item in enumerate(items, 1))
    return FeedContents(msgspec.structs.replace(_FEED, **feed), entries)


def _entry(number: int, item: Item) -> Entry:
    digest = item_digest(msgspec.msgpack.encode(item))
    published, updated = to_unix(item.published), to_unix(item.updated or item.published)
    return Entry(number, item.id, published, updated, digest)


def render_items(*items: Item, site: RenderSite = RENDER_SITE, **feed: Any) -> dict[str, bytes]:
    """Renders a feed of these items; returns its documents by extension."""
    documents = render_feed(site, select_items(items, **feed), dict(enumerate(items, 1)))
    return {document.path.rpartition(".")[2]: document.data for document in documents}


# Pieces of text that have broken a feed, a reader or a validator somewhere.
HOSTILE = (
    *("<b>", "</b>", "<b", "</", "<!--", "-->", "<![CDATA[", "]]>", "<script>", "<a href=x>"),
    *("&", "&amp;", "&#39;", "&#x41;", "&apos", "&a1", "&copy", "&lt", "&\u00a0", "AT&T", "5 < 6"),
    *("src=x ", "href='y' ", "<1@e.org>", "(", ")", "\\", "%00", '"', "'", "{}", "---\n", ": "),
    *(" ", "\u00a0", "\u2028", "\u2060", "\u200b", "\u202e", "e\u0301", "Ã©", "é", "😀", "word"),
    *("\x00", "\x0b", "\x1b", "\x7f", "\x85", "\x9f", "\ufffd", "\ufeff", "\ufdd0", "\U0001ffff"),
)
HOSTILE_TEXT = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=3), max_size=6).map("".join)
# The same as it stands in an item: cleaned, and not empty.
HOSTILE_LINE = HOSTILE_TEXT.map(lambda text: clean_line(text, repair=True)).filter(bool)


class Full(NamedTuple):
    """What documents must say of the seed in golden/full, written down by hand."""

    id: str = "urn:uuid:3f152d17-af28-512c-81af-8732ac56a3f0"
    title: str = "The <b> tag & AT&T: “cafés” – 5 < 6"
    url: str = "https://www.xn--exmple-cua.com/gr%C3%B6%C3%9Fe/1%202?copy=1&copy=2"
    original: str = "https://originals.example.com:8443/stories/1?a=1&b=%5B2%5D#top"
    published: datetime = datetime(2026, 2, 10, 7, 30, tzinfo=UTC)
    updated: datetime = datetime(2026, 2, 11, 9, tzinfo=UTC)
    provider: str = "Exämple </b> & Co"
    provider_url: str = "https://www.xn--exmple-cua.com/"
    topics: tuple[str, ...] = ("Computer Vision", "C++ & <Rust>", "AI")
    tags: tuple[str, ...] = ("compilers",)
    excerpt: str = "Close it with </b>, write &lt; for <, and mind \"quotes\" & 'quotes' …"
    image: str = "https://images.example.com/gr%C3%B6%C3%9Fe%201.PNG?w=640&h=425"
    image_title: str = 'A café, "open" & <bright>'
    best: str = "Best <em>of</em> all &amp; more"


FULL = Full()
