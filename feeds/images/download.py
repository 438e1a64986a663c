"""Fetches one image by HTTP, within bounds, and says in the end what came of it."""

from __future__ import annotations

import asyncio
import mmap
import tempfile
import time
import zlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

import httpcore
import httpx

from feeds.images.guard import ForbiddenAddressError

_MAX_REDIRECTS = 5
# What is longer waits on disk for its turn, since many are under way at once.
_IN_MEMORY = 256 * 1024
_REDIRECTS = {301, 302, 303, 307, 308}
_GONE = {404, 410}
_TRY_AGAIN = {429, *range(500, 600)}
_ATTEMPTS = 3
# Longer than that is not waited for, but remembered.
_PATIENCE_SECONDS = 10.0
# What a faulty network raises; h2 and anyio let some of their own through.
_FAULTS = (
    *(httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException),
    *(httpx.TransportError, httpx.StreamError, OSError, EOFError),
)

# "failed" may go better another time, and the fault is the host's; "refused" is about this image.
Result = Literal["fetched", "same", "missing", "refused", "failed"]


class Limits(NamedTuple):
    """Bounds of one image, redirects included; `pause` is what the first retry waits. Seconds.

    `folder` is where what is long is kept meanwhile, None for the system's temporary folder.
    """

    max_bytes: int
    seconds: float
    pause: float = 1.0
    folder: str | None = None


class Answer(NamedTuple):
    """What came of asking for an image.

    `data` is a file mapped into memory where it is long. `wait` is how many seconds the server
    wants to be left alone, 0 where it says nothing.
    """

    result: Result
    reason: str = ""
    data: bytes | mmap.mmap = b""
    etag: str = ""
    modified: str = ""
    wait: float = 0.0


# Gives what holds one of a host's places for a request.
Turns = Callable[[str], AbstractAsyncContextManager[object]]


async def download(
    client: httpx.AsyncClient,
    url: str,
    conditions: dict[str, str],
    limits: Limits,
    turns: Turns,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Answer:
    """Asks for an image, again after faults that may pass; never raises for what a server does.

    `conditions` are the headers of a conditional request (RFC 9110, section 13.1).
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            answer = await _follow(client, url, conditions, limits, turns, now)
        except ForbiddenAddressError as error:
            return Answer("refused", str(error))
        except TimeoutError:
            return Answer("failed", f"took longer than {limits.seconds:g} s (images.timeout)")
        except _FAULTS as error:
            answer = Answer("failed", f"connection: {str(error) or type(error).__name__}")
        pause = answer.wait or limits.pause * 2 ** (attempt - 1)
        if answer.result != "failed" or attempt == _ATTEMPTS or pause > _PATIENCE_SECONDS:
            break
        await asyncio.sleep(pause)
    return answer


async def _follow(
    client: httpx.AsyncClient,
    url: str,
    conditions: dict[str, str],
    limits: Limits,
    turns: Turns,
    now: Callable[[], datetime],
) -> Answer:
    """Asks, and goes where redirects point; the time that is bounded is without that in a queue."""
    at, left = httpx.URL(url), limits.seconds
    for _ in range(_MAX_REDIRECTS + 1):
        async with turns(at.host):
            began = time.monotonic()
            async with (
                asyncio.timeout(left),
                client.stream("GET", at, headers=conditions) as response,
            ):
                if response.status_code not in _REDIRECTS or "location" not in response.headers:
                    return await _read(response, conditions, limits, now)
                location = response.headers["location"]
            left -= time.monotonic() - began
        at = at.join(location)
        if at.scheme not in {"http", "https"} or not at.host or at.userinfo:
            return Answer("refused", "a redirect to what is no http(s) URL without user info")
    return Answer("refused", f"more than {_MAX_REDIRECTS} redirects")


async def _read(
    response: httpx.Response,
    conditions: dict[str, str],
    limits: Limits,
    now: Callable[[], datetime],
) -> Answer:
    max_bytes = limits.max_bytes
    status, headers = response.status_code, response.headers
    said = f"answered {status} {response.reason_phrase}".strip()
    if status == 304 and conditions:
        return Answer("same")
    if status in _GONE:
        return Answer("missing", said)
    if status in _TRY_AGAIN:
        return Answer("failed", said, wait=_retry_after(headers.get("retry-after", ""), now()))
    if status not in {200, 203}:
        return Answer("refused", said)
    too_large = Answer("refused", f"larger than images.max_bytes ({max_bytes} bytes)")
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        return too_large
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        return Answer("refused", f"sent with the content coding {coding}, which was not asked for")
    # 32 + 15: the header says whether it is gzip or zlib (zlib's manual, inflateInit2).
    unpack = None if coding in {"", "identity"} else zlib.decompressobj(32 + zlib.MAX_WBITS)
    size = 0
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=limits.folder) as file:
        try:
            async for part in response.aiter_raw():
                # Never more at once than one byte too many: a small part may hold gigabytes.
                more = part if unpack is None else unpack.decompress(part, max_bytes + 1 - size)
                size += file.write(more)
                if size > max_bytes:
                    return too_large
        except zlib.error:
            return Answer("refused", f"is not in the content coding {coding} that it claims")
        data: bytes | mmap.mmap
        if size > _IN_MEMORY:
            file.flush()
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        else:
            file.seek(0)
            data = file.read()
    etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
    return Answer("fetched", data=data, etag=etag, modified=modified)


def _retry_after(text: str, now: datetime) -> float:
    """Returns the seconds of a Retry-After header (RFC 9110, section 10.2.3), 0 for none."""
    if text.strip().isdecimal():
        return min(float(text), 86400.0)
    try:
        wanted = (parsedate_to_datetime(text) - now).total_seconds()
    except (TypeError, ValueError):
        return 0.0
    return min(max(wanted, 0.0), 86400.0)
