"""Finds names, slugs, rules, feeds and aliases that config.toml gives twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from feeds.common.slugs import domain_slug, slug
from feeds.common.text import fold
from feeds.common.urls import normal_domain
from feeds.config.lines import Key
from feeds.config.model import Config


class Duplicate(NamedTuple):
    """The key that repeats another one, and a message about both."""

    place: Key
    reason: str


class _Claim(NamedTuple):
    """An address that a key asks for; `alias` is empty if it is the feed's own address."""

    address: str
    place: Key
    name: str
    alias: str = ""


def find_repeats(data: dict[str, Any]) -> Iterator[Duplicate]:
    """Yields every second topic, provider, slug, rule and feed of the same name.

    `data` is config.toml as it was written, because the model would keep the last one in silence.
    """
    topics, providers = _table(data, "topics"), _table(data, "providers")
    yield from _second("topics", ((("topics", name), fold(name)) for name in topics))
    yield from _second(
        "providers", ((("providers", name), normal_domain(name) or name) for name in providers)
    )
    for section, named in (("topics", topics), ("providers", providers)):
        yield from _second(
            f"{section}.slug",
            (
                ((section, name, "slug"), value["slug"])
                for name, value in named.items()
                if isinstance(value, dict) and isinstance(value.get("slug"), str) and value["slug"]
            ),
        )
    for section, describe in (("rules", _pair), ("feeds", _address)):
        found = ((number, describe(row)) for number, row in _rows(data, section))
        yield from _second(
            section, (((section, number), value) for number, value in found if value)
        )


def _second(kind: str, found: Iterable[tuple[Key, str]]) -> Iterator[Duplicate]:
    seen: set[str] = set()
    for place, value in found:
        if value in seen:
            yield Duplicate(place, f"{kind}: {value!r} is given twice")
        seen.add(value)


def _pair(rule: dict[str, Any]) -> str:
    topic, provider = rule.get("topic"), rule.get("provider")
    if not isinstance(topic, str) or not isinstance(provider, str):
        return ""
    return f"{fold(topic)} from {normal_domain(provider) or provider}"


def _address(feed: dict[str, Any]) -> str:
    name, given = feed.get("name"), feed.get("slug", "")
    if not isinstance(name, str) or not isinstance(given, str) or not fold(name):
        return ""
    return f"custom/{given or slug(name)}"


def _table(data: dict[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def _rows(data: dict[str, Any], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    value = data.get(name)
    for number, row in enumerate(value if isinstance(value, list) else ()):
        if isinstance(row, dict):
            yield number, row


def find_alias_clashes(config: Config) -> Iterator[Duplicate]:
    """Yields every alias that is also the address, or an alias, of another feed in config.toml.

    Addresses that follow from names alone are not checked here, because they also depend on the
    state file (see `feeds.select.addresses`).
    """
    claims = list(_claims(config))
    holders = {claim.address: claim for claim in claims if not claim.alias}
    # A provider with a slug may have its own domain as an alias: its address before the slug.
    former = {
        alias
        for alias, domain in config.former_domains.items()
        if alias in config.providers and alias != domain
    }
    for claim in claims:
        if not claim.alias:
            continue
        found = f"{claim.name}: found {claim.alias!r}, which"
        holder = holders.setdefault(claim.address, claim)
        if holder is not claim:
            what = "is an alias already" if holder.alias else "is an address already"
            yield Duplicate(claim.place, f"{found} {what}: {holder.name}")
        elif claim.place[0] == "providers" and claim.alias in former:
            reason = f'{found} has a table of its own: providers."{claim.alias}"'
            yield Duplicate(claim.place, reason)
    yield from _find_merged_rules(config)


def _claims(config: Config) -> Iterator[_Claim]:
    """Yields the addresses that config.toml gives, and all aliases."""
    for section, named in (("topics", config.topics), ("providers", config.providers)):
        is_domain = section == "providers"
        for name, table in named.items():
            place, key = (section, name), f'{section}."{name}"'
            if table.slug:
                yield _Claim(f"{section}/{table.slug}", place, f"{key}.slug")
            elif is_domain:
                yield _Claim(f"{section}/{domain_slug(name)}", place, key)
            for alias in table.aliases:
                address = f"{section}/{domain_slug(alias) if is_domain else alias}"
                yield _Claim(address, (*place, "aliases"), f"{key}.aliases", alias)
    for number, feed in enumerate(config.feeds):
        key = f'feeds."{feed.name}"'
        own = f"{key}.slug" if feed.slug else f"{key}.name"
        yield _Claim(feed.address, ("feeds", number), own)
        for alias in feed.aliases:
            yield _Claim(f"custom/{alias}", ("feeds", number, "aliases"), f"{key}.aliases", alias)


def _find_merged_rules(config: Config) -> Iterator[Duplicate]:
    """Yields rules of a topic and a provider that aliases made the same pair."""
    rules: dict[tuple[str, str], str] = {}
    for number, rule in enumerate(config.rules):
        pair = (fold(rule.topic), config.provider(rule.provider))
        other = rules.setdefault(pair, rule.provider)
        if other != rule.provider:
            reason = f"rules: {rule.topic!r} from {rule.provider!r} and from {other!r} are one pair"
            key = f'providers."{pair[1]}".aliases'
            yield Duplicate(("rules", number), f"{reason} because of {key}: remove one of them")
