"""The feeds that there are: of everything, one per topic, one per provider, and the custom ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from feeds.config import Config
from feeds.config.model import CustomFeed, Named
from feeds.model import Card, Feed, FeedKind
from feeds.slugs import slug
from feeds.text import fold

_NOTHING_SPECIAL = Named()


class Names:
    """Counts how topics and providers are spelled, to title their feeds by the usual spelling."""

    def __init__(self) -> None:
        self._topics: dict[str, Counter[str]] = {}
        self._providers: dict[str, Counter[str]] = {}

    def add(self, card: Card) -> None:
        """Counts the names that a published item uses."""
        for name in card.topics:
            self._topics.setdefault(fold(name), Counter())[name] += 1
        provider = card.provider
        self._providers.setdefault(provider.domain, Counter())[provider.name] += 1

    def topics(self) -> dict[str, str]:
        """Returns each topic's usual spelling, by its folded name."""
        return {key: _usual(counter) for key, counter in self._topics.items()}

    def providers(self) -> dict[str, str]:
        """Returns each provider's usual name, by its domain."""
        return {key: _usual(counter) for key, counter in self._providers.items()}


def _usual(names: Counter[str]) -> str:
    return min(names, key=lambda name: (-names[name], name))


def catalog(
    config: Config, names: Names, filled: Iterable[tuple[FeedKind, str]]
) -> dict[tuple[FeedKind, str], Feed]:
    """Returns all feeds by kind and key, in the order in which they are listed.

    A topic or provider has a feed when a published item names it, or config.toml does, so that a
    draft betrays nothing and a feed that config.toml names stays when it runs empty. What is
    excluded has none, unless a rule lets items in (`filled` holds the feeds that have items).
    """
    special = {fold(name): (name, named) for name, named in config.topics.items()}
    topics = names.topics() | {key: name for key, (name, _) in special.items()}
    topic_slugs = {named.slug for named in config.topics.values()}
    providers = {domain: domain for domain in config.providers} | names.providers()
    provider_slugs = {named.slug for named in config.providers.values()}
    has_items = set(filled)
    site, size = config.site, config.selection.max_items
    feeds: dict[tuple[FeedKind, str], Feed] = {
        ("all", ""): Feed("all", "all", "", "", site.title, site.description, size)
    }
    for key, name in sorted(topics.items()):
        _, named = special.get(key, ("", _NOTHING_SPECIAL))
        if not named.exclude or ("topic", key) in has_items:
            address = f"topics/{named.slug or slug(name, topic_slugs)}"
            feeds["topic", key] = _feed(config, ("topic", key), address, name, named)
    for domain, name in sorted(providers.items()):
        named = config.providers.get(domain, _NOTHING_SPECIAL)
        if not named.exclude or ("provider", domain) in has_items:
            plain = slug(domain, provider_slugs) if domain in provider_slugs else domain
            address = f"providers/{named.slug or plain}"
            feeds["provider", domain] = _feed(config, ("provider", domain), address, name, named)
    for custom in config.feeds:
        address = custom.address
        feeds["custom", address] = _feed(config, ("custom", address), address, custom.name, custom)
    return feeds


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
