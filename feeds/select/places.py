"""Where one item belongs: its topics, its provider, everything, and the custom feeds."""

from __future__ import annotations

from typing import NamedTuple

from feeds.common.model import FeedKind, ItemHeader
from feeds.common.text import fold
from feeds.config.model import CustomFeed
from feeds.select.thresholds import Threshold, Thresholds

# Stands for the topic of an item that has none, and for the key of the feed of everything.
ANY = ""


_SIGNS: dict[FeedKind, str] = {"all": "", "topic": "#", "provider": "@", "custom": "="}


class CandidateFeed(NamedTuple):
    """A feed that an item could be in, and the threshold that decides.

    `key` is the topic (folded), the provider's domain, or the custom feed's oldest address.
    `formerly` are the keys that it had before.
    """

    kind: FeedKind
    key: str
    threshold: Threshold
    formerly: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """What `Memory.qualified` is asked by: no topic can be named like another place."""
        return _SIGNS[self.kind] + self.key

    @property
    def marks(self) -> list[str]:
        """What `Memory.qualified` may know it by."""
        return [_SIGNS[self.kind] + key for key in (self.key, *self.formerly)]


def places(
    card: ItemHeader, thresholds: Thresholds, custom: tuple[CustomFeed, ...]
) -> list[CandidateFeed]:
    """Returns every feed that the item could be in: all, its topics, its provider, custom ones."""
    domain = thresholds.provider(card.provider.domain)
    known = [(topic, thresholds.get(topic, domain)) for topic in map(fold, card.topics)]
    anywhere = _easiest(known) if known else thresholds.get(ANY, domain)
    found = [CandidateFeed("all", ANY, anywhere)]
    found += [CandidateFeed("topic", topic, threshold) for topic, threshold in known]
    found.append(CandidateFeed("provider", domain, anywhere, thresholds.former_domains(domain)))
    for feed in custom:
        if _belongs(card, domain, feed, thresholds):
            threshold = _custom_threshold(feed, known, anywhere)
            found.append(CandidateFeed("custom", feed.key, threshold))
    return found


def _easiest(known: list[tuple[str, Threshold]]) -> Threshold:
    # An item enters the feed of everything where it qualifies for at least one of its topics.
    easiest = known[0][1]
    for _, threshold in known:
        if threshold.strictness() < easiest.strictness():
            easiest = threshold
    return easiest


def _belongs(card: ItemHeader, domain: str, feed: CustomFeed, thresholds: Thresholds) -> bool:
    return (
        (not feed.providers or domain in map(thresholds.provider, feed.providers))
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
