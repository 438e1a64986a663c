"""The feeds that there are: of everything, one per topic, one per provider, and the custom ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from feeds.config import Config
from feeds.config.model import CustomFeed, Named
from feeds.model import Feed, FeedKind
from feeds.slugs import Addresses
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


def catalog(
    config: Config, names: Names, filled: Iterable[tuple[FeedKind, str]]
) -> dict[tuple[FeedKind, str], Feed]:
    """Returns all feeds by kind and key, in the order in which they are listed.

    A topic or provider has a feed when a published item names it, or config.toml does, so that a
    draft betrays nothing and a feed that config.toml names stays when it runs empty. What is
    excluded has none, unless a rule lets items in (`filled` holds the feeds that have items).
    """
    special = {fold(name): (name, named) for name, named in config.topics.items()}
    topics = names.usual_topics() | {key: name for key, (name, _) in special.items()}
    addresses = addresses_of(config)
    providers = {domain: domain for domain in config.providers} | names.usual_providers()
    has_items = set(filled)
    site, size = config.site, config.selection.max_items
    feeds: dict[tuple[FeedKind, str], Feed] = {
        ("all", ""): Feed("all", "all", "", "", site.title, site.description, size)
    }
    for key, name in sorted(topics.items()):
        _, named = special.get(key, ("", _NOTHING_SPECIAL))
        if not named.exclude or ("topic", key) in has_items:
            place: tuple[FeedKind, str] = ("topic", key)
            feeds[place] = _feed(config, place, addresses.topic(name), name, named)
    for domain, name in sorted(providers.items()):
        named = config.providers.get(domain, _NOTHING_SPECIAL)
        if not named.exclude or ("provider", domain) in has_items:
            place = ("provider", domain)
            feeds[place] = _feed(config, place, addresses.provider(domain), name, named)
    for custom in config.feeds:
        address = custom.address
        feeds["custom", address] = _feed(config, ("custom", address), address, custom.name, custom)
    return feeds


def addresses_of(config: Config) -> Addresses:
    """Returns where the feeds of topics and providers stand, whether there are such or not."""
    return Addresses(
        {fold(name): named.slug for name, named in config.topics.items() if named.slug},
        {domain: named.slug for domain, named in config.providers.items() if named.slug},
    )


def excluded_places(config: Config) -> set[tuple[FeedKind, str]]:
    """Returns the kind and key of feeds that may be missing though published items name them."""
    places: set[tuple[FeedKind, str]] = {
        ("topic", fold(name)) for name, named in config.topics.items() if named.exclude
    }
    return places | {
        ("provider", domain) for domain, named in config.providers.items() if named.exclude
    }


def _feed(
    config: Config,
    place: tuple[FeedKind, str],
    address: str,
    name: str,
    special: Named | CustomFeed,
) -> Feed:
    title = special.title or f"{config.site.title}: {name}"
    description = special.description or config.site.description
    size = special.max_items or config.selection.max_items
    return Feed(address, *place, name, title, description, size)
