"""Aliases in config.toml that are the address of another feed there, or its alias too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from feeds.common.slugs import domain_slug
from feeds.common.text import fold
from feeds.config.lines import Key
from feeds.config.model import Config


class Clash(NamedTuple):
    """The key that an alias stands under, and what is wrong with it."""

    place: Key
    reason: str


class _Claim(NamedTuple):
    """Who has an address: the key that says so, and whether it is an alias."""

    place: Key
    name: str
    is_alias: bool


def clashes(config: Config) -> Iterator[Clash]:
    """Yields every alias at which config.toml wants something else to stand.

    Addresses that follow from names alone are not judged here: where those stand, the state file
    has a say in (see `feeds.select.addresses`).
    """
    claims: dict[str, _Claim] = {}
    aliases: list[tuple[str, str, _Claim]] = []
    for section, named in (("topics", config.topics), ("providers", config.providers)):
        for name, table in named.items():
            shown = f'{section}."{name}"'
            slug = table.slug or (domain_slug(name) if section == "providers" else "")
            if slug:
                key = f"{shown}.slug" if table.slug else shown
                claims[f"{section}/{slug}"] = _Claim((section, name), key, is_alias=False)
            for alias in table.aliases:
                part = domain_slug(alias) if section == "providers" else alias
                claim = _Claim((section, name, "aliases"), f"{shown}.aliases", is_alias=True)
                aliases.append((f"{section}/{part}", alias, claim))
    for number, feed in enumerate(config.feeds):
        shown = f'feeds."{feed.name}"'
        key = f"{shown}.slug" if feed.slug else f"{shown}.name"
        claims[feed.address] = _Claim(("feeds", number), key, is_alias=False)
        for alias in feed.aliases:
            claim = _Claim(("feeds", number, "aliases"), f"{shown}.aliases", is_alias=True)
            aliases.append((f"custom/{alias}", alias, claim))
    # Its own domain is where a provider stood before it got a slug.
    former = {
        alias
        for alias, domain in config.former_domains.items()
        if alias in config.providers and alias != domain
    }
    for address, alias, claim in aliases:
        other = claims.setdefault(address, claim)
        if other is not claim:
            what = "is there too" if other.is_alias else "is where that feed stands"
            yield Clash(claim.place, f"{claim.name}: found {alias!r}, which {what}: {other.name}")
        elif claim.place[0] == "providers" and alias in former:
            yield Clash(
                claim.place,
                f'{claim.name}: found {alias!r}, which has a table of its own: providers."{alias}"',
            )
    yield from _rules_that_became_one(config)


def _rules_that_became_one(config: Config) -> Iterator[Clash]:
    rules: dict[tuple[str, str], str] = {}
    for number, rule in enumerate(config.rules):
        pair = (fold(rule.topic), config.provider(rule.provider))
        other = rules.setdefault(pair, rule.provider)
        if other != rule.provider:
            reason = f"rules: {rule.topic!r} from {rule.provider!r} and from {other!r} are one pair"
            key = f'providers."{pair[1]}".aliases'
            yield Clash(("rules", number), f"{reason}, by {key}: take one of them out")
