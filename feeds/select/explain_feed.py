"""Which thresholds hold in a feed, and which stories miss them by least."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import nsmallest
from typing import NamedTuple

import msgspec

from feeds.common.model import Feed, ItemHeader
from feeds.common.text import fold
from feeds.config import Config
from feeds.select.membership import candidates, own_source
from feeds.select.thresholds import Threshold, Thresholds, exclusion_reasons

# A topic (folded) and a provider, "" for any.
_Pair = tuple[str, str]


class FeedThreshold(msgspec.Struct, frozen=True):
    """The quality that some stories need to stand in a feed; `source` names what set it."""

    stories: str
    min_quality: int
    excluded: bool
    source: str


class Miss(NamedTuple):
    """An item that is in no feed of its kind for its quality alone."""

    item: ItemHeader
    reason: str


def thresholds_of(feed: Feed, config: Config) -> list[FeedThreshold]:
    """Returns the usual threshold of a feed first, then those of stories that have another one."""
    thresholds = Thresholds(config)
    names = {fold(name): name for name in (*(one.topic for one in config.rules), *config.topics)}
    found: dict[str, Threshold] = {}
    usual: Threshold | None = None
    for topic, domain in _pairs(feed, config, list(names)):
        threshold = _in_own_feed(feed, config, thresholds.get(topic, domain))
        if usual is None:
            found["any story"] = usual = threshold
        elif threshold != usual:
            about = f'only about "{names[topic]}"' if topic and topic != feed.key else ""
            found[f"{about} {f'from {domain}' if domain and domain != feed.key else ''}"] = (
                threshold
            )
    return [
        FeedThreshold(stories.strip(), one.min_quality, one.excluded, one.source)
        for stories, one in found.items()
    ]


def _pairs(feed: Feed, config: Config, topics: list[str]) -> Iterator[_Pair]:
    """Yields the pair that stands for any story of a feed, then those that may be exceptions."""
    domains = [*config.providers, *(config.provider(rule.provider) for rule in config.rules)]
    if feed.kind == "topic":
        topics = [feed.key]
        yield feed.key, ""
    elif feed.kind == "provider":
        domains = [feed.key]
        yield "", feed.key
    else:
        yield "", ""
    yield from ((topic, "") for topic in topics if feed.kind != "provider")
    yield from (("", domain) for domain in domains if feed.kind != "topic")
    ruled = {(fold(rule.topic), config.provider(rule.provider)) for rule in config.rules}
    for topic in topics:
        for domain in domains:
            if feed.kind in {"topic", "provider"} or (topic, domain) in ruled:
                yield topic, domain


def _in_own_feed(feed: Feed, config: Config, threshold: Threshold) -> Threshold:
    """Returns the threshold that a feed of the site's own has instead, if it sets one."""
    own = config.own_feeds.get((feed.kind, feed.key))
    if own is None or own.min_quality is None or threshold.excluded:
        return threshold
    return Threshold(own.min_quality, own_source(own))


def nearest_misses(
    feed: Feed, items: Iterable[ItemHeader], config: Config, now: int, count: int
) -> list[Miss]:
    """Returns the items whose quality is too low for a feed by least, the newest first of equals.

    Items that something else keeps out of every feed are no misses.
    """
    thresholds = Thresholds(config)
    missing: list[tuple[int, int, int, Miss]] = []
    for item in items:
        found = [one for one in candidates(item, thresholds, config) if one.kind == feed.kind]
        one = next((one for one in found if one.key == feed.key), None)
        if one is None or one.threshold.excluded or any(exclusion_reasons(item, config, now)):
            continue
        if reason := one.threshold.rejection_reason(item.quality):
            gap = one.threshold.min_quality - item.quality
            missing.append((gap, -item.dated, item.number, Miss(item, reason)))
    return [miss for *_, miss in nsmallest(count, missing)]
