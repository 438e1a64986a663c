"""Guards of a pass: against losing too many stories, emptying out/, and making too many feeds.

If too many files are gone, a disk may not be mounted: their stories are held.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from heapq import nsmallest
from typing import NamedTuple

from feeds.common.errors import PublishError
from feeds.common.model import ItemHeader
from feeds.common.text import fold
from feeds.config import Config
from feeds.pipeline.context import Pass
from feeds.pipeline.due_seeds import Survey
from feeds.seeds.scan import is_below
from feeds.store import Store

# Fewer removals than this are always believed, unless a folder of `paths.seeds` is empty.
FEW = 20
# So many of the seeds that cause too many feeds are named.
_NAMED = 5


class Losses(NamedTuple):
    """The stories whose files are missing, id by path, and how many there were in large folders."""

    missing: dict[str, str]
    counts: dict[str, int]

    @classmethod
    def of(cls, store: Store, todo: Survey, config: Config) -> Losses:
        """Returns what is to be known of the time before the readings are recorded."""
        missing, max_gone = store.stories(todo.missing), config.paths.max_gone
        held = store.held().keys() & todo.missing
        large = large_losses(missing, [str(folder) for folder in config.paths.seeds])
        counts = {
            # To more than that, what is lost cannot be too much.
            folder: store.story_count(folder, held, int(count / max_gone) + 1 if max_gone else 1)
            for folder, count in large.items()
        }
        return cls(missing, counts)


def held_back(store: Store, todo: Survey, config: Config, before: Losses) -> dict[str, str]:
    """Returns the missing seeds that are held, each with the folder that lost too many."""
    folders = [str(folder) for folder in config.paths.seeds]
    lost = {
        path: id_
        for path, id_ in before.missing.items()
        # What stands in no folder of the configuration any more was taken out on purpose.
        if any(is_below(path, folder) for folder in folders) and store.paths_of(id_) <= todo.missing
    }
    held = {path: folder for path, folder in store.held().items() if path in lost}
    rest = {path: id_ for path, id_ in lost.items() if path not in held}
    return held | mass_removals(rest, before.counts, folders, todo.emptied, config.paths.max_gone)


def large_losses(gone: Mapping[str, str], folders: Collection[str]) -> dict[str, int]:
    """Returns how many of these stories, id by path, each folder lost, if at least `FEW`."""
    found = {folder: len(ids) for folder, ids in _by_folder(gone, folders).items()}
    return {folder: count for folder, count in found.items() if count >= FEW}


def mass_removals(
    lost: Mapping[str, str],
    before: Mapping[str, int],
    folders: Collection[str],
    emptied: Collection[str],
    max_gone: float,
) -> dict[str, str]:
    """Returns the seeds that are kept until somebody confirms their removal, each with its folder.

    A folder of `paths.seeds`, or one below it, is suspect if it would lose at least `FEW` stories
    and a larger share than `max_gone` (from 0 to 1) of what it had `before`; one of `emptied`,
    which hold no seed any more, if it would lose one. `lost` are stories, id by path.
    """
    gone = _by_folder(lost, folders)
    large = large_losses(lost, folders)
    tripped = {folder for folder, count in large.items() if count > max_gone * before[folder]}
    tripped |= gone.keys() & set(emptied)
    held: dict[str, list[str]] = defaultdict(list)
    for path in lost:
        for folder in _folders_above(path, folders):
            if folder in tripped:
                held[folder].append(path)
                break
    kept: dict[str, str] = {}
    for paths in held.values():
        kept |= dict.fromkeys(paths, _common(paths))
    return kept


def _by_folder(stories: Mapping[str, str], folders: Collection[str]) -> dict[str, set[str]]:
    """Returns the ids of the stories in each folder."""
    within: dict[str, set[str]] = defaultdict(set)
    for path, id_ in stories.items():
        within[path.rpartition("/")[0]].add(id_)
    found: dict[str, set[str]] = defaultdict(set)
    for parent, ids in within.items():
        for folder in _folders_above(f"{parent}/", folders):
            found[folder] |= ids
    return found


def _folders_above(path: str, folders: Collection[str]) -> Iterator[str]:
    """Yields the folders around a seed, from the outermost one of `paths.seeds` inwards."""
    top = min((folder for folder in folders if is_below(path, folder)), key=len, default=None)
    if top is None:
        return
    yield top
    end = len(top.rstrip("/"))
    while (end := path.find("/", end + 1)) >= 0:
        yield path[:end]


def _common(paths: Collection[str]) -> str:
    """Returns the innermost folder around all these seeds, or the start of all their addresses."""
    # Not os.path.commonpath, which would make one slash of the two in an address.
    folders = [path.split("/")[:-1] for path in paths]
    return "/".join(os.path.commonprefix(folders)) or "/"  # noqa: RUF071 (of lists)


def refuse_to_empty(run: Pass, before: int, *, is_new: bool) -> None:
    """An unmounted disk must not empty a thousand subscriptions.

    What the state file knows is held (see `feeds.pipeline.rescan`), but that may be lost with the
    disk: then only the manifest tells how many stories there were `before`, and `is_new` that we
    never published these.

    Raises:
        PublishError: most stories are gone, and `options.allow_empty` is not set.
    """
    if run.options.allow_empty:
        return
    paths, items = run.config.paths, run.store.item_count()
    lost = before - items
    if before and (not items or (is_new and lost >= FEW and lost > paths.max_gone * before)):
        where = ", ".join(sorted({str(folder) for folder in paths.seeds}))
        found = f"only {items} stories" if items else "no seed"
        raise PublishError(
            f"{found} found in {where}, where there were {before} at the last run. "
            "Refusing to empty the feeds: is a disk not mounted? "
            "If it is meant, run 'feeds export --allow-empty' once."
        )


def too_many_feeds(feeds: int, config: Config, items: Callable[[], Iterable[ItemHeader]]) -> str:
    """Returns a message if there are more feeds than `site.max_feeds`, else ``""``.

    `items` returns all items; it is called twice, and only for the message.
    """
    limit = config.site.max_feeds
    if feeds <= limit:
        return ""
    worst = ", ".join(f"{path} ({count})" for path, count in _worst_seeds(items))
    return (
        f"{feeds} feeds are more than site.max_feeds ({limit}), so none is published. These seeds "
        f"cause most (in brackets: feeds that only they make): {worst or 'none'}. "
        "Use fewer topics, or raise site.max_feeds."
    )


def _worst_seeds(items: Callable[[], Iterable[ItemHeader]]) -> list[tuple[str, int]]:
    """Returns the seeds that cause most feeds, of shared ones a share, and how many alone."""
    users = Counter(name for item in items() for name in _names_of(item))
    causes = (
        (sum(1 / users[name] for name in _names_of(item)), item.path, item) for item in items()
    )
    worst = nsmallest(_NAMED, causes, key=lambda cause: (-cause[0], cause[1]))
    return [(path, sum(users[name] == 1 for name in _names_of(item))) for _, path, item in worst]


def _names_of(item: ItemHeader) -> set[str]:
    """Returns a name for each feed that an item makes: its topics, and its provider."""
    if not item.is_published:
        return set()
    return {f"topic {fold(topic)}" for topic in item.topics} | {f"provider {item.provider.domain}"}
