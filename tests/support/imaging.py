"""Images made by the tests, and a real server that sends them, in good ways and in bad ones."""

from __future__ import annotations

import gzip
import io
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, Self

from PIL import Image

from feeds.common.media import CachedImage
from feeds.common.reports import NO_CALLBACKS, Callbacks, FetchReport
from feeds.pipeline.fetch import FetchOptions, fetch_images
from feeds.store import open_state
from tests.support.site import NOW, Site

FORMATS = {
    "jpg": ("JPEG", "image/jpeg"),
    "png": ("PNG", "image/png"),
    "gif": ("GIF", "image/gif"),
    "webp": ("WEBP", "image/webp"),
    "avif": ("AVIF", "image/avif"),
}
# What must not be found in anything that is published, wherever a camera or an editor put it.
HIDDEN = "51.5007N 0.1246W"


def picture(extension: str = "jpg", size: tuple[int, int] = (64, 48), **saving: Any) -> bytes:
    """Returns an image of a format, with something to see in it."""
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    image.paste((200, 30, 30), (0, 0, size[0] // 2, size[1] // 3))
    return encoded(image, extension, **saving)


def encoded(image: Image.Image, extension: str, **saving: Any) -> bytes:
    """Returns an image as a file of a format."""
    out = io.BytesIO()
    image.save(out, FORMATS[extension][0], **saving)
    return out.getvalue()


def exif(orientation: int = 1) -> bytes:
    """Returns Exif that says where the picture was taken."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010E] = HIDDEN  # ImageDescription
    place = tags.get_ifd(0x8825)
    place[1], place[2] = "N", (51.0, 30.0, 2.5)
    place[3], place[4] = "W", (0.0, 7.0, 28.6)
    return tags.tobytes()


class Request:
    """A request that a server got, and the connection to answer on."""

    def __init__(self, connection: socket.socket, head: bytes) -> None:
        self.connection = connection
        first, *lines = head.decode("latin-1").split("\r\n")
        self.path = first.split()[1]
        pairs = (line.partition(":") for line in lines if line)
        self.headers = {name.lower(): value.strip() for name, _, value in pairs}

    def send(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.connection.sendall(data)

    def answer(self, status: str = "200 OK", body: bytes = b"", **headers: str) -> None:
        """Sends an answer, with the right length unless another is given."""
        fields = {"Content_Length": str(len(body)), "Connection": "close"} | headers
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items() if value]
        self.send("\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1") + body)

    def reset(self) -> None:
        """Breaks the connection off, as a crashed server does (RFC 9293, section 3.5.2)."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


Behaviour = Callable[[Request], None]


class _Handler(socketserver.BaseRequestHandler):
    server: Server

    def handle(self) -> None:
        head = b""
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):
            while b"\r\n\r\n" not in head:
                part = self.request.recv(65536)
                if not part:
                    return
                head += part
            request = Request(self.request, head)
            self.server.requests.append(request)
            self.server.behaviours.get(request.path, _unknown)(request)


def _unknown(request: Request) -> None:
    request.answer("404 Not Found", b"nothing here")


class Server(socketserver.ThreadingTCPServer):
    """A server on a free port of loopback; `behaviours` say what it does, by path."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviours: dict[str, Behaviour] = {}
        self.requests: list[Request] = []
        self.stopping = threading.Event()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def url(self, path: str) -> str:
        """Returns the URL of a path on it."""
        return f"http://127.0.0.1:{self.port}{path}"

    def serve(self, path: str, body: bytes, **headers: str) -> str:
        """Has a path answer with a body; returns its URL."""
        return self.behave(path, lambda request: request.answer(body=body, **headers))

    def behave(self, path: str, behaviour: Behaviour) -> str:
        """Has a path do something; returns its URL."""
        self.behaviours[path] = behaviour
        return self.url(path)

    def redirect(self, path: str, location: str, status: str = "302 Found") -> str:
        """Has a path point elsewhere; returns its URL."""
        return self.behave(path, lambda request: request.answer(status, Location=location))

    def asked(self, path: str) -> list[dict[str, str]]:
        """Returns the headers of all requests for a path."""
        return [request.headers for request in self.requests if request.path == path]

    def handle_error(self, *_: object) -> None:
        """Clients go whenever they like."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()

    # Bad manners

    def drip(self, path: str) -> str:
        """Sends a byte now and then, for ever."""

        def behave(request: Request) -> None:
            request.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n")
            while not self.stopping.wait(0.05):
                request.send(b"\xff")

        return self.behave(path, behave)

    def flood(self, path: str) -> str:
        """Sends without end."""

        def behave(request: Request) -> None:
            request.send(b"HTTP/1.1 200 OK\r\n\r\n" + picture())
            while not self.stopping.is_set():
                request.send(b"\0" * 65536)

        return self.behave(path, behave)

    def bomb(self, path: str) -> str:
        """Sends 64 MiB of nothing as 64 KiB of gzip."""
        body = gzip.compress(picture() + b"\0" * (64 << 20), compresslevel=9)
        return self.serve(path, body, Content_Encoding="gzip")

    def break_off(self, path: str) -> str:
        """Sends half of an image, then breaks the connection."""

        def behave(request: Request) -> None:
            data = picture()
            request.send(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(data)
            )
            request.send(data[: len(data) // 2])
            time.sleep(0.02)
            request.reset()

        return self.behave(path, behave)


@contextmanager
def serving() -> Iterator[Server]:
    """Gives a running server."""
    with Server() as server:
        yield server


def configure(site: Site, toml: str = "", *, images: str = "") -> None:
    """Configures a site that may fetch from loopback."""
    site.configure(f'[images]\nallow_hosts = ["127.0.0.1"]\n{images}\n{toml}')


def seed_with(site: Site, number: int, *urls: str, cached: bool = True, **fields: Any) -> None:
    """Writes a seed that names these images."""
    images = [{"url": url, "isCached": cached, "width": 1, "height": 2} for url in urls]
    site.seed(f"{number}.txt", number=number, images=images, **fields)


QUICK = FetchOptions(pause=0.01, wait=0)


def fetch(
    site: Site,
    now: datetime = NOW,
    options: FetchOptions = QUICK,
    callbacks: Callbacks = NO_CALLBACKS,
) -> FetchReport:
    """Fetches what is due at the time `now`."""
    return fetch_images(site.load(), options, callbacks, lambda: now)


def known_images(site: Site) -> dict[str, CachedImage]:
    """Returns what the store knows of each image, by its URL."""
    with open_state(site.state, "serve") as store:
        assert store is not None
        return {image.url: image for image in store.images()}
