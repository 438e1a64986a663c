"""Finds keys of config.toml that clash: names and addresses given twice, paths that overlap."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from feeds.common.slugs import domain_slug, slug
from feeds.common.text import fold
from feeds.common.urls import normal_domain
from feeds.config.model import Config
from feeds.config.origins import Key

OUT: Key = ("paths", "out")
STATE: Key = ("paths", "state")
CACHE: Key = ("images", "cache")
BACKUP: Key = ("state", "backup")
TEMPLATES: Key = ("paths", "templates")
LOG: Key = ("serve", "access_log")
# The values of serve.access_log that name no file.
NO_FILES = {"off", "stdout"}
PLACES = (OUT, STATE, BACKUP, CACHE, TEMPLATES, LOG)
CONFIG: Key = ()
# The key that repeats another one, or does not go with it, and a message about both.
Clash = tuple[Key, str]
_Names = frozenset[Hashable]
_INSIDE, _SAME = "inside", "the same as"
_AROUND = {_INSIDE: "around"}
# The files that `feeds serve` keeps beside the state file, and those of SQLite beside them.
_TAKEN = {f"{name}.db{side}" for name in ("versions", "search") for side in ("", "-wal", "-shm")}


class _Claim(NamedTuple):
    """An address that a key asks for; `alias` is empty if it is the feed's own address."""

    address: str
    place: Key
    name: str
    alias: str = ""


def find_repeats(data: dict[str, Any]) -> Iterator[Clash]:
    """Yields every topic, provider, slug, rule and feed that repeats an earlier one.

    `data` is config.toml as it was written, because the model keeps only the last of each name.
    """
    seen: set[tuple[str, str]] = set()
    for kind, place, value in _named(data):
        if (kind, value) in seen:
            yield place, f"{kind}: {value!r} is given twice"
        seen.add((kind, value))


def _named(data: dict[str, Any]) -> Iterator[tuple[str, Key, str]]:
    """Yields what may be given once: its kind, its place, and its name in one spelling."""
    for section, spell in (("topics", fold), ("providers", _domain)):
        for name in _table(data, section):
            yield section, (section, name), spell(name)
    for section in ("topics", "providers"):
        for name, value in _table(data, section).items():
            slug = value.get("slug") if isinstance(value, dict) else None
            if isinstance(slug, str) and slug:
                yield f"{section}.slug", (section, name, "slug"), slug
    for section, describe in (("rules", _pair), ("feeds", _slug), ("digests", _slug)):
        rows = data.get(section)
        for number, row in enumerate(rows if isinstance(rows, list) else ()):
            if isinstance(row, dict) and (value := describe(row)):
                yield section, (section, number), value


def _domain(name: str) -> str:
    return normal_domain(name) or name


def _pair(rule: dict[str, Any]) -> str:
    topic, provider = rule.get("topic"), rule.get("provider")
    if not isinstance(topic, str) or not isinstance(provider, str):
        return ""
    return f"{fold(topic)} from {_domain(provider)}"


def _slug(feed: dict[str, Any]) -> str:
    name, given = feed.get("name"), feed.get("slug", "")
    if not isinstance(name, str) or not isinstance(given, str) or not fold(name):
        return ""
    return given or slug(name)


