"""One pass, the whole way: what the daemon, the command line and the tests call.

    scan ── parse ── store ── select ── render ── publish

Nothing else knows the order of the stages, and no stage knows another.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import NamedTuple, TypeVar
from uuid import uuid4

from feeds.common.errors import BusyError, DamagedManifestError, PublishError, StateError
from feeds.common.lock import acquire_lock
from feeds.common.model import Problem
from feeds.common.reports import (
    DEFAULTS,
    NO_CALLBACKS,
    Callbacks,
    Clock,
    Options,
    PassReport,
    utc_now,
)
from feeds.common.store_protocols import SENDING
from feeds.common.times import show_time
from feeds.config import Loaded
from feeds.images.examine import CacheScope, Examined, examine_cache
from feeds.images.reconcile import ImageChanges, reconcile
from feeds.pipeline.changed_feeds import at_rest, few_state
from feeds.pipeline.context import Pass, begin_pass
from feeds.pipeline.early_start import load_renderers
from feeds.pipeline.first_pass import OvertakenError
from feeds.pipeline.guards import refuse_to_empty
from feeds.pipeline.image_cache import cache_faults_told
from feeds.pipeline.memberships import memberships
from feeds.pipeline.output import Output, keep_report, problems_of, publish, unchanged
from feeds.pipeline.plan import plan_feeds
from feeds.pipeline.remember import remember, tell_hubs
from feeds.pipeline.rescan import Ahead, Changes, image_keys, read_ahead, rescan
from feeds.pipeline.state import LAST, PassState, is_intact, is_quiet, looking_at, read_state
from feeds.pipeline.upload import Upload
from feeds.publish import Manifest, read_manifest, write_manifest
from feeds.store import DamagedStateError, move_aside, open_state
from feeds.store.backup import restore_missing_state

T = TypeVar("T")

_LOOK = Options(dry_run=True)


class Snapshot(NamedTuple):
    """A pass over a private store that ends after the rescan; all problems of seeds."""

    run: Pass
    state: PassState
    changes: Changes
    problems: list[Problem]


def publish_pass(run: Pass) -> PassReport:
    """Rescans the seeds and brings out/ up to them, in an open store, with out/ locked.

    Raises:
        FeedsError: what stops a pass; out/ is as it was then.
        OvertakenError: another pass used the store meanwhile; nothing was changed.
        DamagedStateError: the store is damaged; out/ is as it was.
    """
    ahead = read_ahead(run)
    examined = examine_images(run, ahead)
    with closing(Upload(run)) as upload:
        with run.store.transaction():
            changes, output = _bring_out(run, ahead, examined, upload)
            if not upload.changed:
                tell_hubs(run)  # of what a pass put that could not say so any more
                return keep_report(run, changes, output)
            run.store.set_meta(SENDING, uuid4().hex)
        sent = upload.send(upload.changed)
        with run.store.transaction():
            tell_hubs(run)
            return keep_report(run, changes, output.with_sent(sent))


def _bring_out(
    run: Pass, ahead: Ahead, examined: Examined, upload: Upload
) -> tuple[Changes, Output]:
    """Brings the store and the folder out/ up to the seeds, in a transaction; plans the upload."""
    few = at_rest(run, read_state(run.store))
    manifest = few.manifest if few else recover_manifest(run)
    if ahead.first:
        load_renderers()  # while SQLite makes indexes, and puts items into feeds
    changes = rescan(run, ahead)
    refuse_to_empty(run, manifest.items, is_new=not run.store.has_meta(LAST))
    images = reconcile_images(run, examined, changes)
    state = read_state(run.store)
    if is_quiet(run, state, changes.items) and (few or is_intact(state, manifest, run.out)):
        upload.check(state, manifest)
        return changes, unchanged(run, state, few)
    few = few and few._replace(news=frozenset(images.feeds))
    selection = memberships(run, state, changes, few=few)
    if selection.is_few:
        state = few_state(run, state, selection.feeds)
    else:
        archives = selection.archives
        state = looking_at(run, state, archives.parts if archives.rest else None)
    plan = plan_feeds(run, state, selection, images)._replace(is_kept=changes.is_kept)
    published = publish(run, state, plan, upload)
    return changes, remember(run, state, selection, plan, published)


def publish_feeds(
    loaded: Loaded,
    options: Options = DEFAULTS,
    callbacks: Callbacks = NO_CALLBACKS,
    clock: Clock = utc_now,
) -> PassReport:
    """Runs `publish_pass` with out/ locked; with a new state file if the old one is damaged.

    Raises:
        FeedsError: what stops a pass; out/ is as it was then.
    """
    state, fresh = loaded.config.paths.state, False
    with _lock_out(loaded, options, callbacks, clock):
        if not options.dry_run:
            restore_missing_state(loaded.config, callbacks.warn)
        while True:
            try:
                with _open_pass(loaded, options, callbacks, clock, fresh=fresh) as run:
                    return publish_pass(run)
            except OvertakenError:
                continue
            except DamagedStateError as error:
                if fresh:
                    raise StateError(f"cannot use a new state file, either: {error}") from None
                reason = str(error)
            # Only here: the error holds on to what it happened in, and with it to the file; since
            # Python 3.12 in a circle. At its end SQLite would remove the -wal of the new file.
            gc.collect()
            if not options.dry_run:
                move_aside(state, reason, callbacks.warn)
            fresh = True


def with_snapshot(
    loaded: Loaded,
    callbacks: Callbacks,
    read: Callable[[Snapshot], T],
    clock: Clock = utc_now,
    options: Options = _LOOK,
) -> T:
    """Returns the result of `read` for a private store that is up to the seeds.

    `read` is called again if a pass wrote meanwhile. With `options.full` nothing is known of
    earlier passes, nor with a state file that turns out to be damaged.

    Raises:
        SeedsFolderError: a folder does not exist or cannot be listed.
    """
    try:
        with _open_pass(loaded, options, callbacks, clock, fresh=options.full) as run:
            ahead = read_ahead(run)
            with run.store.transaction():
                changes = rescan(run, ahead)
                problems = problems_of(run.store, changes)
                return read(Snapshot(run, read_state(run.store), changes, problems))
    except OvertakenError:
        return with_snapshot(loaded, callbacks, read, clock, options)
    except DamagedStateError as error:
        if options.full:
            raise StateError(f"cannot use a new state file, either: {error}") from None
        return with_snapshot(loaded, callbacks, read, clock, options._replace(full=True))


def recover_manifest(run: Pass) -> Manifest:
    """Returns the manifest; one that cannot be read is replaced by what the state file knows.

    It stays as it is in a dry run, and if the state file is of another out/. The pass then looks at
    every file.

    Raises:
        DamagedManifestError: it stays, so nobody knows which files are ours.
        PublishError: out/ cannot be read or written.
    """
    out = run.out
    try:
        return read_manifest(out)
    except DamagedManifestError as error:
        state = read_state(run.store)
        if state.last is None or state.last.out != os.fsencode(out):
            raise
        path = error.path
        if run.options.dry_run:
            raise DamagedManifestError(
                path, f"{path} is damaged; 'feeds export' rebuilds it from the state file"
            ) from None
        # A run may have been killed since: what it left half written is removed by these names.
        manifest = Manifest(
            items=run.store.item_count(),
            unfinished=True,
            files=(*state.files(), *state.sealed()),
            images=frozenset().union(*run.store.feed_images().values()),
        )
        try:
            write_manifest(out, manifest)
        except OSError as fault:
            raise PublishError(f"cannot write {path}: {fault.strerror or fault}") from None
        run.callbacks.warn(
            f"{path} was damaged. It is rebuilt from the state file, which knows our files."
        )
        return manifest


def examine_images(run: Pass, ahead: Ahead) -> Examined:
    """Decodes what was dropped into the image cache; to be called outside of transactions."""
    scope = CacheScope(write=not run.options.dry_run)
    # Which images a first export has read ahead is known to the workers that recorded them alone.
    seen = None if ahead.first else read_state(run.store).cache_folders()
    with cache_faults_told(run.config.images.cache):
        return examine_cache(run.store, run.config, seen, scope, image_keys(run.store, ahead))


def reconcile_images(run: Pass, examined: Examined, changes: Changes) -> ImageChanges:
    """Takes in the examined files, and notices which are gone from the cache."""
    run.store.note_unnamed(run.now)
    with cache_faults_told(run.config.images.cache):
        return reconcile(run.store, examined, changes.items, run.now, run.callbacks.warn)


@contextmanager
def _open_pass(
    loaded: Loaded, options: Options, callbacks: Callbacks, clock: Clock, *, fresh: bool
) -> Iterator[Pass]:
    """Opens the store for a pass: for a dry run a private one, which is empty if `fresh`.

    Raises:
        OvertakenError: a pass wrote while a dry run read.
    """
    state = loaded.config.paths.state
    if not options.dry_run:
        with open_state(state, "pass", callbacks.warn) as store, store.faults_told():
            yield begin_pass(store, loaded, options, callbacks, clock)
        return
    with open_state(None if fresh else state, "look") as store:
        try:
            with store.faults_told():
                yield begin_pass(store, loaded, options, callbacks, clock)
        except DamagedStateError:
            if store.is_sound():
                raise
        if not store.is_sound():
            raise OvertakenError


@contextmanager
def _lock_out(
    loaded: Loaded, options: Options, callbacks: Callbacks, clock: Clock
) -> Iterator[None]:
    if options.dry_run:
        yield
        return
    out = loaded.config.paths.out
    owner = f"process {os.getpid()} (since {show_time(clock())})"
    with ExitStack() as stack:
        lock = acquire_lock(
            out,
            owner,
            wait=options.wait,
            on_wait=lambda other: callbacks.warn(f"waiting for {other}, which publishes to {out}"),
        )
        try:
            stack.enter_context(lock)
        except BusyError as error:
            raise BusyError(f"{error} is publishing to {out} and did not finish in time") from None
        yield
