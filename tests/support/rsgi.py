"""Requests and connections as granian hands them to the application, without a socket."""

from __future__ import annotations


class FakeHeaders(dict[str, list[str]]):
    """The headers of a request; one without lines had none that are ASCII."""

    def get_all(self, name: str) -> list[str]:
        return self.get(name, [])


class FakeScope:
    """A request; the lines of its headers are given by their names, with underscores."""

    client = "192.0.2.1:999"
    http_version = "1.1"

    def __init__(self, target: str, method: str, headers: dict[str, list[str]]) -> None:
        self.method = method
        self.path, _, self.query_string = target.partition("?")
        named = {name.replace("_", "-"): lines for name, lines in headers.items()}
        self.headers = FakeHeaders({"host": ["a"], **named})


class FakeProtocol:
    """A connection that keeps what it is told to send."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body: bytes | None = None
        self.file = ""
        self.part: tuple[int, ...] | None = None

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.status, self.headers = status, dict(headers)

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, dict(headers), body

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
        self.status, self.headers, self.file = status, dict(headers), file

    def response_file_range(
        self, status: int, headers: list[tuple[str, str]], file: str, *part: int
    ) -> None:
        self.status, self.headers, self.file, self.part = status, dict(headers), file, part
