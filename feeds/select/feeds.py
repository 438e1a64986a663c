"""The feeds that there are: of everything, of topics and providers, and the site's own."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, NamedTuple

from feeds.common.model import Feed, FeedKind, FeedRef
from feeds.common.text import fold
from feeds.config import Config
from feeds.config.feed_tables import FeedTable, Named
from feeds.select.addresses import NOTHING_KNOWN, Directory, Known, Spot
from feeds.select.withdrawals import notices_s

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
    return {
        **{("topic", key): name for key, name in sorted(_topics(config, names).items())},
        **{("provider", key): name for key, name in sorted(_providers(config, names).items())},
    }


def _topics(config: Config, names: Names) -> dict[str, str]:
    """Returns each topic's usual spelling, or that of config.toml, by its folded name."""
    usual = _usual((fold(name), name, count) for name, count in names.topics.items())
    return usual | {fold(name): name for name in config.topics}


def _providers(config: Config, names: Names) -> dict[str, str]:
    """Returns each provider's usual name, by its domain."""
    usual = _usual((*pair, count) for pair, count in names.providers.items())
    return {domain: domain for domain in config.providers} | usual


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
