"""An S3-compatible server in this process (moto's), which can be made to fail as servers do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from tests.support.buckets import BUCKET, make_bucket, use_server
from tests.support.ports import HOST, free_port
from tests.support.processes import PATIENCE

# What a request by this method, path and query is answered with instead of the truth: a status, CUT
# for half of the answer, or LOST for a status that says to try again after all was done.
Fault = Callable[[str, str, str], str | None]
SLOW_DOWN, FORBIDDEN, CUT, LOST = "503 Slow Down", "403 Forbidden", "cut", "lost"
# Or its conditions are not read.
CARELESS = "careless"
# moto looks at no signature, but asks for one.
_SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test-key/20260301/us-east-1/s3/aws4_request"
}

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class Buckets:
    """The server with one bucket; `fault` is asked about each request, and `asked` has them all."""

    def __init__(self, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self.asked: list[tuple[str, str, str]] = []
        self.fault: Fault = lambda *_: None
        self._client = httpx.Client(headers=_SIGNED, timeout=PATIENCE)
        self._moto = DomainDispatcherApplication(create_backend_app)

    def clear(self, page: int = 1000) -> None:
        """Makes the bucket anew and the server a good one, whose lists come in such pages."""
        self.fault, self._page = lambda *_: None, page
        make_bucket(self.url)
        self.asked.clear()

    def put(self, key: str, data: str | bytes) -> str:
        """Puts an object; returns its address."""
        content = data if isinstance(data, bytes) else data.encode()
        self._client.put(self._url_of(key), content=content).raise_for_status()
        return f"s3://{BUCKET}/{key}"

    def delete(self, key: str) -> None:
        """Deletes an object."""
        self._client.delete(self._url_of(key)).raise_for_status()

    def reads(self) -> list[str]:
        """Returns the keys that were read since this was asked last."""
        prefix = f"/{BUCKET}/"
        found = [
            path for method, path, _ in self.asked if method == "GET" and len(path) > len(prefix)
        ]
        self.asked.clear()
        return sorted(path.removeprefix(prefix) for path in found)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answers a request (WSGI)."""
        method, path, query = (
            environ[name] for name in ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING")
        )
        if "moto-api" in path:
            return self._answer(environ, start_response)
        path, query = path.encode("latin-1").decode(), unquote(query)
        self.asked.append((method, path, query))
        fault = self.fault(method, path, query)
        if fault == CARELESS:
            for name in ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"):
                environ.pop(name, None)
            fault = None
        if fault == LOST:
            b"".join(self._answer(environ, lambda *_: None))
            fault = SLOW_DOWN
        if fault and fault != CUT:
            start_response(fault, [("Content-Type", "application/xml")])
            return [f"<Error><Code>{fault[4:].replace(' ', '')}</Code></Error>".encode()]
        if "list-type=2" in query:
            environ["QUERY_STRING"] += f"&max-keys={self._page}"
        answer = self._answer(environ, start_response)
        return _half_of(answer) if fault else answer

    def _answer(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return self._moto(environ, start_response)  # type: ignore[no-any-return]

    def _url_of(self, key: str) -> str:
        return f"{self.url}/{BUCKET}/{quote(key)}"


def _half_of(answer: Iterable[bytes]) -> Iterator[bytes]:
    data = b"".join(answer)
    yield data[: len(data) // 2]
    raise ConnectionResetError


@contextmanager
def serving_buckets(patch: pytest.MonkeyPatch) -> Iterator[Buckets]:
    """Runs the server, and has this process and its workers find it by their environment."""
    port = free_port()
    buckets = Buckets(port)
    server = make_server(HOST, port, buckets, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    use_server(patch, buckets.url)
    try:
        yield buckets
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
