"""Summaries of many feeds, for the tests of what lists them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from feeds.common.model import Feed, FeedKind, FeedSummary

_FOLDERS = {"all": "", "topic": "topics/", "provider": "providers/", "custom": "custom/"}
EVERYTHING = FeedSummary(Feed("all", "all", "", "", "Site", "", 50), 50, 9, 9, 0, 0, None)


def summary(kind: FeedKind, name: str, *, part: str = "", entries: int = 1) -> FeedSummary:
    """Returns a feed with so many entries; its address ends with `part`, or else with its name."""
    part = part or name.lower().replace(" ", "-")
    feed = Feed(f"{_FOLDERS[kind]}{part}", kind, part, name, f"Site: {name}", "", 50)
    return FeedSummary(feed, entries, 9, 9, 0, 0, None)


def named(kind: FeedKind, names: Iterable[str]) -> list[FeedSummary]:
    """Returns a feed of each name."""
    return [summary(kind, name, part=str(number)) for number, name in enumerate(names)]


def many(count: int) -> list[FeedSummary]:
    """Returns so many feeds: that of everything, two custom ones, three topics per provider."""
    custom = [summary("custom", name) for name in ("Best of all", "Short reads")]
    topics, providers = [], []
    for number in range(count - len(custom) - 1):
        letter, entries = chr(97 + number % 26), number % 50 + 1
        if number % 4:
            topics.append(summary("topic", f"{letter}opic {number}", entries=entries))
        else:
            domain = f"{letter}aper{number}.example.com"
            providers.append(summary("provider", domain, entries=entries))
    return [EVERYTHING, *topics, *providers, *custom]


@contextmanager
def smaller_limits(*, together: int, in_part: int) -> Iterator[None]:
    """Has more than `together` feeds stand in parts, each of at most `in_part`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("feeds.render.overviews.MOST_TOGETHER", together)
        patch.setattr("feeds.render.index_parts.MOST_IN_PART", in_part)
        yield
