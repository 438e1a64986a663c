"""Fetches one image by HTTP, within bounds."""

from __future__ import annotations

import asyncio
import math
import mmap
import tempfile
import time
import zlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Literal, NamedTuple

import httpcore
import httpx

from feeds.common.reports import utc_now
from feeds.common.times import retry_after, to_unix
from feeds.images.http import Client, ForbiddenAddressError

_MAX_REDIRECTS = 5
# Longer images wait on disk for their turn, since many are under way at once.
_IN_MEMORY = 256 * 1024
_REDIRECTS = {301, 302, 303, 307, 308}
_GONE = {404, 410}
_TRY_AGAIN = {429, *range(500, 600)}
_ATTEMPTS = 3
_MAX_PORT = 65_535
_MAX_LABEL = 63  # of a host name (RFC 1035, section 2.3.4)
_NO_URL = "a redirect to something that is not an http(s) URL without user info"
_MAX_VALIDATOR = 1000
# Python converts no longer numbers, and no bound is as large as a length of so many digits.
_MOST_DIGITS = 30
# A longer pause is not waited for, but remembered.
_PATIENCE_SECONDS = 10.0
# What a faulty network raises; h2 and anyio let some of their own through.
_FAULTS = (
    *(httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException),
    *(OSError, EOFError),
)

# "failed" may go better another time, and the fault is the host's; "refused" is about this image.
Result = Literal["fetched", "same", "missing", "refused", "failed"]


class Limits(NamedTuple):
    """Bounds of one image, redirects included; `pause` is what the first retry waits. Seconds.

    No wait goes on after the moment `until`, by `time.monotonic`. `folder` is where long images are
    kept meanwhile, None for the system's temporary folder.
    """

    max_bytes: int
    seconds: float
    pause: float = 1.0
    until: float = math.inf
    folder: str | None = None


class Download(NamedTuple):
    """The result of asking for an image.

    `data` is a file mapped into memory if it is long. `wait` is how many seconds the server asks
    to be left alone, 0 if it does not ask.
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
    client: Client,
    url: str,
    conditions: dict[str, str],
    limits: Limits,
    turns: Turns,
) -> Download:
    """Asks for an image, again after faults that may pass; never raises for what a server does.

    `conditions` are the headers of a conditional request (RFC 9110, section 13.1).
    """
    for attempt in range(1, _ATTEMPTS + 1):
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
        if answer.result != "failed" or attempt == _ATTEMPTS or pause > patience:
            break
        await asyncio.sleep(pause)
    return answer


async def _follow(
    client: Client,
    url: str,
    conditions: dict[str, str],
    limits: Limits,
    turns: Turns,
) -> Download:
    """Asks, and follows redirects; the time spent waiting for a turn does not count."""
    at, left = httpx.URL(url), min(limits.seconds, limits.until - time.monotonic())
    for _ in range(_MAX_REDIRECTS + 1):
        async with turns(at.host):
            began = time.monotonic()
            async with (
                asyncio.timeout(left),
                client.get(at, conditions) as response,
            ):
                headers = httpx.Headers(response.headers)
                location = headers.get("location")
                if response.status not in _REDIRECTS or location is None:
                    return await _read(response, headers, limits, is_conditional=bool(conditions))
            left -= time.monotonic() - began
        target = _target(at, location)
        if target is None:
            return Download("refused", _NO_URL)
        at = target
    return Download("refused", f"more than {_MAX_REDIRECTS} redirects")


def _target(at: httpx.URL, location: str) -> httpx.URL | None:
    """Returns where a redirect leads, None if that is no URL that may be asked."""
    try:
        target = at.join(location)
        host, name = target.host, target.raw_host  # decoded, which not every name can be
    except (httpx.InvalidURL, ValueError):  # UnicodeError, of IDNA, is one of these
        return None
    is_name = all(0 < len(label) <= _MAX_LABEL for label in name.removesuffix(b".").split(b"."))
    is_port = target.port is None or 0 < target.port <= _MAX_PORT
    is_http = target.scheme in {"http", "https"} and not target.userinfo
    return target if host and is_name and b"%" not in name and is_port and is_http else None


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
        return Download(
            "refused", f"sent with the content coding {coding}, which was not asked for"
        )
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
