"""Reads requests: their host, and what they accept, on which conditions, and how much of it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

from granian.rsgi import Scope

from feeds.common.reports import utc_now
from feeds.common.times import parse_http_date, to_unix
from feeds.serve.messages import IDENTITY, Request

# The headers that an answer depends on, in the order of the fields of `Request`.
_HEADERS = (
    *("accept-encoding", "if-match", "if-none-match", "if-modified-since"),
    *("if-unmodified-since", "range", "if-range", "a-im"),
)
_LONGEST_HOST = 255
# A name, or an address in brackets, and perhaps a port. RFC 3986, section 3.2.2, allows more
# characters in names, but no real host has them, and a comma would join two lines.
_HOST = re.compile(
    r"(?:(?:[a-z0-9._~-]|%[0-9a-f]{2})+"
    r"|\[(?:v[0-9a-f]+\.[a-z0-9._~!$&'()*+,;=:-]+|(?P<address>[^\[\]]+))\])(?::\d{0,5})?",
    re.ASCII | re.IGNORECASE,
)

# The best first: of those that a client likes equally it gets the smallest.
_COMPRESSED = ("br", "zstd", "gzip")
CODINGS = (*_COMPRESSED, IDENTITY)
_ALIASES = {"x-gzip": "gzip", "identity": IDENTITY}
# The weight in a member of a list (section 12.4.2).
_WEIGHT = re.compile(r"q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE | re.ASCII)
_FEED_TYPES = {"application/atom+xml", "application/rss+xml"}

# One member of a list of entity tags, with empty members before it (section 5.6.1.2).
_TAG = re.compile(r'[\s,]*(W/)?"([^"]*)"\s*(?=,|$)')
_RANGE = re.compile(
    r"bytes\s*=[\s,]*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))[\s,]*", re.ASCII | re.IGNORECASE
)


def request_of(scope: Scope) -> Request:
    """Returns a request as the value that its answer depends on."""
    known = scope.headers
    fields = [", ".join(header_lines(scope, name)) if name in known else None for name in _HEADERS]
    browser = is_browser(", ".join(header_lines(scope, "accept")))
    host = is_valid_host(header_lines(scope, "host"), scope.http_version)
    return Request._make((scope.method, scope.path, scope.query_string, *fields, browser, host))


def header_lines(scope: Scope, name: str) -> list[str]:
    """Returns all lines of a header; granian leaves out those that are not ASCII."""
    lines: list[str] = scope.headers.get_all(name)  # type: ignore[attr-defined]  # not in its stub
    return lines


def is_valid_host(hosts: Sequence[str], version: str) -> bool:
    """Tells whether these lines of Host are valid (RFC 9112, section 3.2; RFC 9110, section 7.2).

    HTTP/1.1 must have exactly one; older versions, of which 1.0 is called "1", may have none.
    """
    if not hosts:
        return version != "1.1"
    return len(hosts) == 1 and _is_host(hosts[0])


@lru_cache(maxsize=256)
def _is_host(host: str) -> bool:
    if len(host) <= _LONGEST_HOST and (match := _HOST.fullmatch(host)):
        with suppress(ValueError):
            ipaddress.IPv6Address(match["address"] or "::")
            return True
    return False


def weighted(header: str) -> list[tuple[str, float]]:
    """Returns the members of a list with their weights, in lower case; a bad weight counts as 0."""
    found = []
    for member in header.lower().split(","):
        name, *parameters = map(str.strip, member.split(";"))
        weight = next((one for one in parameters if one.startswith("q")), "q=1")
        match = _WEIGHT.fullmatch(weight)
        if name:
            found.append((name, float(match[1]) if match else 0.0))
    return found


@lru_cache(maxsize=1024)
def choose_coding(accept_encoding: str | None) -> str | None:
    """Returns the content coding for a client (section 12.5.3), None if it accepts none of ours.

    A client that sends no header accepts everything, and gets what every client understands.
    """
    if accept_encoding is None:
        return IDENTITY
    weights = {_ALIASES.get(name, name): weight for name, weight in weighted(accept_encoding)}
    others = weights.get("*")
    wanted = {name: weights.get(name, others or 0.0) for name in _COMPRESSED}
    # Identity is acceptable unless the header excludes it, but any coding that is named goes first.
    wanted[IDENTITY] = weights.get(IDENTITY, 0.0001 if others is None else min(others, 0.0001))
    best = max(wanted.values())
    return next(name for name in CODINGS if wanted[name] == best) if best > 0 else None


@lru_cache(maxsize=1024)
def is_browser(accept: str | None) -> bool:
    """Tells whether an Accept header names web pages but no feed format, as browsers' do."""
    names = {name for name, weight in weighted(accept or "") if weight > 0}
    return "text/html" in names and names.isdisjoint(_FEED_TYPES)


