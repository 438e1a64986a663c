"""Which thresholds hold in a feed, and what misses it by least."""

from __future__ import annotations

import pytest

from feeds.common.model import Feed, FeedKind
from feeds.select.reasons import nearest_misses, thresholds_of
from tests.support.site import config_of, header

TOML = """
[selection]
min_quality = 40
min_heat = -1
[topics.Law]
min_quality = 60
[topics.Gossip]
exclude = true
[providers."sky.com"]
min_quality = 30
[[rules]]
topic = "law"
provider = "rt.com"
min_quality = 80
[[feeds]]
name = "Best"
min_quality = 90
"""
CONFIG = config_of(TOML)


def feed(kind: FeedKind, key: str = "") -> Feed:
    """Returns a feed of this kind."""
    return Feed(f"{kind}/{key}", kind, key, key, key, "", 50)


@pytest.mark.parametrize(
    ("kind", "key", "wanted"),
    [
        (
            "topic",
            "law",
            {"any story": 60, "from rt.com": 80},
        ),
        ("topic", "ai", {"any story": 40, "from sky.com": 30}),
        ("topic", "gossip", {"any story": None}),
        (
            "provider",
            "sky.com",
            {"any story": 30, 'only about "Law"': 60, 'only about "Gossip"': None},
        ),
        (
            "provider",
            "rt.com",
            {"any story": 40, 'only about "Law"': 80, 'only about "Gossip"': None},
        ),
        (
            "all",
            "",
            {
                "any story": 40,
                'only about "Law"': 60,
                'only about "Gossip"': None,
                "from sky.com": 30,
                'only about "Law" from rt.com': 80,
            },
        ),
        ("custom", "custom/best", {"any story": 90, 'only about "Gossip"': None}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_thresholds_of_a_feed(kind: FeedKind, key: str, wanted: dict[str, int | None]) -> None:
    found = thresholds_of(feed(kind, key), CONFIG)
    assert {one.stories: None if one.excluded else one.min_quality for one in found} == wanted


def test_thresholds_name_what_set_them() -> None:
    sources = [one.source for one in thresholds_of(feed("topic", "law"), CONFIG)]
    assert sources == ['[topics."Law"]', '[[rules]] topic = "law", provider = "rt.com"']
    (usual, _) = thresholds_of(feed("custom", "custom/best"), CONFIG)
    assert usual.source == '[[feeds]] name = "Best"'


def test_nearest_misses_come_in_order_and_tell_why() -> None:
    items = [
        header(1, quality=58, topics=("Law",)),
        header(2, quality=10, topics=("Law",)),
        header(3, quality=59, topics=("Law",), dated=1),
        header(4, quality=59, topics=("Law",), dated=2),
        header(5, quality=60, topics=("Law",)),
        header(6, quality=59, topics=("AI",)),
        header(7, quality=79, topics=("Law",), provider="rt.com"),
        header(8, quality=59, topics=("Law",), is_published=False),
        header(9, quality=59, topics=("Law",), dated=2_000_000_000),
    ]
    found = nearest_misses(feed("topic", "law"), items, CONFIG, 1_000_000_000, 4)
    assert [miss.item.number for miss in found] == [7, 4, 3, 1]
    assert found[3].reason == 'quality 58 is below 60, set by [topics."Law"]'
    assert nearest_misses(feed("topic", "gossip"), items, CONFIG, 0, 9) == []
