"""The conditions for an item to stand in a feed: quality, heat, date and age (`max_age`).

All times are seconds since 1970, all lengths seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import NamedTuple

import msgspec

from feeds.common.model import FeedContents, ItemHeader
from feeds.common.text import fold
from feeds.common.times import from_unix, show_duration, show_time
from feeds.config import Config


class Threshold(NamedTuple):
    """`min_quality` is inclusive; `source` names the table of config.toml that set it."""

    min_quality: int
    source: str
    excluded: bool = False

    def strictness(self) -> tuple[bool, int]:
        """Orders thresholds from the easiest to the strictest."""
        return self.excluded, self.min_quality

    def rejection_reason(self, quality: int) -> str:
        """Returns in words why the quality does not suffice, ``""`` if it does."""
        if self.excluded:
            return f"excluded by {self.source}"
        if quality < self.min_quality:
            return f"quality {quality} is below {self.min_quality}, set by {self.source}"
        return ""


class Thresholds:
    """All thresholds of a configuration.

    A rule for the pair decides alone; else the stricter of the topic's and the provider's own,
    if set; else the default. What is excluded stays out unless a rule for the pair lets it in.
    `get` finds it by topic (folded; ``""`` for no topic) and provider.
    """

    def __init__(self, config: Config) -> None:
        default = config.selection.min_quality
        self._default = Threshold(default, "[selection]")
        self._topics = {fold(name): (name, named) for name, named in config.topics.items()}
        self._providers = config.providers
        self.provider = config.provider
        self._rules = {
            (fold(rule.topic), self.provider(rule.provider)): rule for rule in config.rules
        }
        self.get = cache(self._find)

    def former_domains(self, provider: str) -> tuple[str, ...]:
        """Returns the domains that a provider had."""
        named = self._providers.get(provider)
        return named.aliases if named else ()

    def _find(self, topic: str, provider: str) -> Threshold:
        rule = self._rules.get((topic, provider))
        if rule is not None:
            source = f'[[rules]] topic = "{rule.topic}", provider = "{rule.provider}"'
            return Threshold(rule.min_quality or 0, source, rule.exclude)
        name, about = self._topics.get(topic, (topic, None))
        by = self._providers.get(provider)
        tables = (about, f'[topics."{name}"]'), (by, f'[providers."{provider}"]')
        own = [
            Threshold(0 if named.exclude else named.min_quality or 0, source, named.exclude)
            for named, source in tables
            if named and (named.exclude or named.min_quality is not None)
        ]
        return max(own, key=Threshold.strictness, default=self._default)


def exclusion_reasons(item: ItemHeader, config: Config, now: int) -> Iterator[str]:
    """Yields in words each reason that keeps an item out of every feed, at any quality."""
    selection = config.selection
    if not item.is_published:
        yield "not published (published: false, or missing, in the seed)"
    if not is_due(item, now):
        yield f"dated in the future, not shown until {show_time(from_unix(item.dated))}"
    if item.heat < selection.min_heat:
        heat = "unknown" if item.heat == -1 else str(item.heat)
        yield f"heat {heat} is below {selection.min_heat}, set by [selection]"
    oldest = _oldest(config, now)
    if selection.max_age is not None and oldest is not None and item.dated < oldest:
        age = show_duration(selection.max_age)
        yield f"dated {show_time(from_unix(item.dated))}, older than max_age {age}"


def is_due(item: ItemHeader, now: int) -> bool:
    """Tells whether an item's date has come, or readers were shown the item under this date.

    The second holds whatever a clock says that was set back.
    """
    return item.dated <= now or (item.history is not None and item.history.published == item.dated)


def exposed_since(config: Config, now: int) -> int:
    """Returns since when an item must have qualified to be exposed (`selection.exposure`)."""
    return now - exposure_s(config)


def exposure_s(config: Config) -> int:
    """Returns `selection.exposure`."""
    return int(config.selection.exposure.total_seconds())


def until_first(contents: FeedContents, turns: Iterable[int]) -> FeedContents:
    """Returns a feed that changes at the first of these times, or when it would have."""
    known = () if contents.until is None else (contents.until,)
    return msgspec.structs.replace(contents, until=min((*known, *turns), default=None))


def turned(config: Config, since: int, now: int) -> Iterator[tuple[int, int]]:
    """Yields intervals of dates, the first moment not included.

    Items of these dates became due, or expired, after the time `since` and up to `now`.
    """
    yield since, now
    was_oldest, oldest = _oldest(config, since), _oldest(config, now)
    if was_oldest is not None and oldest is not None:
        yield was_oldest - 1, oldest - 1


def next_turn(config: Config, next_dated: Callable[[int], int | None], now: int) -> int | None:
    """Returns the last moment before an item becomes due or expires; None for never.

    `next_dated` returns the first date of a published item after the given one.
    """
    turns, oldest = [], _oldest(config, now)
    if (due := next_dated(now)) is not None:
        turns.append(due - 1)
    if oldest is not None and (dated := next_dated(oldest - 1)) is not None:
        turns.append(dated + now - oldest)
    return min(turns, default=None)


def _oldest(config: Config, now: int) -> int | None:
    """Returns the oldest date that has not expired; None if none ever does."""
    if config.selection.max_age is None:
        return None
    return now - int(config.selection.max_age.total_seconds())