def _table(data: dict[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def find_alias_clashes(config: Config) -> Iterator[Clash]:
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
            yield claim.place, f"{found} {what}: {holder.name}"
        elif claim.place[0] == "providers" and claim.alias in former:
            reason = f'{found} has a table of its own: providers."{claim.alias}"'
            yield claim.place, reason
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
    for number, feed in (*enumerate(config.feeds), *enumerate(config.digests)):
        where: Key = (feed.section, number)
        key = f'{feed.section}."{feed.name}"'
        own = f"{key}.slug" if feed.slug else f"{key}.name"
        yield _Claim(feed.address, where, own)
        for alias in feed.aliases:
            address = f"{feed.folder}/{alias}"
            yield _Claim(address, (*where, "aliases"), f"{key}.aliases", alias)


def _find_merged_rules(config: Config) -> Iterator[Clash]:
    """Yields rules of a topic and a provider that aliases made the same pair."""
    rules: dict[tuple[str, str], str] = {}
    for number, rule in enumerate(config.rules):
        pair = (fold(rule.topic), config.provider(rule.provider))
        other = rules.setdefault(pair, rule.provider)
        if other != rule.provider:
            reason = f"rules: {rule.topic!r} from {rule.provider!r} and from {other!r} are one pair"
            key = f'providers."{pair[1]}".aliases'
            yield ("rules", number), f"{reason} because of {key}: remove one of them"


def find_servers(config: Config, data: dict[str, Any]) -> Iterator[Clash]:
    """Yields every key that a bucket as `paths.out` does not go with.

    An object has one encoding, and is served by the bucket. `data` is config.toml as it was
    written.
    """
    if not config.paths.objects:
        return
    bucket = f"with {config.paths.objects} as paths.out"
    if config.publish.precompress:
        advice = "let the CDN before the bucket compress, and leave this key out"
        reason = f"publish.precompress: {bucket} each document is one object: {advice}"
        yield ("publish", "precompress"), reason
    if config.schedule.watch:
        advice = "use schedule.every, or 'feeds export --changed' for each event"
        yield ("schedule", "watch"), f"schedule.watch: not {bucket}: {advice}"
    for number, prefix in enumerate(config.paths.seeds):
        if isinstance(prefix, str) and _overlap(prefix, config.paths.objects):
            reason = f"paths.seeds: {prefix} and {config.paths.objects}, paths.out, overlap"
            yield ("paths", "seeds", number), f"{reason}: wanted separate prefixes"
    for key in _table(data, "serve"):
        advice = "put a CDN or a web server before the bucket, and leave [serve] out"
        yield ("serve", key), f"serve.{key}: {bucket} feeds serves nothing: {advice}"


def _overlap(prefix: str, other: str) -> bool:
    return prefix.startswith(other) or other.startswith(prefix)


def find_overlaps(config: Config, file: Path, places: Mapping[Key, str]) -> Iterator[str]:
    """Yields a message for each pair of paths that overlap, with both keys and their places.

    Links are followed, and two names of one folder count as one. Seeds folders may be inside one
    another, and the state file inside the image cache. Files that are written may be in a dot
    folder of the seeds, unless `schedule.watch` is on.

    Args:
        config: the configuration, with absolute paths.
        file: config.toml.
        places: where keys were written; keys with their default are missing.
    """
    paths, log = config.paths, config.serve.access_log
    seeds: dict[Key, Path] = {
        ("paths", "seeds", number): folder
        for number, folder in enumerate(paths.seeds)
        if isinstance(folder, Path)
    }
    own: dict[Key, Any] = {CONFIG: file, **seeds, STATE: paths.state, BACKUP: config.state.backup}
    own |= {LOG: None if log in NO_FILES else Path(log), TEMPLATES: paths.templates}
    own = {key: path for key, path in own.items() if isinstance(path, Path)}
    where: dict[Key, Path] = {**own, CACHE: config.images.cache, OUT: paths.out}
    written = [key for key in (BACKUP, LOG) if key in own]
    # Nothing may be inside the folder that is served, nor below a file.
    inside = [(key, OUT) for key in (*own, CACHE)]
    if config.images.base_url:
        inside += [(key, CACHE) for key in own]
    inside += [(key, STATE) for key in (*own, OUT, CACHE) if key != STATE]
    inside += [(key, CONFIG) for key in written]
    inside += [(OUT, key) for key in (*seeds, CACHE)]
    # Dot folders are skipped when seeds are read, but not when they are watched.
    inside += [
        (key, folder)
        for folder in seeds
        for key in (STATE, CACHE, *written)
        if config.schedule.watch or not _is_hidden(where[key], where[folder])
    ]
    spots = {key: _spot(path) for key, path in where.items()}
    found: dict[frozenset[Key], str] = {}
    for one, around in inside:
        (its_names, above), (names, _) = spots[one], spots[around]
        if (its_names | above) & names:
            relation = _SAME if its_names & names else _INSIDE
            fault = _fault(one, relation, around, where, places)
            found.setdefault(frozenset({one, around}), fault)
    yield from found.values()
    if paths.state.name.lower() in _TAKEN:
        place = places.get(STATE, str(file))
        yield f"{place}: paths.state: the server keeps a file of its own called {paths.state.name}"


def _fault(
    one: Key, relation: str, around: Key, where: Mapping[Key, Path], places: Mapping[Key, str]
) -> str:
    """Returns the message; it begins with a key that was written, rather than a default."""
    if one == CONFIG or (one not in places and around in places):
        one, relation, around = around, _AROUND.get(relation, relation), one
    other = f"the configuration ({where[CONFIG]})"
    if around != CONFIG:
        other = f"{_name(around)} ({where[around]}, {places.get(around, 'by default')})"
    fault = f"{_name(one)}: {where[one]} is {relation} {other}: wanted separate paths"
    return f"{places.get(one, str(where[CONFIG]))}: {fault}"


def _name(key: Key) -> str:
    return ".".join(map(str, key))


def _spot(path: Path) -> tuple[_Names, _Names]:
    """Returns the names of a file, links followed, and those of all that it is in."""
    real = Path(os.path.realpath(path))
    # A link inside the folder may lead out of it.
    links = () if real == path else map(Path, map(os.path.realpath, path.parents))
    return _names(real), frozenset().union(*map(_names, (*real.parents, *links)))


def _is_hidden(path: Path, folder: Path) -> bool:
    """Tells whether a path is in a dot folder below another."""
    real, other = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    inside = real.relative_to(other).parts if real.is_relative_to(other) else ()
    return any(part.startswith(".") for part in inside)


def _names(path: Path) -> _Names:
    """Returns a path and the number of its file: mounts, and disks that ignore case, have two."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return frozenset({path})
    return frozenset({path, (status.st_dev, status.st_ino)})
