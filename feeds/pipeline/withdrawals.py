"""Keeps a notice of each story that a pass withdraws, and drops the notices of those that return.

A story is withdrawn if it stood in feeds, stands in none any more, and its seed is gone,
unpublished or excluded everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from feeds.common.model import FeedRef, Item, ItemHeader
from feeds.common.slugs import ArchivePart
from feeds.pipeline.context import Pass
from feeds.pipeline.rescan import Changes
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
from feeds.store.withdrawals import Withdrawal


class Ledger:
    """The withdrawals of one pass, whether or not feeds say what was withdrawn.

    `changed` are the feeds, and `changed_parts` the parts of archives, whose notices came, went or
    changed; `thresholds` are those of the pass.
    """

    def __init__(self, run: Pass, thresholds: Thresholds, changes: Changes) -> None:
        self._run = run
        self.thresholds = thresholds
        self._lost = dict(changes.lost)
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
