"""One pass, the whole way: what the daemon, the command line and the tests call.

    scan ── parse ── store ── select ── render ── publish

Nothing else knows the order of the stages, and no stage knows another.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import NamedTuple, TypeVar

from feeds.common.callbacks import DEFAULTS, NO_CALLBACKS, Callbacks, Clock, Options, utc_now
from feeds.common.errors import BusyError, PublishError
from feeds.common.lock import acquire_lock
from feeds.common.model import Problem
from feeds.common.reports import HeldReport, PassReport, feed_report
from feeds.common.times import show_time, to_unix
from feeds.config import Config, Loaded
from feeds.images.examine import CacheScope, Examined, examine_cache
from feeds.images.reconcile import reconcile
from feeds.pipeline.fetch import next_fetch
from feeds.pipeline.output import update_output
from feeds.pipeline.recovery import recover_manifest
from feeds.pipeline.rescan import Rescan, image_keys, problems_of, read_ahead, rescan, survey
from feeds.pipeline.state import Pass
from feeds.publish import read_manifest
from feeds.seeds.missing import FEW
from feeds.seeds.scan import display_path
from feeds.store import DamagedStateError, Store, move_aside, open_state

T = TypeVar("T")


class Snapshot(NamedTuple):
    """A private copy of the store, how many seeds there are, and all problems in them."""

    store: Store
    seeds: int
    problems: list[Problem]


def publish_pass(
    loaded: Loaded,
    options: Options = DEFAULTS,
    callbacks: Callbacks = NO_CALLBACKS,
    clock: Clock = utc_now,
) -> PassReport:
    """Rescans the seeds and brings out/ up to them.

    Raises:
        FeedsError: what stops a pass; out/ is as it was then.
    """
    state = loaded.config.paths.state
    with _hold_out(loaded.config, options, callbacks, clock):
        try:
            return _run(loaded, options, callbacks, clock)
        except DamagedStateError as error:
            reason = str(error)
        # Only here: the error holds on to what it happened in, and with it to the file.
        if not options.dry_run:
            move_aside(state, reason, callbacks.warn)
        return _run(loaded, options, callbacks, clock, fresh=True)


def _run(
    loaded: Loaded, options: Options, callbacks: Callbacks, clock: Clock, *, fresh: bool = False
) -> PassReport:
    config, run = loaded.config, _Run(options, callbacks, clock(), time.monotonic())
    with _open(config, options, callbacks, fresh=fresh) as store:
        while True:
            with store.faults_told():
                todo = survey(store, config, loaded.base, full=options.full)
                ahead = read_ahead(store, todo, config, loaded.base, callbacks.progress)
                scope = CacheScope(write=not options.dry_run)
                examined = examine_cache(store, config, scope, image_keys(store, ahead))
            with store.transaction():
                # A pass to another out/ came first: what was to be done is done, or is another now.
                if store.pass_mark() != todo.mark:
                    continue
                if not store.has_meta("images named"):
                    store.name_all_images()
                    store.set_meta("images named", value=True)
                recover_manifest(store, config.paths.out, callbacks.warn, write=not options.dry_run)
                found = rescan(store, todo, ahead, config, allow_empty=options.allow_empty)
                report = _publish(store, loaded, found, examined, run)
                store.set_meta("report", report)
            return report


def with_snapshot(
    loaded: Loaded, callbacks: Callbacks, see: Callable[[Snapshot], T], *, fresh: bool = False
) -> T:
    """Returns what `see` makes of a private copy of the store, brought up to the seeds.

    `fresh` reads every seed instead of starting from what the last pass knew; so does a state file
    that turns out to be damaged.

    Raises:
        SeedsFolderError: a folder does not exist or cannot be listed.
    """
    config = loaded.config
    try:
        with open_state(None if fresh else config.paths.state, "look") as store:
            with store.faults_told():
                todo = survey(store, config, loaded.base)
                ahead = read_ahead(store, todo, config, loaded.base, callbacks.progress)
            with store.transaction():
                found = rescan(store, todo, ahead, config)
                problems = problems_of(store, found)
                return see(Snapshot(store, found.seeds, problems))
    except DamagedStateError:
        if fresh:
            raise
        return with_snapshot(loaded, callbacks, see, fresh=True)


def _open(
    config: Config, options: Options, callbacks: Callbacks, *, fresh: bool
) -> AbstractContextManager[Store]:
    state = config.paths.state
    if options.dry_run:
        return open_state(None if fresh else state, "look")
    return open_state(state, "pass", callbacks.warn)


@contextmanager
def _hold_out(
    config: Config, options: Options, callbacks: Callbacks, clock: Clock
) -> Iterator[None]:
    if options.dry_run:
        yield
        return
    out = config.paths.out
    holder = f"process {os.getpid()} (since {show_time(clock())})"
    try:
        with acquire_lock(
            out,
            holder,
            wait=options.wait,
            on_wait=lambda other: callbacks.warn(f"waiting for {other}, which publishes to {out}"),
        ):
            yield
    except BusyError as error:
        raise BusyError(f"{error} is publishing to {out} and did not finish in time") from None


class _Run(NamedTuple):
    """How a pass is run, and when it began: by the clock, and by `time.monotonic`."""

    options: Options
    callbacks: Callbacks
    started: datetime
    began: float


def _publish(
    store: Store, loaded: Loaded, found: Rescan, examined: Examined, run: _Run
) -> PassReport:
    """Brings out/ up to the store, and reports the pass."""
    config, now, options = loaded.config, to_unix(run.started), run.options
    items = store.item_count()
    if not options.allow_empty:
        _refuse_to_empty(config, items, is_new=not store.has_meta("last"))
    store.mark_first_seen(now)
    store.note_unnamed(now)
    changed = [one for one in store.touched if one is not None]
    reconcile(store, examined, changed, now, run.callbacks.warn)
    renewal = update_output(Pass(store, config, now, options, run.callbacks))
    problems = problems_of(store, found)
    bad = {problem.path for problem in problems if problem.severity == "error"}
    return PassReport(
        started=run.started,
        seconds=round(time.monotonic() - run.began, 3),
        out=os.fsencode(config.paths.out).decode(errors="backslashreplace"),
        dry_run=options.dry_run,
        seeds=found.seeds,
        read=found.read,
        changed=found.changed,
        gone=found.gone,
        bad=len(bad),
        items=items,
        unchanged=renewal.unchanged,
        written=renewal.written,
        removed=renewal.removed,
        feeds=[feed_report(one, config.site.base_url) for one in renewal.feeds],
        problems=sorted([*problems, *renewal.duplicates]),
        images_added=renewal.images_added,
        images_removed=renewal.images_removed,
        next_fetch=next_fetch(store, config),
        pings=store.ping_count(),
        held=[
            HeldReport(display_path(folder, str(loaded.base)), count)
            for folder, count in store.held_stories()
        ],
    )


def _refuse_to_empty(config: Config, items: int, *, is_new: bool) -> None:
    """An unmounted disk must not empty a thousand subscriptions.

    What the state file knows is held (see `feeds.pipeline.rescan`), but that may be lost with the
    disk: then only the manifest tells how many stories there were.
    """
    before = read_manifest(config.paths.out).items
    lost = before - items
    if before and (not items or (is_new and lost >= FEW and lost > config.paths.max_gone * before)):
        where = ", ".join(sorted({str(folder) for folder in config.paths.seeds}))
        found = f"only {items} stories" if items else "no seed"
        raise PublishError(
            f"{found} found in {where}, where there were {before} at the last run. "
            "Refusing to empty the feeds: is a disk not mounted? "
            "If it is meant, run 'feeds export --allow-empty' once."
        )
