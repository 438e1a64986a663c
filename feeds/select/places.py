"""Where one item belongs: its topics, its provider, everything, and the custom feeds."""

from __future__ import annotations

from typing import NamedTuple

from feeds.config.model import CustomFeed
from feeds.model import Card, FeedKind
from feeds.select.thresholds import Threshold, Thresholds
from feeds.text import fold

# The mark of the provider feeds and the feed of everything in `Card.qualified`, and what stands for
# the topic of an item that has none.
ANY = ""


class Place(NamedTuple):
    """A feed that an item could be in, and the threshold that decides.

    `key` is the topic (folded), the provider's domain, or the custom feed's address; `mark` is what
    `Card.qualified` is asked by.
    """

    kind: FeedKind
    key: str
    mark: str
    threshold: Threshold


def places(card: Card, thresholds: Thresholds, custom: tuple[CustomFeed, ...]) -> list[Place]:
    """Returns every feed that the item could be in: all, its topics, its provider, custom ones."""
    domain = card.provider.domain
    known = [(topic, thresholds.get(topic, domain)) for topic in map(fold, card.topics)]
    anywhere = _easiest(known) if known else thresholds.get(ANY, domain)
    found = [Place("all", ANY, ANY, anywhere)]
    found += [Place("topic", topic, topic, threshold) for topic, threshold in known]
    found.append(Place("provider", domain, ANY, anywhere))
    for feed in custom:
        if _belongs(card, feed):
            threshold = _custom_threshold(feed, known, anywhere)
            found.append(Place("custom", feed.address, feed.address, threshold))
    return found


def _easiest(known: list[tuple[str, Threshold]]) -> Threshold:
    # An item enters the feed of everything where it qualifies for at least one of its topics.
    easiest = known[0][1]
    for _, threshold in known:
        if threshold.strictness() < easiest.strictness():
            easiest = threshold
    return easiest


def _belongs(card: Card, feed: CustomFeed) -> bool:
    return (
        (not feed.providers or card.provider.domain in feed.providers)
        and (not feed.categories or fold(card.category) in map(fold, feed.categories))
        and (not feed.topics or not set(map(fold, card.topics)).isdisjoint(map(fold, feed.topics)))
    )


def _custom_threshold(
    feed: CustomFeed, known: list[tuple[str, Threshold]], anywhere: Threshold
) -> Threshold:
    if feed.topics:
        wanted = set(map(fold, feed.topics))
        anywhere = _easiest([pair for pair in known if pair[0] in wanted])
    if feed.min_quality is None or anywhere.excluded:
        return anywhere
    return Threshold(feed.min_quality, f'[[feeds]] name = "{feed.name}"')
