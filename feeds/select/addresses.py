"""Decides the address of each feed, so that two never share one.

A slug of config.toml goes first. Else a name stands where it ever stood, as the state file knows;
else it gets the first address made of it that is nobody's, in the order of folded names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain, islice
from operator import itemgetter
from typing import NamedTuple

from feeds.common.errors import ConfigError
from feeds.common.model import FeedKind, FeedRef
from feeds.common.slugs import Addresses, domain_slug, domain_slugs, slugs
from feeds.common.text import fold
from feeds.config import Config
from feeds.config.feed_tables import CustomFeed, DigestFeed

_FOLDERS: dict[FeedKind, str] = {
    "topic": "topics",
    "provider": "providers",
    "custom": CustomFeed.folder,
    "digest": DigestFeed.folder,
}
_PARTS: dict[FeedKind, Callable[[str], Iterator[str]]] = {
    "topic": slugs,
    "provider": domain_slugs,
}


class Known(NamedTuple):
    """The addresses that earlier passes left.

    `owners` tells, by the address, whose each made address once became, the oldest first; `live`
    whose it was in the last pass, configured or made. `files` are those that out/ holds.
    """

    owners: Mapping[str, FeedRef] = {}
    live: Mapping[str, FeedRef] = {}
    files: frozenset[str] = frozenset()

    def published(self) -> set[FeedRef]:
        """Returns whose feeds the state file knows to have been published."""
        return {*self.live.values(), *self.owners.values()}


NOTHING_KNOWN = Known()
# Of the parts that a name may have no more than these ever come into use.
_MADE = 8


class Spot(NamedTuple):
    """An address, the former ones at which the documents stand too, and the one its id is of."""

    address: str
    aliases: tuple[str, ...] = ()
    origin: str = ""


class _Wish(NamedTuple):
    """One name in config.toml: its table there, slug and aliases."""

    table: str
    slug: str
    aliases: tuple[str, ...]


def is_made(owner: FeedRef, address: str) -> bool:
    """Tells whether an address was made of the name, not chosen in config.toml."""
    kind, name = owner
    return kind in _PARTS and any(
        _address(kind, part) == address for part in islice(_PARTS[kind](name), _MADE)
    )


class Directory:
    """The addresses of all topics, providers and custom feeds that it was made with."""

    def __init__(self, config: Config, known: Known, owners: Iterable[FeedRef]) -> None:
        """Decides where feeds stand; raises ConfigError if an alias is another feed's address."""
        self._config = config
        self._known = known
        self._wishes = _wishes(config)
        self._taken: dict[str, FeedRef] = {}
        self._spots: dict[FeedRef, Spot] = {}
        self._formers: dict[FeedRef, list[str]] = {}
        for address, owner in known.owners.items():
            self._formers.setdefault(owner, []).append(address)
        self._owners = dict.fromkeys(sorted([*owners, *config.own_feeds]))
        self._reserve()
        for owner in self._owners:
            self._settle(owner)
        self._trace()

    def add(self, kind: FeedKind, name: str) -> str:
        """Returns where a feed stands, or would if there were one."""
        owner = (kind, name)
        if owner not in self._spots:
            self._settle(owner)
        return self._spots[owner].address

    def spot(self, kind: FeedKind, name: str) -> Spot:
        """Returns where a feed stands that the directory was made with or that was added."""
        return self._spots[kind, name]

    def exceptions(self) -> Addresses:
        """Returns the addresses that do not follow from the name alone, in a compact form."""
        found: dict[str, dict[str, str]] = {"topic": {}, "provider": {}}
        for (kind, name), spot in self._spots.items():
            part = _part(spot.address)
            if kind in _PARTS and part != next(_PARTS[kind](name)):
                found[kind][name] = part
        for former, domain in self._config.former_domains.items():
            if ("provider", domain) in self._spots:
                found["provider"][former] = _part(self._spots["provider", domain].address)
        return Addresses(*(dict(sorted(some.items())) for some in found.values()))

    def _reserve(self) -> None:
        """Gives the slugs of config.toml and, beside them, its aliases to those who have them."""
        for owner, wish in self._wishes.items():
            if wish.slug:
                self._taken[_address(owner[0], wish.slug)] = owner
        for owner, wish in self._wishes.items():
            for address in _alias_addresses(owner[0], wish):
                self._refuse_live(wish, address)
                self._taken.setdefault(address, owner)

    def _refuse_live(self, wish: _Wish, address: str) -> None:
        other = self._known.live.get(address)
        if other not in self._owners:
            other = self._newcomer_at(address)
        if other is None:
            return
        table = self._wishes.get(other)
        if table is not None and table.slug:
            return  # it stands elsewhere from now on
        name = table.table if table else f'{_FOLDERS[other[0]]}."{other[1]}"'
        fault = f"found {_part(address)!r}, which is where the feed of {name} stands ({address})"
        advice = f"take it out, or set {name}.slug"
        raise ConfigError([f"config.toml: {wish.table}.aliases: {fault}: {advice}"])

    def _newcomer_at(self, address: str) -> FeedRef | None:
        """Returns the feed that would stand there without the alias.

        A topic that only seeds name and that comes later has to yield, or a seed could stop a pass.
        """
        fresh, (standing, wanted) = not self._known.live, self._standing_and_wanted
        fits = (one for one in wanted.get(address, ()) if fresh or one in self._wishes)
        return next((one for one in fits if one not in standing), None)

    @cached_property
    def _standing_and_wanted(self) -> tuple[set[FeedRef], dict[str, list[FeedRef]]]:
        wanted: dict[str, list[FeedRef]] = {}
        for kind, name in self._owners:
            if kind in _PARTS:
                wanted.setdefault(_address(kind, next(_PARTS[kind](name))), []).append((kind, name))
        return set(self._known.live.values()), wanted

    def _settle(self, owner: FeedRef) -> None:
        kind, name = owner
        wish = self._wishes.get(owner)
        if wish is not None and wish.slug:
            address = _address(kind, wish.slug)
        else:
            made = (_address(kind, part) for part in _PARTS[kind](name))
            address = next(
                one
                for one in chain(self._formers.get(owner, ()), made)
                if one not in self._taken and self._known.owners.get(one, owner) == owner
            )
        self._taken[address] = owner
        self._spots[owner] = Spot(address)

    def _trace(self) -> None:
        """Adds the former addresses of feeds, when the present ones of all are known."""
        live = {spot.address for spot in self._spots.values()}
        claims: dict[str, tuple[int, FeedRef]] = {}
        moved: dict[FeedRef, Spot] = {}
        for owner, (address, _, _) in self._spots.items():
            wish, formers = self._wishes.get(owner), self._formers.get(owner, [])
            if wish is None and formers in ([], [address]):
                continue  # it never moved
            if formers and not is_made(owner, address):
                formers = []
            listed = _alias_addresses(owner[0], wish) if wish else ()
            made = [one for one in reversed(formers) if self._taken.get(one, owner) == owner]
            aliases = dict.fromkeys(one for one in (*made, *listed) if one not in live)
            origin = (*listed[-1:], *formers[:1], address)[0]
            # Addresses of config.toml go first, then former ones, then those that only are.
            claim = (2 if listed else 1 if formers else 0, owner)
            claims[origin] = max(claim, claims.get(origin, claim), key=itemgetter(0))
            moved[owner] = Spot(address, tuple(aliases), origin)
        for owner, spot in moved.items():
            # The feed that stood there first keeps the id.
            is_own = claims[spot.origin][1] == owner
            origin = spot.origin if is_own else f"{spot.address} {owner[1]}"
            self._spots[owner] = spot._replace(origin="" if origin == spot.address else origin)


def _wishes(config: Config) -> dict[FeedRef, _Wish]:
    wishes = dict[FeedRef, _Wish]()
    for name, named in config.topics.items():
        wishes["topic", fold(name)] = _Wish(f'topics."{name}"', named.slug, named.aliases)
    for domain, provider in config.providers.items():
        wishes["provider", domain] = _Wish(f'providers."{domain}"', provider.slug, provider.aliases)
    for ref, feed in config.own_feeds.items():
        table = f'[[{feed.section}]] "{feed.name}"'
        wishes[ref] = _Wish(table, _part(feed.address), feed.aliases)
    return wishes


def _alias_addresses(kind: FeedKind, wish: _Wish) -> tuple[str, ...]:
    parts = map(domain_slug, wish.aliases) if kind == "provider" else wish.aliases
    return tuple(_address(kind, part) for part in parts)


def _address(kind: FeedKind, part: str) -> str:
    return f"{_FOLDERS[kind]}/{part}"


def _part(address: str) -> str:
    return address.partition("/")[2]
