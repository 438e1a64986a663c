"""Conditional and range requests (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple

_TAG = re.compile(r'\s*(?:W/)?"([^"]*)"\s*(?:,|$)')
_RANGE = re.compile(
    r"bytes\s*=\s*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))\s*", re.ASCII | re.IGNORECASE
)
_ANY = "*"


def listed_tags(header: str) -> list[str]:
    """Returns the entity tags of an If-None-Match header, without quotes and without W/."""
    if header.strip() == _ANY:
        return [_ANY]
    tags, position = [], 0
    while match := _TAG.match(header, position):
        tags.append(match[1])
        position = match.end()
        if position >= len(header):
            break
    return tags


def is_unchanged(none_match: str | None, since: str | None, tag: str, modified: int) -> bool:
    """Tells whether a client has the representation already.

    If-None-Match goes before If-Modified-Since (section 13.1.3), compares weakly (section 13.1.2),
    and ``*`` matches whatever there is. A date that is none counts as not sent.
    """
    if none_match is not None:
        tags = listed_tags(none_match)
        return tag in tags or tags == [_ANY]
    then = parse_http_date(since) if since is not None else None
    return then is not None and modified <= then


@lru_cache(maxsize=1024)
def parse_http_date(text: str) -> int | None:
    """Returns a date in any of HTTP's three forms in seconds since 1970, None where it is none."""
    try:
        time = parsedate_to_datetime(text)
        return int(time.replace(tzinfo=time.tzinfo or UTC).timestamp())
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


@lru_cache(maxsize=1024)
def http_date(seconds: int) -> str:
    """Returns a time as HTTP writes it."""
    return formatdate(seconds, usegmt=True)


class Part(NamedTuple):
    """The bytes from `start` up to, not including, `end`."""

    start: int
    end: int


def part_of(header: str | None, size: int) -> Part | None:
    """Returns what part of so many bytes is asked for; None: all of it.

    Several ranges, other units and nonsense count as not sent, as section 14.2 allows.

    Raises:
        ValueError: there are no such bytes.
    """
    match = _RANGE.fullmatch(header) if header is not None else None
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        start, end = max(0, size - int(suffix)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    if start >= size or start >= end:
        raise ValueError("no such bytes")
    return Part(start, end)


def still_holds(if_range: str | None, tag: str, modified: int) -> bool:
    """Tells whether a part may be sent: If-Range names the present state, strongly (13.1.5)."""
    if if_range is None:
        return True
    text = if_range.strip()
    if text.startswith(('"', "W/")):
        return text == f'"{tag}"'
    return parse_http_date(text) == modified
