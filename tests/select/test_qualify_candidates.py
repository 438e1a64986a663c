"""Candidates: every feed that one item could be in, and the threshold that decides there."""

from __future__ import annotations

import pytest

from feeds.common.model import ItemHeader
from feeds.select.qualify import CandidateFeed, candidates
from feeds.select.thresholds import Thresholds
from tests.support.site import config_of, header

CONFIG = """
[topics.Cars]
min_quality = 80
[topics.Gossip]
exclude = true
[[rules]]
topic = "Gossip"
provider = "let.in"
min_quality = 10
"""


def found(item: ItemHeader, toml: str) -> dict[str, CandidateFeed]:
    config = config_of(toml)
    every = list(candidates(item, Thresholds(config), config))
    by_name = {f"{candidate.kind} {candidate.key}".strip(): candidate for candidate in every}
    assert len(by_name) == len(every)
    return by_name


def test_candidates_are_everything_each_topic_and_the_provider() -> None:
    every = found(header(topics=("Computer  VISION", "AI")), "")
    assert list(every) == ["all", "topic computer vision", "topic ai", "provider example.com"]


def test_candidates_are_remembered_each_for_itself() -> None:
    """Otherwise an item that comes to a feed late would not count as new there."""
    topics = ("all", "AI", "provider", "example.com", "@example.com", "custom/mine", "topic ai")
    toml = '[[feeds]]\nname = "Mine"\n[[feeds]]\nname = "AI"'
    names = [
        candidate.name
        for provider in ("example.com", "other.org")
        for candidate in found(header(topics=topics, provider=provider), toml).values()
    ]
    assert len(set(names)) == len(topics) + 1 + 2 + 2


def test_candidates_of_an_item_without_topics_are_judged_by_its_provider() -> None:
    every = found(header(topics=()), '[providers."example.com"]\nmin_quality = 33')
    assert {name: candidate.threshold.min_quality for name, candidate in every.items()} == {
        "all": 33,
        "provider example.com": 33,
    }


@pytest.mark.parametrize(
    ("topics", "provider", "needed"),
    [
        pytest.param(("Cars",), "a.com", 80, id="one topic"),
        pytest.param(("Cars", "AI"), "a.com", 40, id="the easiest of two"),
        pytest.param(("AI", "Cars"), "a.com", 40, id="in any order"),
        pytest.param(("Gossip", "Cars"), "a.com", 80, id="an excluded topic does not help"),
        pytest.param(("Gossip",), "a.com", None, id="only an excluded topic"),
        pytest.param(("Gossip", "Cars"), "let.in", 10, id="a rule does"),
    ],
)
def test_everything_and_the_provider_take_what_any_topic_takes(
    topics: tuple[str, ...], provider: str, needed: int | None
) -> None:
    every = found(header(topics=topics, provider=provider), CONFIG)
    for name in ("all", f"provider {provider}"):
        threshold = every[name].threshold
        assert (None if threshold.excluded else threshold.min_quality) == needed


@pytest.mark.parametrize(
    ("lists", "is_there"),
    [
        pytest.param("", True, id="no list takes all"),
        pytest.param('topics = ["ai"]', True, id="topic without case"),
        pytest.param('topics = ["No", "  AI "]', True, id="any of the topics"),
        pytest.param('topics = ["No"]', False, id="none of the topics"),
        pytest.param('providers = ["EXAMPLE.com", "b.com"]', True, id="any of the providers"),
        pytest.param('providers = ["b.com"]', False, id="none of the providers"),
        pytest.param('providers = ["news.example.com"]', False, id="a domain is not its parent"),
        pytest.param('categories = ["SCI  tech"]', True, id="category folded"),
        pytest.param('categories = ["Sci"]', False, id="other category"),
        pytest.param('tags = ["x", "LONG  read"]', True, id="any of the tags, folded"),
        pytest.param('tags = ["long"]', False, id="none of the tags"),
        pytest.param('locales = ["fr", "EN"]', True, id="a language without its region"),
        pytest.param('locales = ["en-gb"]', True, id="a language with its region"),
        pytest.param('locales = ["en-US"]', False, id="another region"),
        pytest.param('locales = ["eng"]', False, id="a language that begins so"),
        pytest.param('topics = ["AI"]\nproviders = ["b.com"]', False, id="both lists at once"),
        pytest.param(
            'topics = ["AI"]\nproviders = ["example.com"]\ncategories = ["Sci Tech"]',
            True,
            id="all three lists",
        ),
    ],
)
def test_custom_feed_combines_its_lists(lists: str, *, is_there: bool) -> None:
    item = header(category="Sci Tech", tags=("Long read",), locale="en-GB")
    every = found(item, f'[[feeds]]\nname = "Mine"\n{lists}')
    assert ("custom custom/mine" in every) == is_there


@pytest.mark.parametrize(("language", "is_there"), [("de-AT", True), ("en", False)])
def test_custom_feed_takes_items_without_locale_for_the_sites(
    language: str, *, is_there: bool
) -> None:
    toml = f'[site]\nlanguage = "{language}"\n[[feeds]]\nname = "Mine"\nlocales = ["de"]'
    assert ("custom custom/mine" in found(header(), toml)) == is_there


def test_custom_feed_of_topics_has_no_place_for_items_without() -> None:
    assert "custom custom/mine" not in found(
        header(topics=()), '[[feeds]]\nname = "Mine"\ntopics = ["AI"]'
    )


@pytest.mark.parametrize(
    ("feed", "needed"),
    [
        pytest.param("", 40, id="the easiest of all topics"),
        pytest.param('topics = ["Cars"]', 80, id="only the topics it lists count"),
        pytest.param('topics = ["Cars", "AI"]', 40, id="the easiest of those it lists"),
        pytest.param("min_quality = 90", 90, id="its own, stricter"),
        pytest.param('topics = ["Cars"]\nmin_quality = 5', 5, id="its own, easier"),
        pytest.param("min_quality = 0", 0, id="its own, none at all"),
        pytest.param('topics = ["Gossip"]\nmin_quality = 0', None, id="excluded all the same"),
    ],
)
def test_custom_feed_is_entered_by(feed: str, needed: int | None) -> None:
    item = header(topics=("AI", "Cars", "Gossip"))
    candidate = found(item, f'{CONFIG}[[feeds]]\nname = "Mine"\n{feed}')["custom custom/mine"]
    assert (None if candidate.threshold.excluded else candidate.threshold.min_quality) == needed


def test_custom_feed_is_named_where_its_own_threshold_decides() -> None:
    candidate = found(header(), '[[feeds]]\nname = "My Feed"\nmin_quality = 90')[
        "custom custom/my-feed"
    ]
    assert candidate.threshold.rejection_reason(89) == (
        'quality 89 is below 90, set by [[feeds]] name = "My Feed"'
    )
