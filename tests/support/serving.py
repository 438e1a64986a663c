"""A real ``feeds serve`` on a site, and requests to it over real sockets."""

from __future__ import annotations

import gzip
import http.client
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

import brotli
import msgspec
import zstandard

from feeds.publish.manifest import MANIFEST, read_manifest
from tests.support.ports import HOST, free_port
from tests.support.processes import PATIENCE, wait_until
from tests.support.site import Site

FEEDS = ("-m", "feeds")
# What Chromium, Firefox and Safari ask for, in this order, when somebody opens an address.
BROWSERS = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "TEXT/HTML",
)
# Of newsboat, of feedparser, of readers that fall back on pages, and of those that do not care.
READERS = (
    None,
    "*/*",
    "application/atom+xml,application/rss+xml,*/*;q=0.1",
    "application/atom+xml,application/rdf+xml,application/rss+xml,text/html;q=0.1,*/*;q=0.1",
    "text/html, Application/RSS+xml;q=0.9",
    "application/xml, text/xml",
    "text/plain",
)
_DECODE: dict[str | None, Callable[[bytes], bytes]] = {
    None: lambda data: data,
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompress(data),
}


def settle(site: Site) -> None:
    """Waits until the second is over in which something in out/ was published last.

    Until then answers have no Last-Modified, and none is kept ready.
    """
    newest = max(int(path.stat().st_mtime) for path in site.out.rglob("*"))
    wait_until(lambda: int(time.time()) > newest)


class Got(NamedTuple):
    """An answer; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> bytes:
        """The body, decoded."""
        return _DECODE[self.headers.get("content-encoding")](self.raw)

    @property
    def tag(self) -> str:
        """The entity tag, as it was sent."""
        return self.headers["etag"]


class Server:
    """``feeds serve`` on a site, as a process of its own."""

    def __init__(self, site: Site, *arguments: str, program: Sequence[str] = FEEDS) -> None:
        self.port = free_port()
        self._log = site.root / f"server-{self.port}.log"
        config = ["--config", str(site.root / "config.toml"), "--port", str(self.port)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, "serve", *config, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def log(self) -> str:
        """Returns what the server wrote."""
        return self._log.read_text(encoding="utf-8")

    def wait(self) -> Self:
        """Waits until the server answers."""
        wait_until(lambda: self._answers() or self.process.poll() is not None)
        assert self.process.poll() is None, self.log()
        return self

    def _answers(self) -> bool:
        try:
            socket.create_connection((HOST, self.port), timeout=PATIENCE).close()
        except OSError:
            return False
        return True

    def get(self, path: str, method: str = "GET", **headers: str) -> Got:
        """Sends a request; ``_`` in the names of headers stands for ``-``."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE)
        try:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in names.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Got(answer.status, found, answer.read())
        finally:
            connection.close()

    def send(self, request: bytes, seconds: float = PATIENCE) -> bytes:
        """Sends bytes, and returns all that comes until the server closes."""
        with socket.create_connection((HOST, self.port), timeout=seconds) as connection:
            with suppress(OSError):  # the server may have seen enough
                connection.sendall(request)
            return read_all(connection)

    def wait_for_change(self, path: str, tag: str, seconds: float = PATIENCE) -> Got:
        """Waits until a document has another entity tag, and returns it."""
        wait_until(lambda: self.get(path).headers.get("etag") != tag, seconds)
        return self.get(path)

    def stop(self) -> int:
        """Stops the server and returns its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def __enter__(self) -> Self:
        return self.wait()

    def __exit__(self, *_: object) -> None:
        # In peace, so that what its processes measured is kept; a test may have stopped it, too.
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def read_all(connection: socket.socket) -> bytes:
    """Returns all that comes until the other side closes."""
    parts = []
    with suppress(OSError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def status_of(answer: bytes) -> int:
    """Returns the status of a raw answer, 0 where there was none."""
    words = answer.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and answer.startswith(b"HTTP/1.") else 0


def eventually_gone(process: subprocess.Popen[bytes], seconds: float = 2 * PATIENCE) -> float:
    """Waits until a process has ended; returns how long that took."""
    began = time.monotonic()
    process.wait(seconds)
    return time.monotonic() - began


def as_served(data: bytes) -> bytes:
    """Returns a document of out/ as it is served: pages with what leads to searches."""
    link = b'><a href="query">Make a feed of your own</a> '
    text = b' data-query-text="Make a feed of your own" data-query>'
    menu = rb' hidden data-query-to="([^"]*)" data-query-text="Search" data-query>'
    data = re.sub(menu, rb'><a href="\1">Search</a> ', data.replace(text, link))
    return data.replace(b" hidden data-query>", b">")


def add_to_manifest(out: Path, *paths: str) -> None:
    """Makes files ours that other parts of the program write."""
    manifest = read_manifest(out)
    files = tuple(sorted({*manifest.files, *paths}))
    (out / MANIFEST).write_bytes(msgspec.structs.replace(manifest, files=files).encode())
