"""What the clock alone decides: when an item is due, when it expires, how long it is exposed.

All times are seconds since 1970, all lengths seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from feeds.common.model import ItemHeader
from feeds.config import Config


def is_due(item: ItemHeader, now: int) -> bool:
    """Tells whether an item's date has come, or readers were shown the item under this date.

    The second holds whatever a clock says that was set back.
    """
    return item.dated <= now or (item.memory is not None and item.memory.published == item.dated)


def is_expired(dated: int, config: Config, now: int) -> bool:
    """Tells whether an item of this date is older than `selection.max_age`."""
    oldest = _oldest(config, now)
    return oldest is not None and dated < oldest


def exposed_since(config: Config, now: int) -> int:
    """Returns since when an item must have qualified to be exposed (`selection.exposure`)."""
    return now - exposure_s(config)


def exposure_s(config: Config) -> int:
    """Returns `selection.exposure`."""
    return int(config.selection.exposure.total_seconds())


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
    turns = []
    due = next_dated(now)
    if due is not None:
        turns.append(due - 1)
    oldest = _oldest(config, now)
    if oldest is not None:
        dated = next_dated(oldest - 1)
        if dated is not None:
            turns.append(dated + now - oldest)
    return min(turns, default=None)


def _oldest(config: Config, now: int) -> int | None:
    """Returns the oldest date that has not expired; None if none ever does."""
    if config.selection.max_age is None:
        return None
    return now - int(config.selection.max_age.total_seconds())
