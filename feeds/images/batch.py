"""Fetches images, some at once, and makes the copies that are published of them."""

from __future__ import annotations

import asyncio
import mmap
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from operator import itemgetter
from types import TracebackType
from typing import Self

import httpx

from feeds.common.images import CachedImage
from feeds.common.text import clean_line
from feeds.config.model import ImagesConfig
from feeds.images.cache import keep_aside
from feeds.images.decode import CopySettings, NotAnImageError, Prepared, prepare
from feeds.images.download import Limits, download
from feeds.images.retry import FetchResult, Hosts

_PER_HOST = 2
# What is waited for the connections to be closed in good form.
_GOODBYE_SECONDS = 1.0
_MAX_REASON = 300


class Fetcher:
    """Asks for images, `images.concurrency` at once and two of a host; a context manager."""

    def __init__(
        self, images: ImagesConfig, hosts: Hosts, client: httpx.AsyncClient, limits: Limits
    ) -> None:
        self._images = images
        self._hosts = hosts
        self._client = client
        self._limits = limits
        # Images wait for each other on disk, so that only one is in memory; and one thread decodes
        # them all, since the C library keeps what was freed for the thread that had it.
        self._decoder = ThreadPoolExecutor(1, "decoder")
        self._settings = CopySettings(images.max_width, images.keep_metadata)
        self._turns: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_PER_HOST)
        )

    async def fetch(
        self, wanted: Iterable[CachedImage], done: Callable[[], None]
    ) -> list[FetchResult]:
        """Returns what came of each image that was asked for, in any order; calls `done` for each.

        `etag` and `modified` of an image make its request a conditional one.

        Raises:
            OSError: the cache cannot be written; any other fault is of one image and its result.
        """
        queue = deque(wanted)
        results: list[FetchResult] = []

        async def work() -> None:
            while queue and time.monotonic() < self._limits.until:
                results.append(await self._one(queue.popleft()))
                done()

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(self._images.concurrency, len(queue))):
                workers.create_task(work())
        return results

    async def _one(self, image: CachedImage) -> FetchResult:
        conditions = {"If-None-Match": image.etag, "If-Modified-Since": image.modified}
        async with self._turns["first " + image.host]:
            if self._hosts.left_alone(image.host):
                return FetchResult(image, None)
            answer = await download(
                self._client,
                image.url,
                {name: value for name, value in conditions.items() if value.isascii() and value},
                self._limits,
                self._turns.__getitem__,
            )
            answer = answer._replace(reason=_told(answer.reason))
            self._hosts.note(image.host, answer)
        if answer.result != "fetched":
            return FetchResult(image, answer)
        data, answer = answer.data, answer._replace(data=b"")
        try:
            loop = asyncio.get_running_loop()
            prepared = await loop.run_in_executor(self._decoder, self._prepared, data)
        except NotAnImageError as error:
            return FetchResult(image, answer, fault=_told(str(error)))
        except Exception as error:  # noqa: BLE001 (so do decoders, with hostile bytes)
            fault = f"cannot be looked at: {type(error).__name__}: {error}"
            return FetchResult(image, answer, fault=_told(fault))
        copy = await asyncio.to_thread(keep_aside, self._images.cache, prepared)
        return FetchResult(image, answer, copy)

    def _prepared(self, data: bytes | mmap.mmap) -> Prepared:
        read = bytes(data)
        if isinstance(data, mmap.mmap):
            data.close()  # else its pages stay in memory meanwhile
        return prepare(read, self._settings, self._images.max_pixels)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._decoder.shutdown(wait=False, cancel_futures=True)
        with suppress(Exception):  # what was fetched is there, however a server takes its leave
            await asyncio.wait_for(self._client.aclose(), _GOODBYE_SECONDS)


def _told(reason: str) -> str:
    """Returns a reason as a line that can be stored and shown, whatever a server put into it."""
    return clean_line(reason[:_MAX_REASON], repair=False)


def in_turn(wanted: Sequence[CachedImage]) -> list[CachedImage]:
    """Returns the images with those of different hosts by turns, so that no host holds up all."""
    turns: Counter[str] = Counter()
    places = []
    for image in wanted:
        places.append(turns[image.host])
        turns[image.host] += 1
    return [image for _, image in sorted(zip(places, wanted, strict=True), key=itemgetter(0))]
