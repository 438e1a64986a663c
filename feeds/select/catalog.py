"""The feeds that there are: of everything, one per topic, one per provider, and the custom ones."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import NamedTuple

from feeds.config import Config
from feeds.config.model import CustomFeed, Named
from feeds.model import Feed, FeedKind
from feeds.select.addresses import NOTHING_KNOWN, Directory, Known, Spot
from feeds.text import fold

_NOTHING_SPECIAL = Named()


class Names(NamedTuple):
    """How often published items spell a topic so, or name the provider of a domain so."""

    topics: dict[str, int]
    providers: dict[tuple[str, str], int]

    def usual_topics(self) -> dict[str, str]:
        """Returns each topic's usual spelling, by its folded name."""
        return _usual((fold(name), name, count) for name, count in self.topics.items())

    def usual_providers(self) -> dict[str, str]:
        """Returns each provider's usual name, by its domain."""
        return _usual((*names, count) for names, count in self.providers.items())


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

    feeds: dict[tuple[FeedKind, str], Feed]
    missing: frozenset[tuple[FeedKind, str]]
    directory: Directory


def catalog(
    config: Config,
    names: Names,
    filled: Container[tuple[FeedKind, str]],
    known: Known = NOTHING_KNOWN,
) -> Catalog:
    """Returns which feeds there are and where; `filled` holds those that have items.

    A topic or provider that a published item names, or config.toml, has a feed if it has items, if
    it had a feed before, or if config.toml names it: so neither a draft nor a story that does not
    qualify makes one, and none goes when it runs empty. What is excluded has none, unless a rule
    lets items in.

    Raises:
        ConfigError: an alias is the address of another feed.
    """
    special = {fold(name): (name, named) for name, named in config.topics.items()}
    topics = names.usual_topics() | {key: name for key, (name, _) in special.items()}
    providers = {domain: domain for domain in config.providers} | names.usual_providers()
    tables: dict[tuple[FeedKind, str], Named] = {
        ("topic", key): named for key, (_, named) in special.items()
    }
    tables |= {("provider", domain): named for domain, named in config.providers.items()}
    places: list[tuple[FeedKind, str]] = [("topic", key) for key in sorted(topics)]
    places += [("provider", domain) for domain in sorted(providers)]
    published = known.published()

    def exists(place: tuple[FeedKind, str]) -> bool:
        named = tables.get(place, _NOTHING_SPECIAL)
        stays = place in tables or place in published
        return (stays and not named.exclude) or place in filled

    sure = list(filter(exists, places))
    directory = Directory(config, known, sure)
    # Where the state file was lost, out/ still tells what there was.
    found = {
        place
        for place in places
        if f"{directory.add(*place)}.atom" in known.files
        and not tables.get(place, _NOTHING_SPECIAL).exclude
    }.union(sure)
    site, size = config.site, config.selection.max_items
    feeds: dict[tuple[FeedKind, str], Feed] = {
        ("all", ""): Feed("all", "all", "", "", site.title, site.description, size)
    }
    for kind, key in filter(found.__contains__, places):
        name = topics[key] if kind == "topic" else providers[key]
        spot = directory.spot(kind, key)
        feeds[kind, key] = _feed(
            config, (kind, key), spot, name, tables.get((kind, key), _NOTHING_SPECIAL)
        )
    for custom in config.feeds:
        spot = directory.spot("custom", fold(custom.name))
        feeds["custom", custom.key] = _feed(
            config, ("custom", custom.key), spot, custom.name, custom
        )
    return Catalog(feeds, frozenset(places) - found, directory)


def _feed(
    config: Config,
    place: tuple[FeedKind, str],
    spot: Spot,
    name: str,
    special: Named | CustomFeed,
) -> Feed:
    title = special.title or f"{config.site.title}: {name}"
    description = special.description or config.site.description
    size = special.max_items or config.selection.max_items
    return Feed(
        *(spot.address, *place, name, title, description, size),
        aliases=spot.aliases,
        origin=spot.origin,
    )
