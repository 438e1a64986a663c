"""Counts of what happens beside the passes, kept in the state file for metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from feeds.common.protocols import MetaStore

IMAGE_FETCHES = "image fetches"


def pings_to(hub: str) -> str:
    """Returns what the pings to a hub are counted under."""
    return f"pings {hub}"


def count(store: MetaStore, what: str, results: Iterable[str]) -> None:
    """Adds results, one of each time that it happened, to those that were counted before."""
    store.set_meta(f"total {what}", Counter(totals(store, what)) + Counter(results))


def totals(store: MetaStore, what: str) -> dict[str, int]:
    """Returns how often each result was counted since the state file was made."""
    return store.get_meta(f"total {what}", dict[str, int]) or {}
