"""Items, feeds and hostile texts for the tests of documents."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st

from feeds.config import load_config
from feeds.model import Entry, Feed, Item, Provider, Selected
from feeds.pipeline import publish_pass
from feeds.render.documents import render_feed
from feeds.render.view import Site as RenderSite
from feeds.text import clean_line
from feeds.times import to_unix
from tests.site import NOW

GOLDEN = Path(__file__).parent / "golden"

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


def publish_golden(config: Path, seeds: Path, root: Path) -> Path:
    """Publishes what a configuration makes of seeds, as at `NOW`; returns out/ below `root`."""
    environment = {
        "FEEDS_PATHS__SEEDS": json.dumps([str(seeds)]),
        "FEEDS_PATHS__OUT": str(root / "out"),
        "FEEDS_PATHS__STATE": str(root / "state.db"),
    }
    publish_pass(load_config(config, environment), clock=lambda: NOW)
    return root / "out"


def publish_full(root: Path) -> Path:
    """Publishes the seed and configuration that use every field; returns out/ below `root`."""
    return publish_golden(GOLDEN / "full/config.toml", GOLDEN / "full", root)


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


def select_items(items: Sequence[Item], **feed: Any) -> Selected:
    """Returns a feed of these items, in this order, numbered from 1; `feed` replaces its fields."""
    entries = (
        Entry(n, one.id, to_unix(one.published), to_unix(one.updated or one.published), bytes([n]))
        for n, one in enumerate(items, 1)
    )
    return Selected(msgspec.structs.replace(_FEED, **feed), tuple(entries))


def render_items(*items: Item, site: RenderSite = RENDER_SITE, **feed: Any) -> dict[str, bytes]:
    """Renders a feed of these items; returns its documents by extension."""
    documents = render_feed(site, select_items(items, **feed), dict(enumerate(items, 1)))
    return {document.path.rpartition(".")[2]: document.data for document in documents}


# Pieces of text that have broken a feed, a reader or a validator somewhere.
_HOSTILE = (
    *("<b>", "</b>", "<b", "</", "<!--", "-->", "<![CDATA[", "]]>", "<script>", "<a href=x>"),
    *("&", "&amp;", "&#39;", "&#x41;", "&apos", "&a1", "&copy", "&lt", "&\u00a0", "AT&T", "5 < 6"),
    *("src=x ", "href='y' ", "<1@e.org>", "(", ")", "\\", "%00", '"', "'", "{}", "---\n", ": "),
    *(" ", "\u00a0", "\u2028", "\u2060", "\u200b", "\u202e", "e\u0301", "Ã©", "é", "😀", "word"),
    *("\x00", "\x0b", "\x1b", "\x7f", "\x85", "\x9f", "\ufffd", "\ufeff", "\ufdd0", "\U0001ffff"),
)
HOSTILE_TEXT = st.lists(st.sampled_from(_HOSTILE) | st.text(max_size=3), max_size=6).map("".join)
# The same as it stands in an item: cleaned, and not empty.
HOSTILE_LINE = HOSTILE_TEXT.map(lambda text: clean_line(text, repair=True)).filter(bool)
