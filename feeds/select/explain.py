"""Why an item is, or is not, in each feed that it could be in: in words for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from feeds.common.model import FeedContents, FeedRef, ItemHeader, Problem
from feeds.common.times import from_unix, show_duration, show_time
from feeds.config import Config
from feeds.select.addresses import Directory
from feeds.select.membership import CandidateFeed, candidates
from feeds.select.thresholds import Thresholds, exclusion_reasons, exposed_since


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


def explain(
    item: ItemHeader,
    chosen: Chosen,
    contents_of: Callable[[FeedRef], FeedContents | None],
    config: Config,
    now: int,
) -> list[Reason]:
    """Returns a reason for every feed that the item could be in.

    Args:
        item: the item, as selection left it.
        chosen: what selection decided.
        contents_of: returns the contents of a feed by kind and key, None if there is no such feed.
        config: the configuration.
        now: when that was, in seconds since 1970.
    """
    common = [*exclusion_reasons(item, config, now)]
    common += [beaten.reason for beaten in chosen.duplicates if beaten.path == item.path]
    subject = _Subject(item, common, config, now)
    reasons = []
    for feed in candidates(item, Thresholds(config), config):
        contents = contents_of((feed.kind, feed.key))
        if contents is None:
            address = chosen.directory.add(feed.kind, feed.key)
        else:
            address = contents.feed.address
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