def accepts_deltas(a_im: str | None) -> bool:
    """Tells whether an A-IM header asks for deltas of feeds (RFC 3229, section 10.5.3)."""
    return any(name == "feed" and weight > 0 for name, weight in weighted(a_im or ""))


def listed_tags(header: str, *, strong: bool = False) -> list[str]:
    """Returns the entity tags of a list, without quotes and W/, up to what is no entity tag.

    `strong` leaves weak tags out.
    """
    tags, position = [], 0
    while match := _TAG.match(header, position):
        if not (strong and match[1]):
            tags.append(match[2])
        position = match.end()
    return tags


def condition_status(request: Request, tag: str, modified_unix: int | None) -> int:
    """Evaluates the conditions of a GET or HEAD; returns 200, 304 or 412.

    The order is that of section 13.2.2. If-Match compares strongly (13.1.1), If-None-Match weakly
    (13.1.2), and ``*`` matches everything. A condition with a date is ignored if either time is
    unknown: `modified_unix` is None for an answer without Last-Modified. `tag` has no quotes.
    """
    if request.match is not None:
        if not _matches(request.match, tag, strong=True):
            return 412
    elif _is_newer(modified_unix, request.unmodified_since) is True:
        return 412
    if request.none_match is not None:
        return 304 if _matches(request.none_match, tag) else 200
    return 304 if _is_newer(modified_unix, request.since) is False else 200


def _matches(header: str, tag: str, *, strong: bool = False) -> bool:
    return header.strip(" \t,") == "*" or tag in listed_tags(header, strong=strong)


def _is_newer(modified_unix: int | None, date: str | None) -> bool | None:
    """Tells whether something was modified after a date; None if either is unknown."""
    then = _single_date(date)
    return None if then is None or modified_unix is None else modified_unix > then


def _single_date(text: str | None) -> int | None:
    """Returns a date in Unix seconds; None for no date or several (section 13.1.3)."""
    date = None if text is None else parse_http_date(text, utc_now())
    return None if date is None else to_unix(date)


def byte_range(header: str | None, size: int) -> range | None:
    """Returns the bytes that a Range header asks for, None for the whole file.

    Several ranges, other units and malformed headers are ignored, as section 14.2 allows.

    Raises:
        ValueError: the range is outside of the `size` bytes.
    """
    match = _RANGE.fullmatch(header) if header is not None else None
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix:
        found = range(max(0, size - int(suffix)), size)
    elif last and int(last) < int(first):
        return None
    else:
        found = range(size)[int(first) : int(last) + 1 if last else size]
    if not found:
        raise ValueError("no such bytes")
    return found


def allows_range(if_range: str | None, tag: str, modified_unix: int) -> bool:
    """Tells whether If-Range, if sent, names the file's present version (section 13.1.5).

    Entity tags compare strongly, and dates must be equal.
    """
    if if_range is None:
        return True
    text = if_range.strip()
    if text.startswith(('"', "W/")):
        return text == f'"{tag}"'
    return _single_date(text) == modified_unix
