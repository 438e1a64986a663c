"""Why an item is, or is not, in each feed that it could be in: in words for people."""

from __future__ import annotations

import msgspec

from feeds.common.model import FeedContents, ItemHeader, ItemHistory
from feeds.common.times import from_unix, show_duration, show_time
from feeds.config import Config
from feeds.select.membership import Choice
from feeds.select.places import CandidateFeed, places
from feeds.select.thresholds import Thresholds, exclusion_reasons


class Reason(msgspec.Struct, frozen=True):
    """Whether the item is in the feed at `address`, and why."""

    address: str
    words: str
    inside: bool


def explain(card: ItemHeader, choice: Choice, config: Config, now: int) -> list[Reason]:
    """Returns a reason for every feed that the item could be in, as `choice` has it."""
    feeds = {(one.feed.kind, one.feed.key): one for one in choice.feeds}
    thresholds = Thresholds(config)
    common = [*exclusion_reasons(card, config, now), *_beaten(card, choice)]
    memory = choice.memories.get(card.id, card.memory)

    def address_of(place: CandidateFeed) -> str:
        selected = feeds.get((place.kind, place.key))
        if selected is not None:
            return selected.feed.address
        return choice.directory.add(place.kind, place.key)

    return [
        _reason(
            *(card, memory, place, address_of(place), feeds.get((place.kind, place.key))),
            *(common, config, now),
        )
        for place in places(card, thresholds, config.feeds)
    ]


def _beaten(card: ItemHeader, choice: Choice) -> list[str]:
    return [beaten.reason for beaten in choice.duplicates if beaten.path == card.path]


def _reason(
    card: ItemHeader,
    memory: ItemHistory | None,
    place: CandidateFeed,
    address: str,
    selected: FeedContents | None,
    common: list[str],
    config: Config,
    now: int,
) -> Reason:
    shortfall = place.threshold.shortfall(card.quality)
    because = (
        f"quality {card.quality} reaches {place.threshold.min_quality}, "
        f"set by {place.threshold.source}"
    )
    if shortfall or common or selected is None:
        reasons = [shortfall, *common] if shortfall else [*common, f"({because})"]
        return Reason(address, "; ".join(reasons), inside=False)
    entries = selected.entries
    position = next((n for n, entry in enumerate(entries, 1) if entry.id == card.id), None)
    newest = f"its {selected.feed.max_items} newest items (max_items)"
    since = memory.qualified.get(place.mark) if memory else None
    qualified = f"first qualified at {show_time(from_unix(since))}" if since else "qualifies"
    exposure = f"the exposure of {show_duration(config.selection.exposure)}"
    if position is None:
        words = f"{because}, but the feed holds {newest}, and this one {qualified}: "
        recent = since is not None and since >= now - config.selection.exposure.total_seconds()
        words += f"among {selected.left_out} too many" if recent else f"longer ago than {exposure}"
        return Reason(address, words, inside=False)
    words = f"{because}; entry {position} of {len(entries)}"
    if position > selected.feed.max_items:
        words += f", beyond {newest} because it {qualified}, within {exposure}"
    return Reason(address, words, inside=True)
