"""Fetches images, some at once, and makes the copies that are published of them."""

from __future__ import annotations

import asyncio
import mmap
import time
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from typing import Self

from feeds.common.files import sync_files
from feeds.common.media import CachedImage
from feeds.common.text import clean_line
from feeds.config.model import ImagesConfig
from feeds.images.cache import NewCopy, keep_aside
from feeds.images.decode import CopySettings, NotAnImageError, prepare
from feeds.images.download import Limits, download
from feeds.images.http import Client
from feeds.images.reconcile import FetchResult, Hosts

_PER_HOST = 2
# What is waited for the connections to be closed in good form.
_GOODBYE_SECONDS = 1.0
_MAX_REASON = 300
_FLUSHERS = 4


class Fetcher:
    """Asks for images, `images.concurrency` at once and two of a host; a context manager."""

    def __init__(self, images: ImagesConfig, hosts: Hosts, client: Client, limits: Limits) -> None:
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

    async def fetch(self, wanted: Iterable[CachedImage]) -> AsyncGenerator[FetchResult, None]:
        """Yields what came of each image that was asked for, in any order; copies want a `flush`.

        `etag` and `modified` of an image make its request a conditional one.

        Raises:
            OSError: the cache cannot be written; any other fault is of one image and its result.
        """
        queue, running = deque(wanted), set[asyncio.Task[FetchResult]]()
        try:
            while True:
                while self._may_ask(len(running)) and queue:
                    running.add(asyncio.create_task(self._one(queue.popleft())))
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    yield one.result()
        finally:
            for one in running:
                one.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _may_ask(self, running: int) -> bool:
        return running < self._images.concurrency and time.monotonic() < self._limits.until

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
        loop = asyncio.get_running_loop()
        made = await loop.run_in_executor(self._decoder, self._copy_of, data)
        if isinstance(made, str):
            return FetchResult(image, answer, fault=made)
        return FetchResult(image, answer, made)

    def _copy_of(self, data: bytes | mmap.mmap) -> NewCopy | str:
        """Returns a copy that is not flushed yet, or why there is none."""
        read = bytes(data)
        if isinstance(data, mmap.mmap):
            data.close()  # else its pages stay in memory meanwhile
        try:
            prepared = prepare(read, self._settings, self._images.max_pixels)
        except NotAnImageError as error:
            return _told(str(error))
        except Exception as error:  # noqa: BLE001 (so do decoders, with hostile bytes)
            return _told(f"cannot be looked at: {type(error).__name__}: {error}")
        return keep_aside(self._images.cache, prepared, flushed=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._decoder.shutdown(wait=False, cancel_futures=True)
        with suppress(Exception):  # what was fetched is there, however a server takes its leave
            await asyncio.wait_for(self._client.aclose(), _GOODBYE_SECONDS)


def _told(reason: str) -> str:
    """Returns a reason as a line that can be stored and shown, whatever a server put into it."""
    return clean_line(reason[:_MAX_REASON], repair=False)


async def flush(results: Iterable[FetchResult]) -> None:
    """Brings copies to the disk, some at a time, which takes little longer than one.

    Raises:
        OSError: one cannot be flushed.
    """
    files = [one.copy.file for one in results if one.copy]
    shares = (files[at::_FLUSHERS] for at in range(_FLUSHERS))
    await asyncio.gather(*(asyncio.to_thread(sync_files, share) for share in shares))


def in_turn(wanted: Sequence[CachedImage]) -> list[CachedImage]:
    """Returns the images with those of different hosts by turns, so that no host holds up all."""
    turns: defaultdict[str, Iterator[int]] = defaultdict(count)
    return sorted(wanted, key=lambda image: next(turns[image.host]))
