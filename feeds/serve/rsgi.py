"""Requests and answers as granian hands them over (RSGI), and the rules for the Host header."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from feeds.serve.messages import Answer, Headers, Request, Stream
from feeds.serve.negotiation import is_browser

_LONGEST_HOST = 255
# A name, or an address in brackets, and perhaps a port. RFC 3986, section 3.2.2, allows more
# characters in names, but no real host has them, and a comma would join two lines.
_HOST = re.compile(
    r"(?:(?:[a-z0-9._~-]|%[0-9a-f]{2})+|\[(?P<address>[^\[\]]+)\])(?::\d{0,5})?",
    re.ASCII | re.IGNORECASE,
)
_FUTURE = re.compile(r"v[0-9a-f]+\.[a-z0-9._~!$&'()*+,;=:-]+", re.ASCII | re.IGNORECASE)


class RequestHeaders(Protocol):
    """The headers of a request, by their names in lower case.

    Granian leaves out lines that are not ASCII.
    """

    def __contains__(self, name: str, /) -> bool:
        """Tells whether there is a line of this name, ASCII or not."""

    def get_all(self, name: str, /) -> list[str]:
        """Returns the values of all lines of this name."""


class Scope(Protocol):
    """A request, by RSGI 1.5 (granian's docs/spec/RSGI.md).

    The path is decoded, `client` is the address and port of the peer, and `http_version` says "1"
    for 1.0.
    """

    client: str
    http_version: str
    method: str
    path: str
    query_string: str
    headers: RequestHeaders


class HTTPProtocol(Protocol):
    """The connection that the answer is written to."""

    def response_empty(self, status: int, headers: Headers, /) -> None:
        """Answers without a body."""

    def response_bytes(self, status: int, headers: Headers, body: bytes, /) -> None:
        """Answers with a body."""

    def response_file(self, status: int, headers: Headers, file: str, /) -> None:
        """Answers with a file."""

    def response_file_range(
        self, status: int, headers: Headers, file: str, start: int, end: int, /
    ) -> None:
        """Answers with the bytes of a file from `start` up to, not including, `end`."""


def request_of(scope: Scope) -> Request:
    """Returns a request as the value that its answer depends on."""
    headers = scope.headers
    return Request(
        scope.method,
        scope.path,
        scope.query_string,
        _field(headers, "accept-encoding"),
        _field(headers, "if-match"),
        _field(headers, "if-none-match"),
        _field(headers, "if-modified-since"),
        _field(headers, "if-unmodified-since"),
        _field(headers, "range"),
        _field(headers, "if-range"),
        _field(headers, "a-im"),
        is_browser(_field(headers, "accept")),
        is_valid_host(headers.get_all("host"), scope.http_version),
    )


def _field(headers: RequestHeaders, name: str) -> str | None:
    """Returns all lines of a header, joined; None if it was not sent."""
    return ", ".join(headers.get_all(name)) if name in headers else None


def is_valid_host(hosts: Sequence[str], version: str) -> bool:
    """Tells whether these lines of Host are valid (RFC 9112, section 3.2; RFC 9110, section 7.2).

    HTTP/1.1 must have exactly one; older versions may have none.
    """
    if not hosts:
        return version != "1.1"
    return len(hosts) == 1 and _is_host(hosts[0])


@lru_cache(maxsize=256)
def _is_host(host: str) -> bool:
    match = _HOST.fullmatch(host) if len(host) <= _LONGEST_HOST else None
    if match is None:
        return False
    address = match["address"]
    if address is None or _FUTURE.fullmatch(address):
        return True
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True


def send(answer: Answer, protocol: HTTPProtocol) -> None:
    """Sends an answer that is in memory."""
    if answer.size:
        protocol.response_bytes(answer.status, answer.headers, answer.body)
    else:
        protocol.response_empty(answer.status, answer.headers)


def send_file(stream: Stream, request: Request, protocol: HTTPProtocol) -> None:
    """Sends an answer from the disk."""
    if request.method == "HEAD":
        protocol.response_empty(stream.status, stream.headers)
    elif stream.part is None:
        protocol.response_file(stream.status, stream.headers, stream.file)
    else:
        start, end = stream.part
        protocol.response_file_range(stream.status, stream.headers, stream.file, start, end)
