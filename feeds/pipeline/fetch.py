"""Fills the image cache: asks for the images that are due, and keeps the results.

Nothing is locked while the network is waited for. What was fetched gets its name in the cache and
its row in the store in one transaction of the store, so that no pass sees one without the other.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from feeds.common.files import bytes_of
from feeds.common.interrupts import run_coroutine
from feeds.common.media import CachedImage
from feeds.common.reports import NO_CALLBACKS, Callbacks, Clock, FetchReport, utc_now
from feeds.common.store_protocols import IMAGE_FETCHES, IMAGES_COLLECTED, count
from feeds.common.times import to_unix
from feeds.config import Config, Loaded
from feeds.images.cache import give_name, is_of_all_files, remove, remove_notes, unfinished_folder
from feeds.images.examine import CacheScope, examine_cache, settings_of
from feeds.images.reconcile import reconcile
from feeds.images.retry import FIRST_PAUSE_S, FetchResult, FetchSettings, Hosts, apply_result
from feeds.pipeline.image_cache import (
    WAIT_SECONDS,
    has_images_to_narrow,
    looking_after,
    narrow_images,
    remove_unused,
)
from feeds.pipeline.state import read_state
from feeds.store import Store

if TYPE_CHECKING:
    from feeds.images.http import Resolve

# The results of so many images are kept at once, so a kill costs no more than these.
_BATCH = 32
# How often damaged and unused copies are looked for, even if nothing is to be fetched.
_LOOK_SECONDS = 86_400


class FetchOptions(NamedTuple):
    """How images are fetched: `digests` reads every copy, `look_up` is None for the system's own.

    `wait` is for another fetch to end, `pause` is before the first retry, and after `seconds` no
    more images are asked for; all in seconds.
    """

    digests: bool = False
    wait: float = WAIT_SECONDS
    pause: float = FIRST_PAUSE_S
    look_up: Resolve | None = None
    seconds: float = math.inf


DEFAULTS = FetchOptions()


def next_fetch(store: Store, config: Config) -> int | None:
    """Returns when images are to be fetched, or looked after, next; None for never."""
    images = config.images
    if has_images_to_narrow(store, config):
        return 0
    due = None if images.fetch == "off" else store.next_image_due(every=images.fetch == "all")
    look = (store.get_meta(IMAGES_COLLECTED) or 0) + _LOOK_SECONDS if store.has_pictures() else None
    return min((one for one in (due, look) if one is not None), default=None)


def fetch_images(
    loaded: Loaded,
    options: FetchOptions = DEFAULTS,
    callbacks: Callbacks = NO_CALLBACKS,
    clock: Clock = utc_now,
) -> FetchReport:
    """Checks the cache, fetches the images that are due, and makes narrower copies.

    Raises:
        ImageCacheError: the cache cannot be used.
        BusyError: another fetch did not end in time.
        StateError: the state file cannot be used.
    """
    started, began = clock(), time.monotonic()
    with looking_after(loaded.config, options.wait, callbacks.warn, started) as store:
        counts, changed = _Fetch(store, loaded.config, options, callbacks, clock).run()
    narrowed, is_news = narrow_images(loaded.config, callbacks.warn)
    seconds = round(time.monotonic() - began, 3)
    return FetchReport(
        started=started, seconds=seconds, narrowed=narrowed, changed=changed or is_news, **counts
    )


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
        self._callbacks = callbacks
        self._clock = clock
        self._until = time.monotonic() + options.seconds
        self._counts: Counter[str] = Counter()
        self._refresh = int(config.images.refresh.total_seconds())

    def run(self) -> tuple[dict[str, int], bool]:
        """Returns the counts of the report, and whether a pass has something to publish."""
        store, config, now = self._store, self._config, self._now()
        scope = CacheScope(everywhere=True, digests=self._options.digests)
        is_all = False
        while not is_all:  # a pass may come between
            with store.faults_told():
                examined = examine_cache(store, config, read_state(store).cache_folders(), scope)
            with store.transaction():
                reconcile(store, examined, (), now, self._callbacks.warn)
            is_all, scope = examined.is_all, scope._replace(everywhere=False)
        if config.images.fetch != "off":
            due = store.due_images(now, every=config.images.fetch == "all")
            if due:
                self._fetch(due)
        with store.transaction():
            self._counts["removed"] = len(remove_unused(store, config, self._now()))
            store.set_meta(IMAGES_COLLECTED, self._now())
            remove_notes(config.images.cache)  # no pass replaces a copy meanwhile
        return dict(self._counts), store.has_image_news()

    def _fetch(self, due: list[CachedImage]) -> None:
        # Imported on demand: httpcore and Pillow cost 0.2 s, and often nothing is due.
        import asyncio

        from feeds.images.download import Fetcher, Limits, flush, in_turn
        from feeds.images.http import Client, Guard, resolve, user_agent

        images, options = self._config.images, self._options
        hosts = Hosts(self._store.host_failures(), self._now())
        wanted = in_turn([self._with_validators(image) for image in due])
        agent = user_agent(self._config.site.home)
        seconds = images.timeout.total_seconds()
        folder = str(unfinished_folder(images.cache))
        limits = Limits(images.max_bytes, seconds, options.pause, self._until, folder)

        async def keep(results: Sequence[FetchResult]) -> None:
            if results:
                await flush(results)
                self._keep(results, hosts)

        async def fetch() -> None:
            guard = Guard(images.allow_hosts, options.look_up or resolve)
            client = Client(guard, agent, images.concurrency)
            batch: list[FetchResult] = []
            keeping = asyncio.create_task(keep(()))
            try:
                async with (
                    Fetcher(images, hosts, client, limits) as fetcher,
                    aclosing(fetcher.fetch(wanted)) as results,
                ):
                    async for one in results:
                        batch.append(one)
                        self._count(len(wanted))
                        if len(batch) == _BATCH:
                            await keeping
                            keeping, batch = asyncio.create_task(keep(batch)), []
                await keeping
                await keep(batch)
            finally:
                await asyncio.gather(keeping, return_exceptions=True)

        run_coroutine(fetch)
        self._counts["postponed"] = len(wanted) - self._counts["asked"]

    def _with_validators(self, image: CachedImage) -> CachedImage:
        """Returns an image; without validators if its copy is not what its server confirms."""
        if image.name and (image.etag or image.modified):
            data = bytes_of(self._config.images.cache / image.name)
            if data is not None and hashlib.sha256(data).digest() == image.digest:
                return image
        return msgspec.structs.replace(image, etag="", modified="")

    def _count(self, wanted: int) -> None:
        self._counts["asked"] += 1
        self._callbacks.progress("images", self._counts["asked"], wanted)

    def _keep(self, results: Sequence[FetchResult], hosts: Hosts) -> None:
        """Gives new copies their names, and keeps the result of each image."""
        with self._store.transaction():
            noted = [self._noted(one, hosts) for one in results]
            kinds = [_kind(one) for one, _ in noted]
            count(self._store, IMAGE_FETCHES, (kind for kind in kinds if kind != "left_alone"))
            self._counts.update(kinds)
            for _, image in noted:
                self._store.keep_image(image)
            self._store.keep_host_failures(hosts.failures.values())

    def _noted(self, one: FetchResult, hosts: Hosts) -> tuple[FetchResult, CachedImage]:
        """Gives a copy its name; returns the result, and what is known of the image now."""
        now, cache = self._now(), self._config.images.cache
        settings = FetchSettings(self._refresh, settings_of(self._config), now)
        image = apply_result(one, settings)
        if one.answer is None:
            failure = hosts.left_alone(image.host)
            image = msgspec.structs.replace(image, due=failure.until if failure else now)
        if one.copy and one.answer:
            try:
                give_name(cache, one.copy, image.name)
            except OSError as error:
                if is_of_all_files(error):
                    raise
                one.copy.file.unlink(missing_ok=True)
                reason = f"{cache / image.name} cannot be written: {error.strerror}"
                failed = one.answer._replace(result="failed", reason=reason)
                one = FetchResult(one.image, failed)
                return one, apply_result(one, settings)
            if one.image.name not in ("", image.name):
                remove(cache, one.image.name)
        return one, image

    def _now(self) -> int:
        return to_unix(self._clock())


def _kind(one: FetchResult) -> str:
    """Returns the name under which the report counts an image."""
    if one.answer is None:
        return "left_alone"
    return "missing" if one.fault else one.answer.result
