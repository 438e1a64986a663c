"""Fetches images by HTTP, some at once and within bounds, and makes the copies of them."""

from __future__ import annotations

import asyncio
import math
import mmap
import tempfile
import time
import zlib
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from itertools import count
from typing import NamedTuple, Self

import httpcore
import httpx

from feeds.common.files import sync_files
from feeds.common.media import CachedImage
from feeds.common.reports import utc_now
from feeds.common.text import clean_line
from feeds.common.times import retry_after, to_unix
from feeds.config.model import ImagesConfig
from feeds.images.cache import NewCopy, keep_aside
from feeds.images.decode import CopySettings, prepare
from feeds.images.formats import NotAnImageError
from feeds.images.http import Client, ForbiddenAddressError, redirect_target
from feeds.images.retry import ATTEMPTS, FIRST_PAUSE_S, Download, FetchResult, Hosts

_PER_HOST = 2
# What is waited for the connections to be closed in good form.
_GOODBYE_SECONDS = 1.0
_MAX_REASON = 300
_FLUSHERS = 4
_MAX_REDIRECTS = 5
# Longer images wait on disk for their turn, since many are under way at once.
_IN_MEMORY = 256 * 1024
_REDIRECTS = {301, 302, 303, 307, 308}
_GONE = {404, 410}
_TRY_AGAIN = {429, *range(500, 600)}
_NO_URL = "a redirect to something that is not an http(s) URL without user info"
_MAX_VALIDATOR = 1000
# Python converts no longer numbers, and no bound is as large as a length of so many digits.
_MOST_DIGITS = 30
# A longer pause is not waited for, but remembered.
_PATIENCE_SECONDS = 10.0
# What a faulty network raises; h2 and anyio let some of their own through.
_HTTP_FAULTS = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)
_FAULTS = (*_HTTP_FAULTS, OSError, EOFError)


class Limits(NamedTuple):
    """Bounds of one image, redirects included; `pause` is what the first retry waits. Seconds.

    No wait goes on after the moment `until`, by `time.monotonic`. `folder` is where long images are
    kept meanwhile, None for the system's temporary folder.
    """

    max_bytes: int
    seconds: float
    pause: float = FIRST_PAUSE_S
    until: float = math.inf
    folder: str | None = None


# Gives what holds one of a host's places for a request.
Turns = Callable[[str], AbstractAsyncContextManager[object]]


async def download(
    client: Client, url: str, conditions: dict[str, str], limits: Limits, turns: Turns
) -> Download:
    """Asks for an image, again after faults that may pass; never raises for what a server does.

    `conditions` are the headers of a conditional request (RFC 9110, section 13.1).
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            answer = await _follow(client, url, conditions, limits, turns)
        except ForbiddenAddressError as error:
            return Download("refused", str(error))
        except TimeoutError:
            return Download("failed", f"took longer than {limits.seconds:g} s (images.timeout)")
        except _FAULTS as error:
            answer = Download("failed", f"connection: {str(error) or type(error).__name__}")
        except Exception as error:  # noqa: BLE001 (libraries raise whatever they like at odd answers)
            one = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
            return Download("refused", f"cannot be requested: {str(one) or type(one).__name__}")
        pause = answer.wait or limits.pause * 2 ** (attempt - 1)
        patience = min(_PATIENCE_SECONDS, limits.until - time.monotonic())
        if answer.result != "failed" or attempt == ATTEMPTS or pause > patience:
            break
        await asyncio.sleep(pause)
    return answer


async def _follow(
    client: Client, url: str, conditions: dict[str, str], limits: Limits, turns: Turns
) -> Download:
    """Asks, and follows redirects; the time spent waiting for a turn does not count."""
    at, left = httpx.URL(url), min(limits.seconds, limits.until - time.monotonic())
    for _ in range(_MAX_REDIRECTS + 1):
        async with turns(at.host):
            began = time.monotonic()
            async with asyncio.timeout(left), client.get(at, conditions) as response:
                headers = httpx.Headers(response.headers)
                location = headers.get("location")
                if response.status not in _REDIRECTS or location is None:
                    return await _read(response, headers, limits, is_conditional=bool(conditions))
            left -= time.monotonic() - began
        target = redirect_target(at, location)
        if target is None:
            return Download("refused", _NO_URL)
        at = target
    return Download("refused", f"more than {_MAX_REDIRECTS} redirects")


async def _read(
    response: httpcore.Response, headers: httpx.Headers, limits: Limits, *, is_conditional: bool
) -> Download:
    max_bytes, status = limits.max_bytes, response.status
    phrase = response.extensions.get("reason_phrase")  # None by HTTP/2
    said = phrase.decode("ascii", "ignore") if phrase else httpx.codes.get_reason_phrase(status)
    said = f"answered {status} {said}".strip()
    if status == 304 and is_conditional:
        return Download("same")
    if status in _GONE:
        return Download("missing", said)
    if status in _TRY_AGAIN:
        wait = retry_after(headers.get("retry-after", ""), to_unix(utc_now()))
        return Download("failed", said, wait=wait or 0)
    if status not in {200, 203}:
        return Download("refused", said)
    too_large = Download("refused", f"larger than images.max_bytes ({max_bytes} bytes)")
    length = headers.get("content-length", "")
    if length.isdecimal() and (len(length) > _MOST_DIGITS or int(length) > max_bytes):
        return too_large
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        said = f"sent with the content coding {coding}, which was not asked for"
        return Download("refused", said)
    # 32 + 15: the header says whether it is gzip or zlib (zlib's manual, inflateInit2).
    unpack = None if coding in {"", "identity"} else zlib.decompressobj(32 + zlib.MAX_WBITS)
    size = 0
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=limits.folder) as file:
        try:
            async with aclosing(response.aiter_stream()) as parts:  # type: ignore[type-var]
                async for part in parts:
                    # Never more at once than one byte too many: a small part may hold gigabytes.
                    more = part if unpack is None else unpack.decompress(part, max_bytes + 1 - size)
                    size += file.write(more)
                    if size > max_bytes:
                        return too_large
        except zlib.error:
            return Download("refused", f"is not in the content coding {coding} that it claims")
        data: bytes | mmap.mmap
        if size > _IN_MEMORY:
            file.flush()
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        else:
            file.seek(0)
            data = file.read()
    etag, modified = (_sendable(headers.get(name, "")) for name in ("etag", "last-modified"))
    return Download("fetched", data=data, etag=etag, modified=modified)


def _sendable(value: str) -> str:
    """Returns a validator that a server sent, "" if it cannot be sent back."""
    fits = len(value) <= _MAX_VALIDATOR and value.isascii() and value.isprintable()
    return value if fits else ""


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
