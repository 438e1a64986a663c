"""Why a feed has, or has not, an item, and what misses a feed by least: in words for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import nsmallest
from typing import NamedTuple, Protocol

import msgspec

from feeds.common.model import Feed, FeedContents, FeedRef, ItemHeader, Problem
from feeds.common.text import fold
from feeds.common.times import from_unix, show_duration, show_time
from feeds.config import Config
from feeds.select.addresses import Directory
from feeds.select.qualify import CandidateFeed, candidates, own_source
from feeds.select.thresholds import Threshold, Thresholds, exclusion_reasons, exposed_since


class Reason(msgspec.Struct, frozen=True):
    """Whether the item is in the feed at `address`, and why."""

    address: str
    words: str
    inside: bool


class Chosen(Protocol):
    """The part of the selection that explanations use: duplicates, and the addresses of feeds."""

    @property
    def duplicates(self) -> tuple[Problem, ...]:
        """The items that another one with the same id beats."""

    @property
    def directory(self) -> Directory:
        """Where feeds stand, and would stand."""


class _Subject(NamedTuple):
    """The item that is explained, and what keeps it out of all feeds."""

    item: ItemHeader
    common: list[str]
    config: Config
    now: int


def reasons_for(
    item: ItemHeader,
    chosen: Chosen,
    contents_of: Callable[[FeedRef], FeedContents | None],
    config: Config,
    now: int,
) -> list[Reason]:
    """Returns a reason for every feed that the item could be in, at the time `now` of selection.

    `contents_of` returns the contents of a feed by kind and key, None if there is no such feed.
    """
    common = [*exclusion_reasons(item, config, now)]
    common += [beaten.reason for beaten in chosen.duplicates if beaten.path == item.path]
    subject = _Subject(item, common, config, now)
    reasons = []
    for feed in candidates(item, Thresholds(config), config):
        contents = contents_of((feed.kind, feed.key))
        known = contents.feed.address if contents else None
        address = known or chosen.directory.add(feed.kind, feed.key)
        reasons.append(_reason(subject, feed, address, contents))
    return reasons


def _reason(
    subject: _Subject, feed: CandidateFeed, address: str, contents: FeedContents | None
) -> Reason:
    item, common = subject.item, subject.common
    rejection = feed.threshold.rejection_reason(item.quality)
    because = (
        f"quality {item.quality} reaches {feed.threshold.min_quality}, "
        f"set by {feed.threshold.source}"
    )
    if rejection or common or contents is None:
        reasons = [rejection, *common] if rejection else [*common, f"({because})"]
        return Reason(address, "; ".join(reasons), inside=False)
    entries, selection = contents.entries, subject.config.selection
    if feed.kind == "digest":  # its entries are digests, which the caller knows
        return Reason(address, because, inside=False)
    position = next((n for n, entry in enumerate(entries, 1) if entry.id == item.id), None)
    newest = f"its {contents.feed.max_items} newest items (max_items)"
    since = item.history.qualified.get(feed.name) if item.history else None
    qualified = f"first qualified at {show_time(from_unix(since))}" if since else "qualifies"
    exposure = f"the exposure of {show_duration(selection.exposure)}"
    if position is None:
        words = f"{because}, but the feed holds {newest}, and this one {qualified}: "
        recent = since is not None and since >= exposed_since(subject.config, subject.now)
        words += f"among {contents.left_out} too many" if recent else f"longer ago than {exposure}"
        return Reason(address, words, inside=False)
    words = f"{because}; entry {position} of {len(entries)}"
    if position > contents.feed.max_items:
        words += f", beyond {newest} because it {qualified}, within {exposure}"
    return Reason(address, words, inside=True)


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
