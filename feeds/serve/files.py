"""Files that are streamed from the disk: images, whole or in parts."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from feeds.common.files import Fingerprint
from feeds.common.media_types import kind_of
from feeds.common.times import http_date
from feeds.serve.conditions import (
    FAILED,
    UNCHANGED,
    Part,
    part_of,
    status_of,
    still_holds,
)
from feeds.serve.messages import NOT_FOUND, PRECONDITION_FAILED, Answer, Headers, Request, plain
from feeds.serve.responses import cache_control, shared_headers

_NANOSECONDS = 1_000_000_000


class Stream(NamedTuple):
    """An answer whose body is a file, or a part of one."""

    status: int
    headers: Headers
    file: str
    size: int
    part: Part | None


def answer_media(out: Path, path: str, request: Request, max_age: int) -> Answer | Stream:
    """Returns the answer to a GET or HEAD for a file; ranges are for GET (RFC 9110, section 14.2).

    The entity tag is made of what changes whenever the file is replaced: size, mtime and inode.
    """
    stamp = Fingerprint.of(f"{out}/{path}")
    if stamp is None or (out / path).is_symlink():
        return NOT_FOUND
    tag, modified = "-".join(f"{one:x}" for one in stamp), stamp.mtime_ns // _NANOSECONDS
    headers = [
        ("etag", f'"{tag}"'),
        ("last-modified", http_date(modified)),
        ("cache-control", cache_control(path, max_age)),
        ("accept-ranges", "bytes"),
        *shared_headers(kind_of(path), path),
    ]
    condition = status_of(request, tag, modified)
    if condition == FAILED:
        return PRECONDITION_FAILED
    if condition == UNCHANGED:
        return Answer(304, headers, b"", form="media")
    wanted = request.method == "GET" and still_holds(request.if_range, tag, modified)
    try:
        part = part_of(request.range, stamp.size) if wanted else None
    except ValueError:
        return plain(416, "There are no such bytes.", ("content-range", f"bytes */{stamp.size}"))
    headers.append(("content-type", kind_of(path).media_type))
    size, status = stamp.size, 200
    if part is not None:
        size, status = part.end - part.start, 206
        headers.append(("content-range", f"bytes {part.start}-{part.end - 1}/{stamp.size}"))
    headers.append(("content-length", str(size)))
    return Stream(status, headers, str(out / path), size, part)
