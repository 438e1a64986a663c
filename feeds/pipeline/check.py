"""Checks configuration, templates and every seed, or some seeds alone, and writes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from feeds.common.buckets import is_object
from feeds.common.errors import UnknownSeedError
from feeds.common.files import Fingerprint, read_templates
from feeds.common.languages import unregistered
from feeds.common.model import ItemHeader, ParsedSeed, Problem
from feeds.common.reports import NO_CALLBACKS, Callbacks, Options
from feeds.common.text import did_you_mean, display_path, fold
from feeds.config import Config, Loaded
from feeds.config.load import BASE_URL
from feeds.pipeline.context import Pass
from feeds.pipeline.guards import too_many_feeds
from feeds.pipeline.memberships import memberships, past_of
from feeds.pipeline.run import Snapshot, with_snapshot
from feeds.pipeline.state import read_state
from feeds.seeds.listing import look_at_objects
from feeds.seeds.parse import ParseOptions
from feeds.seeds.read import ReadRequest, judge_seed, read_seed
from feeds.seeds.scan import SUFFIXES, ScannedFile, is_below, scan
from feeds.select.qualify import Past, without_duplicates
from feeds.store import Store
from feeds.store.server_files import with_state


class CheckReport(msgspec.Struct, omit_defaults=True):
    """What a check found: counts, problems of seeds, and hints about the configuration.

    With `too_many_feeds` no pass can succeed; the last hint says why (`site.max_feeds`).
    `withdrawn` counts the stories that were withdrawn lately, as `feeds withdrawn` lists them.
    """

    seeds: int
    items: int
    problems: list[Problem]
    hints: list[str]
    too_many_feeds: bool = False
    withdrawn: int = 0


def check(loaded: Loaded, callbacks: Callbacks = NO_CALLBACKS) -> CheckReport:
    """Reads everything as a first pass would, and returns all that is wrong or odd.

    Raises:
        SeedsFolderError: a folder of seeds cannot be listed.
        TemplateError: a template is faulty.
    """
    _check_templates(loaded.config)
    found = with_snapshot(loaded, callbacks, _read, options=Options(dry_run=True, full=True))
    seeds, headers, problems, feeds, withdrawn = found
    hints = list(_hints(loaded, headers))
    too_many = too_many_feeds(feeds, loaded.config, lambda: headers)
    if too_many:
        hints.append(too_many)
    return CheckReport(seeds, len(headers), problems, hints, bool(too_many), withdrawn)


def _read(snapshot: Snapshot) -> tuple[int, list[ItemHeader], list[Problem], int, int]:
    """Returns how many seeds there are, the items, all problems, how many feeds and withdrawals."""
    run, state, changes, problems = snapshot
    past, withdrawn = _remembered(run)
    selection = memberships(run, state, changes, past)
    items, found = list(run.store.item_headers()), sorted([*problems, *selection.duplicates])
    return changes.seeds, items, found, len(selection.feeds), withdrawn


def _remembered(run: Pass) -> tuple[Past, int]:
    """Returns what the state file knows: the past, and how many stories were withdrawn."""

    def read(store: Store) -> tuple[Past, int]:
        past = past_of(run._replace(store=store), read_state(store))
        return past, len(store.withdrawals())

    return with_state(run.config.paths.state, read) or (Past(), 0)


def _check_templates(config: Config) -> None:
    templates = read_templates(config.paths.templates) if config.site.pages else ()
    if templates:
        from feeds.render.environment import (
            check_templates,  # costs 60 ms, and few sites have templates
        )

        check_templates(templates)


def _hints(loaded: Loaded, headers: list[ItemHeader]) -> Iterator[str]:
    """Yields a line for each setting that is valid, but probably not meant."""
    config = loaded.config
    if BASE_URL not in loaded.places:
        yield f"site.base_url is not set; the feeds say that they are at {config.site.base_url}"
    language = config.site.language
    if fault := unregistered(language):
        yield f"site.language is {language!r}, but {fault}"
    topics = {fold(topic): topic for header in headers for topic in header.topics}
    domains = {header.provider.domain for header in headers}
    providers = {one: one for one in domains | set(map(config.provider, domains))}
    used_topics = [*config.topics, *(rule.topic for rule in config.rules)]
    used_providers = [*config.providers, *(rule.provider for rule in config.rules)]
    for feed in config.feeds:
        used_topics += feed.topics
        used_providers += feed.providers
    yield from _unknown("topic", used_topics, topics)
    yield from _unknown("provider", used_providers, providers)


def _unknown(kind: str, used: list[str], known: dict[str, str]) -> Iterator[str]:
    for name in dict.fromkeys(used):
        if fold(name) not in known:
            hint = did_you_mean(name, known.values(), quoted=True)
            yield f"no seed has the {kind} {name!r}{hint}"


def check_files(loaded: Loaded, texts: Mapping[str, bytes | None], base: Path) -> CheckReport:
    """Judges some seeds alone, each by itself, and whether two of them are one story.

    `texts` are seeds, or folders of seeds, by their names relative to the folder `base`, each with
    the bytes to judge instead of those of the file, if any.

    Raises:
        UnknownSeedError: there is no such file.
        SeedsFolderError: a folder cannot be listed.
    """
    config = loaded.config
    options = ParseOptions.of(config)
    seeds: list[ParsedSeed] = []
    hints: list[str] = []
    for name, data in texts.items():
        if is_object(name):
            seeds += _objects(name, loaded, options)
            continue
        path, shown = os.path.normpath(base / name), display_path(name, str(base))
        if path == str(loaded.path):
            continue  # it has been read, and has no faults
        if not any(is_below(f"{path}/", str(folder)) for folder in config.paths.folders):
            hints.append(f"{shown} is not below paths.seeds, so no pass reads it")
        if data is not None and name.endswith(SUFFIXES):
            seeds.append(judge_seed(path, shown, data, options))
        elif os.path.isdir(path):  # noqa: PTH112
            seeds += _judged(Path(path), base, options)
        elif not name.endswith(SUFFIXES):
            reason = f"not a seed: its name does not end in {', '.join(SUFFIXES)}"
            seeds.append(ParsedSeed(path, b"", problems=(Problem(shown, 0, 0, "", reason),)))
        elif not os.path.lexists(path):
            beside = [one.name for one in Path(path).parent.glob("*")]
            hint = did_you_mean(Path(path).name, beside)
            raise UnknownSeedError(f"no seed {shown}: there is no such file or folder{hint}")
        else:
            seeds.append(read_seed(ReadRequest(path, shown, b""), options))
    headers = [seed.header for seed in seeds if seed.header]
    problems = [problem for seed in seeds for problem in seed.problems]
    problems += without_duplicates(headers).problems
    return CheckReport(len(seeds), len(headers), sorted(problems), hints)


def _judged(folder: Path, base: Path, options: ParseOptions) -> Iterator[ParsedSeed]:
    for found in scan([folder], base):
        yield _judge(found, display_path(found.path, str(base)), options)


def _objects(address: str, loaded: Loaded, options: ParseOptions) -> Iterator[ParsedSeed]:
    """Yields the seeds at and below an address; raises UnknownSeedError if there is none."""
    address, is_any = address.rstrip("/"), False
    prefixes = [*loaded.config.paths.prefixes, f"{address.rpartition('/')[0]}/"]
    for found in look_at_objects([address], prefixes, loaded.base):
        is_any = True
        yield _judge(found, found.path, options)
    if not is_any:
        raise UnknownSeedError(f"no seed {address}: there is no such object, nor one below it")


def _judge(found: ScannedFile, shown: str, options: ParseOptions) -> ParsedSeed:
    if found.problem:
        return ParsedSeed(found.path, b"", problems=(found.problem,))
    fingerprint = Fingerprint(found.size, found.mtime_ns, found.inode)
    return read_seed(ReadRequest(found.path, shown, b"", fingerprint), options)
