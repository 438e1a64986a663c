"""What granian gives us of a request, and takes of an answer (RSGI)."""

from __future__ import annotations

from typing import Protocol

from feeds.serve.files import Stream
from feeds.serve.hosts import is_valid
from feeds.serve.messages import Answer, Headers, Request
from feeds.serve.negotiation import is_browser


class RequestHeaders(Protocol):
    """The headers of a request, by their names in lower case.

    Granian leaves out lines with other signs than those of ASCII.
    """

    def __contains__(self, name: str, /) -> bool:
        """Tells whether there is a line of this name, of whatever signs."""

    def get_all(self, name: str, /) -> list[str]:
        """Returns all of this name."""


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
    """Where the answer goes."""

    def response_empty(self, status: int, headers: Headers, /) -> None:
        """Answers without a body."""

    def response_bytes(self, status: int, headers: Headers, body: bytes, /) -> None:
        """Answers with a body."""

    def response_file(self, status: int, headers: Headers, file: str, /) -> None:
        """Answers with a file."""

    def response_file_range(
        self, status: int, headers: Headers, file: str, start: int, end: int, /
    ) -> None:
        """Answers with a part of a file."""


def request_of(scope: Scope) -> Request:
    """Returns what of a request decides its answer."""
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
        is_valid(headers.get_all("host"), scope.http_version),
    )


def _field(headers: RequestHeaders, name: str) -> str | None:
    """Returns all lines of a header, joined; None where it was not sent."""
    return ", ".join(headers.get_all(name)) if name in headers else None


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
