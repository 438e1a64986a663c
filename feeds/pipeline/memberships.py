"""Selection: which feeds there are, and which items are in them.

Passes, `check`, `explain`, `list` and `--dry-run` all call `memberships`. It judges the items that
changed since the last pass, or whose time came; all of them if the rules may have changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple, cast

import msgspec

from feeds.common.archives import ArchivePart
from feeds.common.errors import PublishError
from feeds.common.model import Feed, FeedContents, FeedRef, Item, ItemHeader, Membership, Problem
from feeds.common.slugs import Addresses
from feeds.common.store_protocols import LEFT, Left
from feeds.config import Config
from feeds.pipeline.archives import NO_ARCHIVES, LinkedFeeds, archive
from feeds.pipeline.changed_feeds import Few, changed_feeds
from feeds.pipeline.context import Pass
from feeds.pipeline.digests import digest_contents, last_ends, make_digests
from feeds.pipeline.rescan import Changes
from feeds.pipeline.state import LAST, PassState
from feeds.publish import read_manifest
from feeds.select.addresses import NOTHING_KNOWN, Directory, Known, is_made
from feeds.select.feeds import (
    Names,
    catalog,
    feeds_of,
    longest_kept_s,
    longest_notices_s,
    moved,
    notice_of,
    until_next_goes,
    with_notices,
    withdrawal_reason,
)
from feeds.select.periods import with_unsealed
from feeds.select.qualify import KINDS, Past, Qualified, build_feed, qualify, without_duplicates
from feeds.select.thresholds import Thresholds, exposed_since, is_due, turned
from feeds.store import Store
from feeds.store.withdrawals import Withdrawal

# So many of the memberships that a pass ended are kept for people who ask.
_MOST_LEFT = 1000


class Selection(NamedTuple):
    """All feeds; the problems of duplicates; and where feeds stand.

    `changed` are the feeds that items joined or left, or in which an item changed; None if that may
    be any. `missing` are the topics and providers that items name and that have no feed;
    `directory` also tells where these would stand. `repeated` are the ids of more than one seed.
    `archives` are the parts of archives. `addresses` are those that do not follow from the name
    alone, `names` what items call topics and providers. If `is_few`, `feeds` are that of everything
    and those to look at; all others rest.
    """

    feeds: list[Feed]
    changed: frozenset[FeedRef] | None
    duplicates: tuple[Problem, ...]
    missing: frozenset[FeedRef]
    directory: Directory
    repeated: frozenset[str]
    archives: LinkedFeeds
    addresses: Addresses
    names: Names
    is_few: bool = False


class _NonEmptyFeeds:
    """The feeds that have items: few are ever asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __contains__(self, ref: object) -> bool:
        """Tells whether the feed of this kind and key has items."""
        return self._store.is_non_empty(cast("FeedRef", ref))


def memberships(
    run: Pass, state: PassState, changes: Changes, past: Past | None = None, few: Few | None = None
) -> Selection:
    """Puts items into feeds, and returns the feeds.

    `past` is what passes left, if it is not in this store, and `few` what lets all feeds rest that
    no change reaches.

    Raises:
        ConfigError: an alias is the address of another feed.
    """
    store, config, now = run.store, run.config, run.now
    judged_by = past or (own_past(run) if few else past_of(run, state))
    repeated = _repeated(store, state, changes)
    is_judged = past is None and _take_judged(run, changes, repeated)
    seen = repeated if is_judged else changes.items
    store.mark_first_seen(seen, now)
    store.reset_memberships(seen)
    ledger = Ledger(run, Thresholds(config), changes.lost)
    changed: frozenset[FeedRef] | None = None
    due: set[str] | None = None
    if state.last is None or not state.holds(run.key, now):
        _judge_all(run, ledger, judged_by, repeated, is_judged=is_judged)
        ledger.finish()
    else:
        due = set(changes.items)
        for after, upto in turned(config, state.last.now, now):
            due |= store.ids_dated(after, upto)
        removed = store.remove_memberships(due)
        found = _judge(run, ledger, judged_by, without_duplicates(store.headers_of(due)).items)
        ledger.finish()
        added = {(one.kind, one.key, one.entry.id) for one in found}
        # What stands in a digest is told by the digests alone.
        moved = ((kind, key) for kind, key, _ in removed | added if kind != "digest")
        changed = frozenset(moved) | ledger.changed
        store.set_meta(LEFT, Left(now, sorted(removed - added)[:_MOST_LEFT]))
    digested = make_digests(run, ledger.thresholds, due)
    changed = None if changed is None else changed | digested
    unique = without_duplicates(store.headers_of(repeated))
    names = _names(store, config, unique.beaten, now)
    if few and (some := changed_feeds(run, few, changed, names)):
        rest = (state.missing, Directory(config, NOTHING_KNOWN, ()), repeated, NO_ARCHIVES)
        where = few.catalogue.addresses
        return Selection(some, changed, unique.problems, *rest, where, names, is_few=True)
    known = (past or past_of(run, state)).known if few else judged_by.known
    listed = catalog(config, names, _NonEmptyFeeds(store), known)
    archives = archive(run, state, list(listed.feeds.values()), due, ledger.changed_parts)
    about = (unique.problems, listed.missing, listed.directory, repeated, archives)
    return Selection(archives.feeds, changed, *about, listed.directory.exceptions(), names)


