"""The order of the entries of a feed: the newest first, and those of one time by their ids."""

from __future__ import annotations

from feeds.common.model import Entry


def place_of(entry: Entry) -> tuple[int, str]:
    """Returns what the entries of a feed are sorted by."""
    return -entry.published, entry.id


def order_sql(prefix: str = "") -> str:
    """Returns the same order of rows, for ORDER BY.

    Both columns get the prefix: the name of a table with a dot, or "+", which keeps SQLite from
    reading a whole index for its order.
    """
    return f"{prefix}published DESC, {prefix}id"
