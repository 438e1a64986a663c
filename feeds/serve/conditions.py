"""Conditional and range requests (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from typing import NamedTuple

from feeds.common.callbacks import utc_now
from feeds.common.times import parse_http_date, to_unix
from feeds.serve.messages import Request

# One member of a list of entity tags, with empty members before it (RFC 9110, section 5.6.1.2).
_TAG = re.compile(r'[\s,]*(W/)?"([^"]*)"\s*(?=,|$)')
_RANGE = re.compile(
    r"bytes\s*=[\s,]*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))[\s,]*", re.ASCII | re.IGNORECASE
)
UNCHANGED = 304
FAILED = 412


def listed_tags(header: str, *, strong: bool = False) -> list[str]:
    """Returns the entity tags of a list, without quotes and W/; `strong` leaves weak ones out.

    What follows a member that is no entity tag is not read.
    """
    tags, position = [], 0
    while match := _TAG.match(header, position):
        if not (strong and match[1]):
            tags.append(match[2])
        position = match.end()
    return tags


def status_of(request: Request, tag: str, modified: int | None) -> int:
    """Returns what the conditions of a GET or HEAD come to: 200, 304 or 412.

    In the order of RFC 9110, section 13.2.2: If-Match goes before If-Unmodified-Since, these before
    If-None-Match, and that before If-Modified-Since. If-Match compares strongly (13.1.1),
    If-None-Match weakly (13.1.2), and ``*`` matches whatever there is. `modified` is in seconds
    since 1970; without it, as with a date that is none, conditions with dates count as not sent.
    """
    if request.match is not None:
        if not _names(request.match, tag, strong=True):
            return FAILED
    elif _is_newer(modified, request.unmodified_since) is True:
        return FAILED
    if request.none_match is not None:
        return UNCHANGED if _names(request.none_match, tag) else 200
    return UNCHANGED if _is_newer(modified, request.since) is False else 200


def _names(header: str, tag: str, *, strong: bool = False) -> bool:
    return header.strip(" \t,") == "*" or tag in listed_tags(header, strong=strong)


def _is_newer(modified: int | None, date: str | None) -> bool | None:
    """Tells whether something was modified after a date; None where that cannot be said."""
    then = _one_date(date)
    return None if then is None or modified is None else modified > then


def _one_date(text: str | None) -> int | None:
    """Returns a date; None where there is none, or several (RFC 9110, section 13.1.3)."""
    date = None if text is None else parse_http_date(text, utc_now())
    return None if date is None else to_unix(date)


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
    return _one_date(text) == modified
