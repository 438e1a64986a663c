"""``feeds explain``: why a story is, or is not, in each feed."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds.cli.console import Console
from feeds.cli.main import add_config, add_json
from feeds.common.errors import UnknownSeedError
from feeds.common.model import FeedContents, FeedRef, Item, ItemHeader, Problem
from feeds.common.times import from_unix, show_time
from feeds.common.urls import item_id, normal_url
from feeds.config import Loaded, load_config
from feeds.pipeline.memberships import contents_of, memberships
from feeds.pipeline.run import Snapshot, with_snapshot
from feeds.seeds.scan import SUFFIXES, display_path
from feeds.select.explain import Reason, explain
from feeds.store import Store


class Explanation(msgspec.Struct):
    """One story: its seed, what is wrong with it, and every feed that it could be in."""

    seed: str
    id: str
    title: str
    problems: list[Problem]
    feeds: list[Reason]


class _Told(NamedTuple):
    """An explanation, for machines and in lines for people."""

    explanation: Explanation
    lines: list[str]


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("story", metavar="SEED|URL|ID", help="a seed's path, URL or urn:uuid id")
    add_config(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    """Explains every seed that the argument names."""
    console = Console(json=arguments.json)
    loaded = load_config(arguments.config)

    def read(snapshot: Snapshot) -> list[_Told]:
        return list(_explanations(arguments.story, snapshot))

    with console.listening() as callbacks:
        told = with_snapshot(loaded, callbacks, read)
    for _, lines in told:
        for line in lines:
            console.say(line)
    console.report([explanation for explanation, _ in told])
    return 0


def _explanations(story: str, snapshot: Snapshot) -> Iterator[_Told]:
    run, state, changes, all_problems = snapshot
    loaded, store = run.loaded, run.store
    selection = memberships(run, state, changes)
    feeds = {(feed.kind, feed.key): feed for feed in selection.feeds}

    def contents(ref: FeedRef) -> FeedContents | None:
        return contents_of(run, feeds[ref]) if ref in feeds else None

    places = _places(story, loaded)
    headers = _headers(story, places, store)
    meant = {display_path(place, str(loaded.base)) for place in places}
    paths = {header.path for header in headers} or meant
    problems = [problem for problem in all_problems if problem.path in paths]
    if not headers and not problems:
        raise UnknownSeedError(_why_unknown(story, loaded))
    for header in headers:
        about = [problem for problem in problems if problem.path == header.path]
        (data,) = store.items([header.number]).values()
        item = msgspec.msgpack.decode(data, type=Item)
        reasons = explain(header, selection, contents, run.config, run.now)
        explanation = Explanation(header.path, header.id, item.title, about, reasons)
        yield _Told(explanation, [*_item_lines(header, item), *_reason_lines(explanation)])
    if not headers:
        heading = f"{story}: no feed can have this story, since its seed cannot be used:"
        lines = [heading, *(f"  {problem}" for problem in problems)]
        yield _Told(Explanation(story, "", "", problems, []), lines)


def _headers(story: str, places: set[str], store: Store) -> list[ItemHeader]:
    """Returns the items that are meant, in path order."""
    if "://" not in story:
        found = store.headers_of({story, f"urn:uuid:{story}"}) + store.headers_at(places)
        return sorted(found, key=attrgetter("path"))
    url = normal_url(story)
    if not url:
        return []

    def has_url(header: ItemHeader) -> bool:
        (data,) = store.items([header.number]).values()
        item = msgspec.msgpack.decode(data, type=Item)
        return url in {item.url, item.original_url}

    known = list(filter(has_url, store.headers_of({item_id(story), item_id(url)})))
    return known or list(filter(has_url, store.headers_with(url)))


def _candidates(story: str, loaded: Loaded) -> list[Path]:
    """Returns the files that a path may mean: from here, from config.toml, from a seeds folder."""
    starts = (Path.cwd(), loaded.base, *loaded.config.paths.seeds)
    return [Path(os.path.normpath(start / story)) for start in starts]


def _places(story: str, loaded: Loaded) -> set[str]:
    """Returns how a scan would call the file, whatever links lead to it."""
    found = _candidates(story, loaded)
    for folder in loaded.config.paths.seeds:
        real = folder.resolve()
        found += [
            folder / path.resolve().relative_to(real)
            for path in _candidates(story, loaded)
            if path.exists() and path.resolve().is_relative_to(real)
        ]
    return set(map(str, found))


def _why_unknown(story: str, loaded: Loaded) -> str:
    folders = ", ".join(map(str, loaded.config.paths.seeds))
    if "://" in story or story.startswith("urn:"):
        return f"no seed in {folders} has the URL or id {story}"
    path = next((path for path in _candidates(story, loaded) if path.exists()), None)
    if path is None:
        return f"no seed {story}: there is no such file, here or in {folders}"
    inside = next(
        (path.relative_to(one) for one in loaded.config.paths.seeds if path.is_relative_to(one)),
        None,
    )
    if inside is None:
        return f"{story} is not a seed: it is not below {folders} (paths.seeds)"
    if any(part.startswith(".") for part in inside.parts):
        return f"{story} is not a seed: dot files and files in dot folders are ignored"
    return f"{story} is not a seed: its name does not end in {', '.join(SUFFIXES)}"


def _item_lines(header: ItemHeader, item: Item) -> Iterator[str]:
    heat = "unknown" if header.heat == -1 else str(header.heat)
    yield item.title
    yield f"  seed      {header.path}"
    yield f"  id        {header.id}"
    yield f"  link      {item.url}"
    yield f"  dated     {show_time(from_unix(header.dated))}"
    if header.history and header.history.published != header.dated:
        shown_as = show_time(from_unix(header.history.published))
        yield f"  shown as  {shown_as} (the date that readers saw first; it never moves)"
    provider = f"{item.provider.name} ({item.provider.domain})"
    yield f"  quality   {header.quality}, heat {heat}, provider {provider}"


def _reason_lines(explanation: Explanation) -> Iterator[str]:
    problems, reasons = explanation.problems, explanation.feeds
    yield from (f"  {problem}" for problem in problems)
    if any(problem.severity == "error" for problem in problems):
        yield "  the seed cannot be used as it is: the feeds keep its last good state"
    yield ""
    width = max(len(reason.address) for reason in reasons)
    for reason in reasons:
        verdict = "in: " if reason.inside else "out:"
        yield f"  {reason.address:<{width}}  {verdict} {reason.words}"
    yield ""
