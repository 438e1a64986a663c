"""When to ask for an image again, and its host: what is kept of both after a request."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from feeds.common.media import CachedImage, HostFailure
from feeds.images.cache import NewCopy, copy_name

# Within a fetch an image is asked for so often, with a pause that begins with so many seconds.
ATTEMPTS, FIRST_PAUSE_S = 3, 1.0
_DAY = 86_400
# After a fault that may pass soon, the first pause is short.
_SOON_SECONDS = 600
# A host is left alone after so many failures in a row.
_TOO_MANY = 3
# "failed" may go better another time, and the fault is the host's; "refused" is about this image.
Result = Literal["fetched", "same", "missing", "refused", "failed"]


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


class FetchResult(NamedTuple):
    """The result of asking for an image: an answer, and a copy if it was fetched.

    `fault` says why the answer was no image that can be published. Without an `answer` its host is
    left alone.
    """

    image: CachedImage
    answer: Download | None
    copy: NewCopy | None = None
    fault: str = ""


class FetchSettings(NamedTuple):
    """After how long copies are asked for again, how new ones are made, and when it is now."""

    refresh_s: int
    copies: str
    now_unix: int


def apply_result(result: FetchResult, settings: FetchSettings) -> CachedImage:
    """Returns what is known of an image after a fetch.

    An existing copy stays whatever happens to the original: that is what it is for.
    """
    image, answer = result.image, result.answer
    refresh, now = settings.refresh_s, settings.now_unix
    if answer is None:
        return image
    if answer.result == "same":
        return msgspec.structs.replace(image, fetched=now, due=now + refresh, failures=0, reason="")
    if result.copy:
        image = with_copy(image, result.copy, settings.copies)
        seen = {"etag": answer.etag, "modified": answer.modified, "fetched": now}
        return msgspec.structs.replace(image, due=now + refresh, **seen)
    failures = image.failures + 1
    longest, first = (_DAY, _SOON_SECONDS) if answer.result == "failed" else (refresh, _DAY)
    pause = min(first * 2 ** min(failures - 1, 20), longest)
    is_none = answer.result == "missing" or bool(result.fault)
    return msgspec.structs.replace(
        image,
        missing=not image.name and (is_none or image.missing),
        due=now + max(pause, int(answer.wait)),
        failures=failures,
        reason=result.fault or answer.reason,
    )


def with_copy(image: CachedImage, copy: NewCopy, settings: str) -> CachedImage:
    """Returns what is known of an image that has a new copy."""
    facts = copy._asdict()
    del facts["file"]
    now = {"name": copy_name(image.key, copy.type), "form": settings, "missing": False}
    return msgspec.structs.replace(image, **facts, **now, failures=0, reason="")


class Hosts:
    """Remembers failures by host; `now` is the time of the fetch, in seconds since 1970."""

    def __init__(self, known: Mapping[str, HostFailure], now: int) -> None:
        self._now = now
        self.failures = dict(known)

    def left_alone(self, host: str) -> HostFailure | None:
        """Returns the failure of a host that is not to be asked now."""
        known = self.failures.get(host)
        return known if known and known.until > self._now else None

    def note(self, host: str, answer: Download) -> None:
        """Notes the result of asking a host."""
        if answer.result != "failed":
            self.failures.pop(host, None)
            return
        known = self.failures.get(host)
        count = known.failures + 1 if known else 1
        doubled = min(_SOON_SECONDS * 2 ** max(count - _TOO_MANY, 0), _DAY)
        wait = doubled if count >= _TOO_MANY else 0
        until = self._now + max(wait, int(answer.wait))
        self.failures[host] = HostFailure(host, count, until, answer.reason)
