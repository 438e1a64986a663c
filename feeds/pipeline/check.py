"""Checks the configuration, the templates and every seed, and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from feeds.common.files import read_templates
from feeds.common.languages import unregistered
from feeds.common.model import ItemHeader, Problem
from feeds.common.reports import NO_CALLBACKS, Callbacks, Options
from feeds.common.text import did_you_mean, fold
from feeds.config import Config, Loaded
from feeds.config.load import BASE_URL
from feeds.pipeline.context import Pass
from feeds.pipeline.memberships import memberships, past_of, too_many_feeds
from feeds.pipeline.run import Snapshot, with_snapshot
from feeds.pipeline.state import read_state
from feeds.select.membership import Past
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
    """Returns what the state file knows: of addresses, and how many stories were withdrawn.

    Seeds are read without it.
    """
    found = [(Past(), 0)]

    def read(store: Store) -> None:
        past = past_of(run._replace(store=store), read_state(store))
        found.append((past, len(store.withdrawals())))

    with_state(run.config.paths.state, read)
    return found[-1]


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
