"""Explains for each feed why it has, or has not, the stories of a seed, a URL or an id."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds.common.buckets import is_object
from feeds.common.errors import UnknownSeedError
from feeds.common.model import FeedContents, FeedRef, Item, ItemHeader, Problem
from feeds.common.reports import NO_CALLBACKS, Callbacks, Options
from feeds.common.text import display_path
from feeds.common.urls import item_id, normal_url
from feeds.config import Loaded
from feeds.pipeline.context import Pass
from feeds.pipeline.digests import with_digest
from feeds.pipeline.memberships import Selection, contents_of, memberships
from feeds.pipeline.run import Snapshot, with_snapshot
from feeds.seeds.scan import SUFFIXES, is_below
from feeds.select.reasons import Reason, reasons_for
from feeds.store import Store
from feeds.store.server_files import with_state
from feeds.store.withdrawals import WithdrawnStory

# It takes a third of a second to look whether one of so many seeds changed.
_SOON_SEEN = 50_000


class Explanation(msgspec.Struct, omit_defaults=True):
    """One story: its seed, what is wrong with it, and every feed that it could be in.

    `withdrawn` tells that it was withdrawn; if its seed is gone, that is all that is known.
    """

    seed: str
    id: str
    title: str
    problems: list[Problem]
    feeds: list[Reason]
    withdrawn: WithdrawnStory | None = None


class Explained(NamedTuple):
    """An explanation with its item; None if the seed never made one."""

    explanation: Explanation
    header: ItemHeader | None = None
    item: Item | None = None


def explain(loaded: Loaded, story: str, callbacks: Callbacks = NO_CALLBACKS) -> list[Explanation]:
    """Returns why stories are, or are not, in each feed, as a pass would decide now.

    `story` is a seed's path, an address or an id; more than one seed may have it.

    Raises:
        UnknownSeedError: no seed has this path, address or id.
        SeedsFolderError: a folder of seeds cannot be listed.
    """
    found = told(loaded, story, callbacks) or with_snapshot(loaded, callbacks, _all_of(story))
    return [one.explanation for one in found]


def told(loaded: Loaded, story: str, callbacks: Callbacks) -> list[Explained]:
    """Returns the explanations of a story among many, without a look at the seeds of others.

    They are empty if there are few seeds, or if it is not found so. Of other seeds it is known what
    they said in the last pass.

    Raises:
        SeedsFolderError: a folder of seeds cannot be listed.
    """
    state = loaded.config.paths.state
    paths = with_state(state, lambda store: set(_meant(story, loaded, store))) or set()

    def read(snapshot: Snapshot) -> list[Explained]:
        found, store = _all_of(story)(snapshot), snapshot.run.store
        # Another seed with the id may be gone by now, or this one may have had its name.
        return found if all(store.paths_of(one.explanation.id) <= paths for one in found) else []

    if paths:
        options = Options(dry_run=True, changed=frozenset(paths))
        with suppress(UnknownSeedError):  # its seed may have moved, which a look at all will tell
            return with_snapshot(loaded, callbacks, read, options=options)
    return []


def _all_of(story: str) -> Callable[[Snapshot], list[Explained]]:
    def read(snapshot: Snapshot) -> list[Explained]:
        selection = memberships(snapshot.run, snapshot.state, snapshot.changes)
        return list(explanations(story, snapshot, selection))

    return read


def _meant(story: str, loaded: Loaded, store: Store) -> Iterator[str]:
    """Yields the paths of the seeds that a name means; none if a look at all seeds costs little."""
    if store.seed_count() <= _SOON_SEEN:
        return
    folders = list(map(str, loaded.config.paths.folders))
    for place in _places(story, loaded):
        is_there = Path(place).is_file() and any(is_below(place, one) for one in folders)
        if is_there or store.seeds_below(place, ""):
            yield place
    for id_ in {story, f"urn:uuid:{story}", item_id(story), item_id(normal_url(story) or story)}:
        yield from store.paths_of(id_)


def explanations(story: str, snapshot: Snapshot, selection: Selection) -> Iterator[Explained]:
    """Yields what `explain` returns, with the items.

    Raises:
        UnknownSeedError: no seed has this path, address or id.
    """
    run, _, _, all_problems = snapshot
    loaded, store = run.loaded, run.store
    contents = contents_by_ref(run, selection)
    digests = {feed.address: feed for feed in selection.feeds if feed.kind == "digest"}
    places = _places(story, loaded)
    headers = _headers(story, places, store)
    meant = {display_path(place, str(loaded.base)) for place in places}
    paths = {header.path for header in headers} or meant
    problems = [problem for problem in all_problems if problem.path in paths]
    withdrawn = {one.id: one.told() for one in store.withdrawals()}
    if not headers and not problems:
        gone = _gone(story, withdrawn.values())
        if not gone:
            raise UnknownSeedError(_why_unknown(story, loaded))
        yield from (Explained(Explanation("", one.id, one.title, [], [], one)) for one in gone)
        return
    for header in headers:
        about = [problem for problem in problems if problem.path == header.path]
        item = item_of(store, header)
        found = [
            with_digest(run, header, digests[one.address], one) if one.address in digests else one
            for one in reasons_for(header, selection, contents, run.config, run.now)
        ]
        told = withdrawn.get(header.id)
        explanation = Explanation(header.path, header.id, item.title, about, found, told)
        yield Explained(explanation, header, item)
    if not headers:
        yield Explained(Explanation(story, "", "", problems, []))


def _gone(story: str, withdrawn: Iterable[WithdrawnStory]) -> list[WithdrawnStory]:
    """Returns the withdrawn stories with this id or URL."""
    names = {story, f"urn:uuid:{story}", normal_url(story) or story}
    return [one for one in withdrawn if one.id in names or one.url in names]


def item_of(store: Store, header: ItemHeader) -> Item:
    """Returns the item with this header."""
    (data,) = store.items([header.number]).values()
    return msgspec.msgpack.decode(data, type=Item)


def contents_by_ref(run: Pass, selection: Selection) -> Callable[[FeedRef], FeedContents | None]:
    """Returns a function from kind and key to the contents of a feed; None for one that is not."""
    feeds = {(feed.kind, feed.key): feed for feed in selection.feeds}
    return lambda ref: contents_of(run, feeds[ref]) if ref in feeds else None


def _headers(story: str, places: set[str], store: Store) -> list[ItemHeader]:
    """Returns the items that are meant, in path order."""
    if "://" not in story or is_object(story):
        found = store.headers_of({story, f"urn:uuid:{story}"}) + store.headers_at(places)
        return sorted(found, key=attrgetter("path"))
    url = normal_url(story)
    if not url:
        return []

    def has_url(header: ItemHeader) -> bool:
        item = item_of(store, header)
        return url in {item.url, item.original_url}

    known = list(filter(has_url, store.headers_of({item_id(story), item_id(url)})))
    return known or list(filter(has_url, store.headers_with(url)))


def _candidates(story: str, loaded: Loaded) -> list[Path]:
    """Returns the files that a path may mean: from here, from config.toml, from a seeds folder."""
    starts = (Path.cwd(), loaded.base, *loaded.config.paths.folders)
    return [Path(os.path.normpath(start / story)) for start in starts]


def _places(story: str, loaded: Loaded) -> set[str]:
    """Returns how a scan would call the file, whatever links lead to it, or the object."""
    if is_object(story):
        return {story}
    found = _candidates(story, loaded)
    for folder in loaded.config.paths.folders:
        real = folder.resolve()
        found += [
            folder / path.resolve().relative_to(real)
            for path in _candidates(story, loaded)
            if path.exists() and path.resolve().is_relative_to(real)
        ]
    return {*map(str, found), *(f"{one}{story}" for one in loaded.config.paths.prefixes)}


def _why_unknown(story: str, loaded: Loaded) -> str:
    folders = ", ".join(map(str, loaded.config.paths.seeds))
    if is_object(story):
        return f"no seed {story}: there is no such object, or its name says that it is no seed"
    if "://" in story or story.startswith("urn:"):
        return f"no seed in {folders} has the URL or id {story}"
    path = next((path for path in _candidates(story, loaded) if path.exists()), None)
    if path is None:
        return f"no seed {story}: there is no such file, here or in {folders}"
    inside = next(
        (path.relative_to(one) for one in loaded.config.paths.folders if path.is_relative_to(one)),
        None,
    )
    if inside is None:
        return f"{story} is not a seed: it is not below {folders} (paths.seeds)"
    if any(part.startswith(".") for part in inside.parts):
        return f"{story} is not a seed: dot files and files in dot folders are ignored"
    return f"{story} is not a seed: its name does not end in {', '.join(SUFFIXES)}"
