"""Stories that go: notices of those that a pass withdraws, and a hold on too many at once.

A story is withdrawn if it stood in feeds, stands in none any more, and its seed is gone,
unpublished or excluded everywhere. If too many files are gone, a disk may not be mounted.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from feeds.common.errors import PublishError
from feeds.common.model import FeedRef, Item, ItemHeader
from feeds.common.slugs import ArchivePart
from feeds.config import Config
from feeds.pipeline.context import Pass
from feeds.pipeline.survey import Survey
from feeds.seeds.scan import is_below
from feeds.select.feeds import (
    feeds_of,
    longest_kept_s,
    longest_notices_s,
    moved,
    notice_of,
    withdrawal_reason,
)
from feeds.select.membership import Qualified
from feeds.select.thresholds import Thresholds
from feeds.store import Store
from feeds.store.withdrawals import Withdrawal

# Fewer removals than this are always believed, unless a folder of `paths.seeds` is empty.
FEW = 20


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
    """Returns how many stories each folder lost, for those that lost at least `FEW`.

    Args:
        gone: the stories without a file, id by path.
        folders: the folders of `paths.seeds`.
    """
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

    A folder of `paths.seeds`, or one below it, is suspect if it would lose at least 20 stories and
    a larger share than `max_gone`; an emptied one is suspect if it would lose one story.

    Args:
        lost: the stories without a file, id by path.
        before: how many stories there were below each folder of `large_losses`; only whether
            `max_gone` of them is less than what is lost counts.
        folders: the folders of `paths.seeds`.
        emptied: those of `folders` that hold no seed any more.
        max_gone: the share that may go at once, from 0 to 1.
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
    disk: then only the manifest tells how many stories there were.

    Args:
        run: this pass, after the rescan.
        before: how many stories the manifest tells.
        is_new: whether we never published what it tells.

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


class Ledger:
    """The withdrawals of one pass, whether or not feeds say what was withdrawn.

    `changed` are the feeds, and `changed_parts` the parts of archives, whose notices came, went or
    changed; `thresholds` are those of the pass, `lost` is as in `Changes`.
    """

    def __init__(
        self, run: Pass, thresholds: Thresholds, lost: Mapping[str, tuple[bytes, list[str]]]
    ) -> None:
        self._run = run
        self.thresholds = thresholds
        self._lost = dict(lost)
        self.changed: set[FeedRef] = set()
        self.changed_parts: set[tuple[FeedRef, ArchivePart]] = set()
        kept_s = longest_kept_s(run.config)
        self._known = {one.id: one for one in run.store.withdrawals()}
        old = [one.id for one in self._known.values() if one.at < run.now - kept_s]
        self._drop(old)

    def judge(self, judged: Iterable[tuple[ItemHeader, Qualified]]) -> None:
        """Looks at items that were judged, with the histories that they had before."""
        for item, (_, memberships) in judged:
            self._lost.pop(item.id, None)  # another seed has this id
            if memberships:
                self._drop([item.id] if item.id in self._known else [])
            elif item.history and (item.history.qualified or item.id in self._known):
                why = withdrawal_reason(item, self.thresholds)
                if why:
                    (data,) = self._run.store.items([item.number]).values()
                    self._keep(item.id, why, data, item.history.qualified)

    def finish(self) -> None:
        """Withdraws the stories whose seeds are gone, and notes whether readers are told."""
        for id_, (data, names) in self._lost.items():
            self._keep(id_, "deleted", data, names)
        if longest_notices_s(self._run.config):
            self._run.store.show_notices()

    def _keep(self, id_: str, why: str, data: bytes, names: Iterable[str]) -> None:
        run, known = self._run, self._known.get(id_)
        notice = msgspec.msgpack.encode(notice_of(msgspec.msgpack.decode(data, type=Item)))
        if known and (known.data, known.why) == (notice, why):
            return
        published, updated = run.store.shown_times(id_)
        one = Withdrawal(id_, run.now, why, published, moved(updated, run.now), notice)
        self._note(run.store.withdraw(one, feeds_of(names, self.thresholds)))

    def _drop(self, ids: list[str]) -> None:
        if ids:
            self._note(self._run.store.drop_withdrawals(ids))
            for id_ in ids:
                del self._known[id_]

    def _note(self, places: Iterable[tuple[FeedRef, ArchivePart]]) -> None:
        for ref, part in places:
            self.changed.add(ref)
            if part.number:
                self.changed_parts.add((ref, part))
