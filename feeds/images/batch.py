"""Fetches images, some at once, and makes the copies that are published of them."""

from __future__ import annotations

import asyncio
import math
import mmap
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self

from feeds.common.text import clean_line
from feeds.config.model import ImagesConfig
from feeds.images.cache import keep_aside, unfinished_folder
from feeds.images.decode import CopySettings, NotAnImageError, Prepared, prepare
from feeds.images.download import Limits, download
from feeds.images.http import Guard, Resolve, make_client, resolve
from feeds.images.retry import FetchResult, Hosts

_PER_HOST = 2
# What is waited for the connections to be closed in good form.
_GOODBYE_SECONDS = 1.0
_MAX_REASON = 300


class ImageRequest(NamedTuple):
    """An image to ask for; `etag` and `modified` make the request a conditional one."""

    key: str
    url: str
    host: str
    etag: str = ""
    modified: str = ""


class FetcherOptions(NamedTuple):
    """How images are asked for: `agent` is the User-Agent, `pause` is before the first retry.

    After the moment `until`, by `time.monotonic`, no more are asked for. Times are in seconds.
    """

    agent: str
    pause: float = 1.0
    look_up: Resolve = resolve
    until: float = math.inf


class Fetcher:
    """Asks for images, `images.concurrency` at once and two of a host; a context manager."""

    def __init__(self, images: ImagesConfig, hosts: Hosts, options: FetcherOptions) -> None:
        self._images = images
        self._hosts = hosts
        seconds, folder = images.timeout.total_seconds(), str(unfinished_folder(images.cache))
        self._limits = Limits(images.max_bytes, seconds, options.pause, options.until, folder)
        # Images wait for each other on disk, so that only one is in memory; and one thread decodes
        # them all, since the C library keeps what was freed for the thread that had it.
        self._decoder = ThreadPoolExecutor(1, "decoder")
        self._form = CopySettings(images.max_width, images.keep_metadata)
        self._turns: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_PER_HOST)
        )
        guard = Guard(images.allow_hosts, options.look_up)
        self._client = make_client(guard, options.agent, seconds, images.concurrency)

    async def fetch(
        self, wanted: Iterable[ImageRequest], done: Callable[[], None]
    ) -> list[FetchResult]:
        """Returns what came of each image that was asked for, in any order; `done` is told of each.

        Raises:
            OSError: the cache cannot be written; any other fault is of one image, and told with it.
        """
        queue = deque(wanted)
        brought: list[FetchResult] = []

        async def work() -> None:
            while queue and time.monotonic() < self._limits.until:
                brought.append(await self._one(queue.popleft()))
                done()

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(self._images.concurrency, len(queue))):
                workers.create_task(work())
        return brought

    async def _one(self, wanted: ImageRequest) -> FetchResult:
        conditions = {"If-None-Match": wanted.etag, "If-Modified-Since": wanted.modified}
        async with self._turns["first " + wanted.host]:
            if self._hosts.left_alone(wanted.host):
                return FetchResult(wanted.key, None)
            answer = await download(
                self._client,
                wanted.url,
                {name: value for name, value in conditions.items() if value.isascii() and value},
                self._limits,
                self._turns.__getitem__,
            )
            answer = answer._replace(reason=_told(answer.reason))
            self._hosts.note(wanted.host, answer)
        if answer.result != "fetched":
            return FetchResult(wanted.key, answer)
        data, answer = answer.data, answer._replace(data=b"")
        try:
            loop = asyncio.get_running_loop()
            prepared = await loop.run_in_executor(self._decoder, self._prepared, data)
        except NotAnImageError as error:
            return FetchResult(wanted.key, answer, fault=_told(str(error)))
        except Exception as error:  # noqa: BLE001 (so do decoders, with hostile bytes)
            fault = f"cannot be looked at: {type(error).__name__}: {error}"
            return FetchResult(wanted.key, answer, fault=_told(fault))
        copy = await asyncio.to_thread(keep_aside, self._images.cache, prepared)
        return FetchResult(wanted.key, answer, copy)

    def _prepared(self, data: bytes | mmap.mmap) -> Prepared:
        read = bytes(data)
        if isinstance(data, mmap.mmap):
            data.close()  # else its pages stay in memory meanwhile
        return prepare(read, self._form, self._images.max_pixels)

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


def in_turn(wanted: Sequence[ImageRequest]) -> list[ImageRequest]:
    """Returns the images with those of different hosts by turns, so that no host holds up all."""
    by_host: dict[str, deque[ImageRequest]] = {}
    for one in wanted:
        by_host.setdefault(one.host, deque()).append(one)
    queues, ordered = deque(by_host.values()), list[ImageRequest]()
    while queues:
        queue = queues.popleft()
        ordered.append(queue.popleft())
        if queue:
            queues.append(queue)
    return ordered