def _repeated(store: Store, state: PassState, changes: Changes) -> frozenset[str]:
    if state.repeated is None:
        return frozenset(store.repeated_ids())
    return state.repeated - changes.items | store.repeated_ids(changes.items)


def past_of(run: Pass, state: PassState) -> Past:
    """Returns what selection knows of earlier passes."""
    known = (summary.feed for _, summary in state.feeds().values())
    feeds = [feed for feed in known if feed.part is None]
    live = {feed.address: (feed.kind, feed.key) for feed in feeds}
    owners = run.store.owners() or {
        address: ref for address, ref in live.items() if is_made(ref, address)
    }
    files: tuple[str, ...] = ()
    if not live:  # the state file may have been lost
        with suppress(PublishError):  # whoever has to write reports it
            files = read_manifest(run.out).files
    return Past(
        not run.store.has_meta(LAST),
        frozenset(feed.key for feed in feeds if feed.kind in ("custom", "digest")),
        Known(owners, live, frozenset(files)),
        last_ends(run),
        not state.holds(run.key, run.now),
    )


def own_past(run: Pass) -> Past:
    """Returns what selection needs to judge items after a pass with the same configuration."""
    own = frozenset(key for _, key in run.config.own_feeds)
    return Past(first_pass=False, feeds=own, ends=last_ends(run))


def contents_of(run: Pass, feed: Feed) -> FeedContents:
    """Returns a feed with its entries."""
    store, config, now = run.store, run.config, run.now
    ref: FeedRef = (feed.kind, feed.key)
    if feed.kind == "digest":
        return digest_contents(run, feed)
    if feed.archive and feed.archive.part:
        part = feed.archive.part
        members = tuple(one.entry for one in store.members_of(ref, part))
        gone = store.notices_in(ref, part) if feed.notices_s else []
        return with_notices(FeedContents(feed, members), gone)
    newest = store.newest(feed.kind, feed.key, feed.max_items)
    recent = store.recently_qualified(feed.kind, feed.key, exposed_since(config, now))
    contents = build_feed(feed, newest, recent, config, now)
    if feed.archive is not None:
        edited = store.edited_since(ref, exposed_since(config, now))
        contents = with_unsealed(contents, store.unsealed(ref), edited, config, now)
    if not feed.notices_s:
        return contents
    since, most = now - feed.notices_s, config.selection.max_exposed
    notices = store.notices(feed.kind, feed.key, since, most)
    contents = until_next_goes(contents, (at for at, _ in notices))
    return with_notices(contents, [entry for _, entry in notices])


def _judge(run: Pass, ledger: Ledger, past: Past, items: list[ItemHeader]) -> list[Membership]:
    """Puts items into the feeds they qualify for; returns their memberships."""
    judged = [(item, qualify(item, run.config, ledger.thresholds, past, run.now)) for item in items]
    news = {item.id: past for item, (past, _) in judged if past and past is not item.history}
    run.store.remember(news)
    found = [one for _, (_, memberships) in judged for one in memberships]
    run.store.add_memberships(found)
    ledger.judge(judged)
    return found


def _take_judged(run: Pass, changes: Changes, repeated: frozenset[str]) -> bool:
    """Takes what a first pass found of items as it read them, but for the repeated ones."""
    if changes.judged is None:
        return False
    run.store.drop_indexes("slot")
    return run.store.take_judged(changes.judged, run.now, repeated, KINDS)


def _judge_all(
    run: Pass, ledger: Ledger, past: Past, repeated: frozenset[str], *, is_judged: bool
) -> None:
    """Judges all items; of those that were when they were read, the repeated ones alone."""
    store = run.store
    if not is_judged:
        store.clear_memberships()
    with store.filling("slot"):
        for page in () if is_judged else store.header_pages():
            _judge(run, ledger, past, [item for item in page if item.id not in repeated])
        _judge(run, ledger, past, without_duplicates(store.headers_of(repeated)).items)


def _names(store: Store, config: Config, beaten: list[ItemHeader], now: int) -> Names:
    """Counts the names that published items use; those of beaten duplicates do not count."""
    topics, providers = Counter(store.topic_names(now)), Counter(store.provider_names(now))
    for item in beaten:
        if item.is_published and is_due(item, now):
            topics.subtract(item.topics)
            providers.subtract([(item.provider.domain, item.provider.name)])
    known = Counter[tuple[str, str]]()
    for (domain, name), count in (+providers).items():
        known[config.provider(domain), name] += count
    return Names(+topics, known)


class Ledger:
    """The withdrawals of one pass, whether or not feeds say what was withdrawn.

    A story is withdrawn if it stood in feeds, stands in none any more, and its seed is gone,
    unpublished or excluded everywhere. `changed` are the feeds, and `changed_parts` the parts of
    archives, whose notices came, went or changed; `lost` is as in `Changes`.
    """

    def __init__(
        self, run: Pass, thresholds: Thresholds, lost: Mapping[str, tuple[bytes, list[str]]]
    ) -> None:
        self._run = run
        self.thresholds = thresholds
        self._lost = dict(lost)
        self.changed: set[FeedRef] = set()
        self.changed_parts: set[tuple[FeedRef, ArchivePart]] = set()
        self._known = {one.id: one for one in run.store.withdrawals()}
        oldest = run.now - longest_kept_s(run.config)
        self._drop([one.id for one in self._known.values() if one.at < oldest])

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
