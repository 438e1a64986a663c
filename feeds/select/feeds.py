"""The feeds that there are: of everything, of topics and providers, and the site's own.

And what they tell of stories that were withdrawn.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from feeds.common.model import Entry, Feed, FeedContents, FeedKind, FeedRef, Item, ItemHeader
from feeds.common.order import place_of
from feeds.common.text import fold
from feeds.common.times import LATEST
from feeds.config import Config
from feeds.config.feed_tables import FeedTable, Named
from feeds.select.addresses import NOTHING_KNOWN, Directory, Known, Spot
from feeds.select.qualify import ANY, ref_of
from feeds.select.thresholds import Thresholds, until_first

_NOTHING_SPECIAL = Named()


class Names(NamedTuple):
    """How often published items use each spelling of a topic, and each name of a provider."""

    topics: dict[str, int]
    providers: dict[tuple[str, str], int]


def _usual(counted: Iterable[tuple[str, str, int]]) -> dict[str, str]:
    """Returns for each key the name that counts most, of several the first by alphabet."""
    best: dict[str, tuple[int, str]] = {}
    for key, name, count in counted:
        rank = (-count, name)
        best[key] = min(rank, best.get(key, rank))
    return {key: name for key, (_, name) in best.items()}


class Catalog(NamedTuple):
    """All feeds by kind and key, in the order in which they are listed.

    `missing` are the topics and providers that items name and that have none; `directory` knows
    where they would stand.
    """

    feeds: dict[FeedRef, Feed]
    missing: frozenset[FeedRef]
    directory: Directory


def catalog(
    config: Config,
    names: Names,
    non_empty: Container[FeedRef],
    known: Known = NOTHING_KNOWN,
) -> Catalog:
    """Returns which feeds there are and where; `non_empty` holds those that have items.

    A topic or provider that a published item names, or config.toml, has a feed if it has items, if
    it had a feed before, or if config.toml names it: so neither a draft nor a story that does not
    qualify makes one, and none goes when it runs empty. What is excluded has none, unless a rule
    lets items in.

    Raises:
        ConfigError: an alias is the address of another feed.
    """
    tables, called = named_tables(config), called_names(config, names)
    published = known.published()

    def exists(ref: FeedRef) -> bool:
        named = tables.get(ref, _NOTHING_SPECIAL)
        stays = ref in tables or ref in published
        return (stays and not named.exclude) or ref in non_empty

    found = set(filter(exists, called))
    directory = Directory(config, known, found)
    for ref in called:
        # If the state file was lost, out/ still tells which feeds there were.
        was_there = f"{directory.add(*ref)}.atom" in known.files
        if was_there and not tables.get(ref, _NOTHING_SPECIAL).exclude:
            found.add(ref)
    site, size = config.site, config.selection.max_items
    usual = _shown(config)
    feeds: dict[FeedRef, Feed] = {
        ("all", ""): Feed(*("all", "all", "", "", site.title, site.description, size), **usual)
    }
    for ref, name in called.items():
        if ref in found:
            special = tables.get(ref, _NOTHING_SPECIAL)
            feeds[ref] = _feed(config, (*ref, name), directory.spot(*ref), special, usual)
    for ref, own in config.own_feeds.items():
        feeds[ref] = _feed(config, (*ref, own.name), directory.spot(*ref), own, usual)
    return Catalog(feeds, frozenset(called) - found, directory)


def called_names(config: Config, names: Names) -> dict[FeedRef, str]:
    """Returns what topics and providers are called, in the order in which they are listed."""
    topics = _usual((fold(name), name, count) for name, count in names.topics.items())
    topics |= {fold(name): name for name in config.topics}
    providers = {domain: domain for domain in config.providers}
    providers |= _usual((*pair, count) for pair, count in names.providers.items())
    called: dict[FeedRef, str] = {("topic", key): topics[key] for key in sorted(topics)}
    return called | {("provider", key): providers[key] for key in sorted(providers)}


def named_tables(config: Config) -> dict[FeedRef, Named]:
    """Returns the tables of topics and providers, by kind and key of their feeds."""
    tables: dict[FeedRef, Named] = {
        ("topic", fold(name)): named for name, named in config.topics.items()
    }
    return tables | {("provider", domain): named for domain, named in config.providers.items()}


def _feed(
    config: Config,
    called: tuple[FeedKind, str, str],
    spot: Spot,
    special: FeedTable,
    usual: dict[str, Any],
) -> Feed:
    """Returns a feed by its kind, key and name; `usual` is what feeds show that are not special."""
    title = special.title or f"{config.site.title}: {called[2]}"
    description = special.description or config.site.description
    size = special.max_items or config.selection.max_items
    return Feed(
        *(spot.address, *called, title, description, size),
        aliases=spot.aliases,
        origin=spot.origin,
        **(usual if special is _NOTHING_SPECIAL else _shown(config, special)),
    )


def _shown(config: Config, special: FeedTable = _NOTHING_SPECIAL) -> dict[str, Any]:
    """Returns what the documents of a feed show, by the fields of `Feed`."""
    names = ("show", "show_images", "noindex")
    shown = {name: config.setting(special, name) for name in names}
    tombstones = config.setting(special, "withdrawn") == "tombstone"
    return shown | {"notices_s": notices_s(config, special), "tombstones": tombstones}


# Stories that were withdrawn: which they are, and the notices that feeds show in their place


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
    named = (*config.topics.values(), *config.providers.values())
    return [_NOTHING_SPECIAL, *named, *config.own_feeds.values()]


def _kept_s(config: Config, special: FeedTable) -> int:
    return int(config.setting(special, "withdrawn_keep").total_seconds())


def withdrawal_reason(item: ItemHeader | None, thresholds: Thresholds) -> str:
    """Returns why a story was withdrawn that stands in no feed any more; None if no seed has it.

    That is ``deleted``, ``unpublished`` or ``excluded``. ``""`` if its date, quality or heat took
    it out of the feeds, which withdraws nothing.
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
    entries = sorted((*contents.entries, *notices), key=place_of)
    return msgspec.structs.replace(contents, entries=tuple(entries))


def until_next_goes(contents: FeedContents, times: Iterable[int]) -> FeedContents:
    """Returns a feed that changes when a notice is too old; `times` are those of withdrawals."""
    return until_first(contents, (at + contents.feed.notices_s for at in times))
