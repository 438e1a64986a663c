"""Fills the image cache: asks for what is due, some at a time, and notes what came of it.

Nothing is locked while the network is waited for. What was fetched gets its name in the cache and
its row in the store in one transaction of the store, so that no pass sees one without the other.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from feeds import __version__
from feeds.common.callbacks import NO_CALLBACKS, Callbacks, Clock, utc_now
from feeds.common.errors import BusyError, ImageCacheError, PublishError, StateError
from feeds.common.lock import acquire_lock
from feeds.common.reports import FetchReport
from feeds.common.times import show_time, to_unix
from feeds.common.totals import IMAGE_FETCHES, count
from feeds.config import Config, Loaded
from feeds.images.cache import (
    give_name,
    is_of_all_files,
    remove,
    sweep_notes,
    sweep_unfinished,
)
from feeds.images.garbage import remove_unused
from feeds.images.reconcile import form_name, reconcile
from feeds.images.retry import apply_result
from feeds.store import CachedImage, DamagedStateError, HostFailure, Store, open_store

if TYPE_CHECKING:
    import asyncio

    from feeds.images.batch import FetchResult, ImageRequest
    from feeds.images.guard import Resolve
    from feeds.images.hosts import Hosts

_LOCK = ".feeds-images.lock"
# So many images are asked for before what came is kept: what a kill costs at most.
_BATCH = 32
# How often damage and what nobody needs is looked for, even if nothing is to be fetched.
_LOOK_SECONDS = 86_400


class FetchOptions(NamedTuple):
    """How images are fetched: `digests` reads every copy, `look_up` is None for the system's own.

    `wait` is for another fetch to end, `pause` is before the first retry, and after `seconds` no
    more images are asked for; all in seconds.
    """

    digests: bool = False
    wait: float = 600.0
    pause: float = 1.0
    look_up: Resolve | None = None
    seconds: float = math.inf


DEFAULTS = FetchOptions()


def next_fetch(store: Store, config: Config) -> int | None:
    """Returns when images are to be fetched, or looked apply_result, next; None for never."""
    images = config.images
    due = None if images.fetch == "off" else store.next_image_due(every=images.fetch == "all")
    swept = (
        (store.get_meta("images swept", int) or 0) + _LOOK_SECONDS if store.has_pictures() else None
    )
    return min((one for one in (due, swept) if one is not None), default=None)


def fetch_images(
    loaded: Loaded,
    options: FetchOptions = DEFAULTS,
    callbacks: Callbacks = NO_CALLBACKS,
    clock: Clock = utc_now,
) -> FetchReport:
    """Looks after the cache, and fetches what is due by [images].

    Raises:
        ImageCacheError: the cache cannot be written.
        BusyError: another fetch did not end in time.
        StateError: the state file cannot be used.
    """
    started, began = clock(), time.monotonic()
    with _looking_after(loaded.config, options.wait, callbacks.warn, started) as store:
        counts, changed = _Fetch(store, loaded.config, options, callbacks, clock).run()
    seconds = round(time.monotonic() - began, 3)
    return FetchReport(started=started, seconds=seconds, changed=changed, **counts)


def collect_garbage(
    loaded: Loaded, warn: Callable[[str], None], clock: Clock = utc_now
) -> list[str]:
    """Removes the copies that nobody needs any more; returns their names, below the cache.

    Raises what `fetch_images` does.
    """
    options, now = FetchOptions(), clock()
    with _looking_after(loaded.config, options.wait, warn, now) as store, store.transaction():
        store.note_unnamed(to_unix(now))
        return remove_unused(store, loaded.config, to_unix(now))


@contextmanager
def _looking_after(
    config: Config, wait: float, warn: Callable[[str], None], started: datetime
) -> Iterator[Store]:
    """Holds the cache and opens the store; tells what goes wrong as people understand it."""
    cache = config.images.cache
    holder = f"process {os.getpid()} (since {show_time(started)})"

    def on_wait(other: str) -> None:
        warn(f"waiting for {other}, which fetches images")

    with ExitStack() as stack:
        try:
            stack.enter_context(acquire_lock(cache, holder, wait=wait, on_wait=on_wait, name=_LOCK))
        except BusyError as error:
            raise BusyError(f"{error} is fetching images and did not finish in time") from None
        except PublishError as error:
            raise ImageCacheError(str(error)) from None
        try:
            sweep_unfinished(cache)
            stack.callback(sweep_unfinished, cache)
            yield stack.enter_context(open_store(config.paths.state, warn))
        except OSError as error:
            raise _unwritable(cache, error) from None
        except ExceptionGroup as group:
            fault = group.exceptions[0]
            if isinstance(fault, OSError):
                raise _unwritable(cache, fault) from None
            raise
        except DamagedStateError as error:
            raise StateError(
                f"the state file is damaged ({error}); 'feeds export' makes a new one"
            ) from None


def _unwritable(cache: object, error: OSError) -> ImageCacheError:
    where, reason = error.filename or cache, error.strerror or str(error)
    return ImageCacheError(f"cannot write the image cache: {where}: {reason}")


class _Fetch:
    """One run over what is due."""

    def __init__(
        self,
        store: Store,
        config: Config,
        options: FetchOptions,
        callbacks: Callbacks,
        clock: Clock,
    ) -> None:
        self._store = store
        self._config = config
        self._options = options
        self._ears = callbacks
        self._clock = clock
        self._until = time.monotonic() + options.seconds
        self._counts: Counter[str] = Counter()
        self._refresh = int(config.images.refresh.total_seconds())

    def run(self) -> tuple[dict[str, int], bool]:
        """Returns the counts of the report, and whether a pass has something to publish."""
        store, config, now = self._store, self._config, self._now()
        digests = self._options.digests
        left: set[str] | None = None
        while left is None or left:  # a pass may come between
            with store.transaction():
                left = reconcile(
                    store,
                    config,
                    now,
                    self._ears.warn,
                    everywhere=True,
                    digests=digests,
                    only=left,
                )
        if config.images.fetch != "off":
            due = store.due_images(now, every=config.images.fetch == "all")
            if due:
                self._fetch(due)
        with store.transaction():
            self._counts["removed"] = len(remove_unused(store, config, self._now()))
            store.set_meta("images swept", self._now())
            sweep_notes(config.images.cache)  # no pass replaces a copy meanwhile
        return dict(self._counts), store.has_image_news()

    def _fetch(self, due: list[CachedImage]) -> None:
        # Imported on demand: httpx and Pillow cost half a second, and often nothing is due.
        import asyncio

        from feeds.images.batch import Fetcher, in_turn
        from feeds.images.guard import resolve
        from feeds.images.hosts import Hosts, Trouble

        known = {
            one.host: Trouble(one.failures, one.until, one.reason)
            for one in self._store.host_failures().values()
        }
        hosts = Hosts(known, self._now())
        images = {image.key: image for image in due}
        wanted = in_turn([self._wanted(image) for image in due])
        agent = f"feeds/{__version__} (+{self._config.site.home})"
        options = self._options

        def done() -> None:
            self._counts["asked"] += 1
            self._ears.progress("images", self._counts["asked"], len(wanted))

        async def fetch() -> None:
            asyncio.get_running_loop().set_exception_handler(_report)
            async with Fetcher(
                self._config.images,
                agent,
                hosts,
                pause=options.pause,
                look_up=options.look_up or resolve,
                until=self._until,
            ) as fetcher:
                for at in range(0, len(wanted), _BATCH):
                    brought = await fetcher.fetch(wanted[at : at + _BATCH], done)
                    self._keep(brought, images, hosts)

        asyncio.run(fetch())
        self._counts["postponed"] = len(wanted) - self._counts["asked"]

    def _wanted(self, image: CachedImage) -> ImageRequest:
        from feeds.images.batch import ImageRequest

        one = ImageRequest(image.key, image.url, image.host)
        if not image.name or not (image.etag or image.modified):
            return one
        # "Not modified" is no comfort for a copy that is not what it was.
        try:
            data = (self._config.images.cache / image.name).read_bytes()
        except OSError:  # the copy is gone, or cannot be read
            return one
        if hashlib.sha256(data).digest() != image.digest:
            return one
        return one._replace(etag=image.etag, modified=image.modified)

    def _keep(
        self, brought: list[FetchResult], images: dict[str, CachedImage], hosts: Hosts
    ) -> None:
        """Gives what was fetched its name, and notes what came of each image."""
        with self._store.transaction():
            noted = [self._noted(images[one.key], one, hosts) for one in brought]
            kinds = [_kind(one) for one, _ in noted]
            count(self._store, IMAGE_FETCHES, (kind for kind in kinds if kind != "left_alone"))
            self._counts.update(kinds)
            for _, image in noted:
                self._store.keep_image(image)
            self._store.keep_host_failures(
                HostFailure(host, *trouble) for host, trouble in hosts.troubles.items()
            )

    def _noted(
        self, before: CachedImage, one: FetchResult, hosts: Hosts
    ) -> tuple[FetchResult, CachedImage]:
        """Gives a copy its name; returns what came of the image, and what is known of it now."""
        now, form, cache = self._now(), form_name(self._config), self._config.images.cache
        image = apply_result(before, one, self._refresh, form, now)
        if one.answer is None:
            trouble = hosts.left_alone(image.host)
            image = msgspec.structs.replace(image, due=trouble.until if trouble else now)
        if one.copy and one.answer:
            try:
                give_name(cache, one.copy.file, image.name, one.copy.digest)
            except OSError as error:
                if is_of_all_files(error):
                    raise
                one.copy.file.path.unlink(missing_ok=True)
                reason = f"{cache / image.name} cannot be written: {error.strerror}"
                one = one._replace(
                    copy=None, fault="", answer=one.answer._replace(result="failed", reason=reason)
                )
                return one, apply_result(before, one, self._refresh, form, now)
            if before.name not in ("", image.name):
                remove(cache, before.name)
        return one, image

    def _now(self) -> int:
        return to_unix(self._clock())


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Reports what asyncio found, but for an interruption, which came out of the loop as well."""
    if not isinstance(context.get("exception"), KeyboardInterrupt):
        loop.default_exception_handler(context)


def _kind(one: FetchResult) -> str:
    """Returns under what the report counts an image."""
    if one.answer is None:
        return "left_alone"
    return "missing" if one.fault else one.answer.result
