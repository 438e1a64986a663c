"""What granian gives us of a request, and takes of an answer (RSGI)."""

from __future__ import annotations

from typing import Protocol

from feeds.serve.answers import Answer, Headers, Request
from feeds.serve.media import Stream


class RequestHeaders(Protocol):
    """The headers of a request, by their names in lower case."""

    def get(self, name: str, /) -> str | None:
        """Returns the first of this name."""

    def get_all(self, name: str, /) -> list[str]:
        """Returns all of this name."""


class Scope(Protocol):
    """A request, by RSGI 1.5 (granian's docs/spec/RSGI.md); the path is decoded."""

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
