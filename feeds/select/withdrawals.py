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
    """Returns for how many seconds the feed of a table says what was withdrawn, 0 if never."""
    shows = config.setting(special, "withdrawn") != "drop"
    return _kept_s(config, special) if shows else 0


def longest_notices_s(config: Config) -> int:
    """Returns the most seconds for which any feed says what was withdrawn; 0 if none does."""
    return max(notices_s(config, one) for one in _tables(config))


def longest_kept_s(config: Config) -> int:
    """Returns for how many seconds it is known what was withdrawn, whether or not feeds say so."""
    return max(_kept_s(config, one) for one in _tables(config))


def _tables(config: Config) -> list[FeedTable]:
    return [
        Named(),
        *config.topics.values(),
        *config.providers.values(),
        *config.own_feeds.values(),
    ]


def _kept_s(config: Config, special: FeedTable) -> int:
    return int(config.setting(special, "withdrawn_keep").total_seconds())


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
    """Returns what is kept of a withdrawn story for its notice: id, title, link, and the reason.

    Documents add the line that it was withdrawn, in the language of the site.
    """
    return Item(
        id=item.id,
        title=item.title,
        published=item.published,
        url=item.url,
        original_url=item.original_url,
        quality=-1,
        provider=item.provider,
        is_published=True,
        withdrawn_reason=item.withdrawn_reason,
    )


def moved(updated: int, now: int) -> int:
    """Returns the next time at which readers see that an entry changed, in seconds since 1970."""
    return max(now, min(updated + 1, LATEST))


def feeds_of(names: Iterable[str], thresholds: Thresholds) -> list[FeedRef]:
    """Returns the feeds that the history of a story names (see `ItemHistory.qualified`)."""
    found = dict.fromkeys(ref_of(name) for name in names)
    return [(kind, thresholds.provider(key) if kind == "provider" else key) for kind, key in found]


def with_notices(contents: FeedContents, notices: Sequence[Entry]) -> FeedContents:
    """Returns a feed with notices among its entries, each at the place of its story, or apart."""
    if not notices:
        return contents
    if contents.feed.tombstones:
        return msgspec.structs.replace(contents, tombstones=tuple(notices))
    entries = sorted((*contents.entries, *notices), key=lambda entry: (-entry.published, entry.id))
    return msgspec.structs.replace(contents, entries=tuple(entries))


def until_next_goes(contents: FeedContents, times: Iterable[int]) -> FeedContents:
    """Returns a feed that changes when a notice is too old; `times` are those of withdrawals."""
    turns = [contents.until, *(at + contents.feed.notices_s for at in times)]
    until = min((turn for turn in turns if turn is not None), default=None)
    return msgspec.structs.replace(contents, until=until)
