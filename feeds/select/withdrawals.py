"""Stories that were withdrawn: which they are, and the notices that feeds show in their place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from feeds.common.model import Entry, FeedContents, FeedRef, Item, ItemHeader
from feeds.common.text import fold
from feeds.common.times import LATEST
from feeds.config import Config
from feeds.config.feed_tables import FeedTable, Named
from feeds.select.membership import ANY, ref_of
from feeds.select.thresholds import Thresholds


def notices_s(config: Config, special: FeedTable) -> int:
    """Returns for how many seconds the feed of a table shows notices, 0 for no notices."""
    shows = config.setting(special, "withdrawn") == "notice"
    return int(config.setting(special, "withdrawn_keep").total_seconds()) if shows else 0


def longest_notices_s(config: Config) -> int:
    """Returns for how many seconds notices are kept; 0 if no feed shows any."""
    named = (Named(), *config.topics.values(), *config.providers.values())
    return max(notices_s(config, one) for some in (named, config.feeds) for one in some)


def withdrawal_reason(item: ItemHeader | None, thresholds: Thresholds) -> str:
    """Returns why a story that stands in no feed any more was withdrawn.

    Args:
        item: the story; None if no seed has it any more.
        thresholds: those of the configuration.

    Returns:
        ``deleted``, ``unpublished`` or ``excluded``; ``""`` if its date, quality or heat took it
        out of the feeds, which withdraws nothing.
    """
    if item is None:
        return "deleted"
    if not item.is_published:
        return "unpublished"
    domain = thresholds.provider(item.provider.domain)
    asked = (thresholds.get(topic, domain) for topic in map(fold, item.topics or (ANY,)))
    return "excluded" if all(one.excluded for one in asked) else ""


def notice_of(item: Item) -> Item:
    """Returns the notice that stands for a withdrawn story: its id, title, link, and a line."""
    why = f": {item.withdrawn_reason}" if item.withdrawn_reason else "."
    return Item(
        id=item.id,
        title=item.title,
        published=item.published,
        url=item.url,
        original_url=item.original_url,
        quality=-1,
        provider=item.provider,
        is_published=True,
        excerpt=f"This story was withdrawn{why}",
        withdrawn_reason=item.withdrawn_reason,
    )


def moved(updated: int, now: int) -> int:
    """Returns the next time at which readers see that an entry changed, in seconds since 1970."""
    return max(now, min(updated + 1, LATEST))


def feeds_of(names: Iterable[str], thresholds: Thresholds) -> list[FeedRef]:
    """Returns the feeds that the history of a story names (see `ItemHistory.qualified`)."""
    found = dict.fromkeys(ref_of(name) for name in names)
    return [(kind, thresholds.provider(key) if kind == "provider" else key) for kind, key in found]


def with_notices(contents: FeedContents, notices: Sequence[tuple[int, Entry]]) -> FeedContents:
    """Returns a feed with notices among its entries, each at the place that its story had.

    Args:
        contents: the feed without them.
        notices: each with the time of its withdrawal.
    """
    if not notices:
        return contents
    entries = [*contents.entries, *(entry for _, entry in notices)]
    entries.sort(key=lambda entry: (-entry.published, entry.id))
    until = min(at for at, _ in notices) + contents.feed.notices_s
    if contents.until is not None:
        until = min(until, contents.until)
    return msgspec.structs.replace(contents, entries=tuple(entries), until=until)
