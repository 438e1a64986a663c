"""The smallest applications under granian that answer what `feeds serve` answers, for one document.

Run as ``python serve_bare.py DOCUMENT PORT rsgi|asgi``.
"""

import gzip
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

BODY = gzip.compress(Path(sys.argv[1]).read_bytes(), 9)
SAME = [
    ("etag", '"0123456789abcdef01234567-gzip"'),
    ("last-modified", "Sat, 21 Nov 2026 04:14:12 GMT"),
    ("cache-control", "public, max-age=900"),
    ("x-content-type-options", "nosniff"),
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "ETag, IM, Link"),
    ("link", '<https://feeds.example.org/all.atom>; rel="self"'),
    ("vary", "Accept-Encoding"),
]
WHOLE = [
    *SAME,
    ("content-type", "application/atom+xml; charset=utf-8"),
    ("content-encoding", "gzip"),
]
SAME_BYTES = [(name.encode(), value.encode()) for name, value in SAME]
WHOLE_BYTES = [(name.encode(), value.encode()) for name, value in WHOLE]


async def rsgi(scope: Any, protocol: Any) -> None:
    """Answers by RSGI."""
    if scope.headers.get("if-none-match"):
        protocol.response_empty(304, SAME)
    else:
        protocol.response_bytes(200, WHOLE, BODY)


async def asgi(
    scope: dict[str, Any], _: object, send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    """Answers by ASGI."""
    if any(name == b"if-none-match" for name, _ in scope["headers"]):
        await send({"type": "http.response.start", "status": 304, "headers": SAME_BYTES})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": WHOLE_BYTES})
        await send({"type": "http.response.body", "body": BODY})


async def main() -> None:
    """Serve until killed."""
    application, interface = {
        "rsgi": (rsgi, Interfaces.RSGI),
        "asgi": (asgi, Interfaces.ASGINL),
    }[sys.argv[3]]
    server = Server(
        application,
        port=int(sys.argv[2]),
        interface=interface,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
    )
    await server.serve()


if __name__ == "__main__":
    uvloop.run(main())
