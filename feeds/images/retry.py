"""What is known of an image after it was asked for, and when to ask again; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from feeds.common.image_types import CachedImage
from feeds.images.names import copy_name

if TYPE_CHECKING:
    from feeds.images.batch import FetchResult, NewCopy
    from feeds.images.download import Download

_DAY = 86_400
# What may pass soon is asked for again soon, at first.
_SOON_SECONDS = 600


def apply_result(
    image: CachedImage, brought: FetchResult, refresh: int, form: str, now: int
) -> CachedImage:
    """Returns an image as it is known now; `refresh` is in seconds, `form` that of new copies.

    A copy that there is stays whatever happens to the original: that is what it is for.
    """
    answer = brought.answer
    if answer is None:
        return image
    if answer.result == "same":
        return msgspec.structs.replace(image, fetched=now, due=now + refresh, failures=0, reason="")
    if brought.copy:
        return _with_copy(image, brought.copy, answer, refresh, form, now)
    failures = image.failures + 1
    longest, first = (_DAY, _SOON_SECONDS) if answer.result == "failed" else (refresh, _DAY)
    pause = min(first * 2 ** min(failures - 1, 20), longest)
    is_none = answer.result == "missing" or bool(brought.fault)
    return msgspec.structs.replace(
        image,
        missing=not image.name and (is_none or image.missing),
        due=now + max(pause, int(answer.wait)),
        failures=failures,
        reason=brought.fault or answer.reason,
    )


def _with_copy(
    image: CachedImage, copy: NewCopy, answer: Download, refresh: int, form: str, now: int
) -> CachedImage:
    return CachedImage(
        key=image.key,
        url=image.url,
        host=image.host,
        name=copy_name(image.key, copy.prepared.type),
        type=copy.prepared.type,
        length=copy.length,
        width=copy.prepared.width,
        height=copy.prepared.height,
        digest=copy.digest,
        mtime_ns=copy.file.mtime_ns,
        form=form,
        etag=answer.etag,
        modified=answer.modified,
        fetched=now,
        due=now + refresh,
    )
