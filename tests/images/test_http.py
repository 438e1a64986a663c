"""TLS, HTTP/2 and the environment, as the client that fetches images takes them."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import socketserver
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest
import trustme

from feeds.images.download import Limits, download
from feeds.images.http import Client, Guard
from feeds.images.retry import Download
from tests.support.imaging import Request, picture, serving

DATA = picture()
NAME = "images.example.com"


class SecureServer(socketserver.ThreadingTCPServer):
    """A server of HTTP/2 on a free port of loopback, with a certificate for one name."""

    daemon_threads = True

    def __init__(self, authority: trustme.CA) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, str]] = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_alpn_protocols(["h2"])
        authority.issue_cert(NAME).configure_cert(self.context)
        self.port = int(self.server_address[1])
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class _Handler(socketserver.BaseRequestHandler):
    server: SecureServer

    def handle(self) -> None:
        with (
            contextlib.suppress(OSError),
            self.server.context.wrap_socket(self.request, server_side=True) as stream,
        ):
            connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
            connection.initiate_connection()
            stream.sendall(connection.data_to_send())
            while data := stream.recv(65536):
                for event in connection.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        self._answer(connection, event)
                stream.sendall(connection.data_to_send())

    def _answer(
        self, connection: h2.connection.H2Connection, event: h2.events.RequestReceived
    ) -> None:
        pairs, number = event.headers or [], event.stream_id or 0
        self.server.requests.append({_text(name): _text(value) for name, value in pairs})
        connection.send_headers(number, [(":status", "200"), ("etag", '"h2"')])
        connection.send_data(number, DATA, end_stream=True)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[SecureServer]:
    with SecureServer(authority) as server:
        yield server
        server.shutdown()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has SSL_CERT_FILE name the authority of the tests."""
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))


@contextlib.asynccontextmanager
async def free(_: str) -> AsyncIterator[None]:
    yield


def ask(url: str, host: str = NAME, times: int = 1) -> list[Download]:
    """Asks for an image some times at once, with all names at home on loopback."""

    async def look_up(_: str, __: int) -> list[str]:
        return ["127.0.0.1"]

    async def asking() -> list[Download]:
        limits = Limits(100_000, 5, pause=0.01)
        async with contextlib.aclosing(Client(Guard([host], look_up), "feeds", 4)) as client:
            return await asyncio.gather(
                *(download(client, url, {}, limits, free) for _ in range(times))
            )

    return asyncio.run(asking())


@pytest.mark.usefixtures("trusted")
def test_client_speaks_http2_and_names_the_host(secure: SecureServer) -> None:
    answers = ask(f"https://{NAME}:{secure.port}/a.jpg", times=3)
    assert [answer.data for answer in answers] == [DATA] * 3
    assert answers[0].etag == '"h2"'
    assert {one[":authority"] for one in secure.requests} == {f"{NAME}:{secure.port}"}


@pytest.mark.usefixtures("trusted")
def test_client_takes_no_certificate_of_another_name(secure: SecureServer) -> None:
    (answer,) = ask(f"https://other.example.com:{secure.port}/a.jpg", "other.example.com")
    assert answer.result == "failed"
    assert "certificate" in answer.reason.lower()
    assert secure.requests == []


def test_client_takes_no_certificate_that_nobody_vouches_for(secure: SecureServer) -> None:
    (answer,) = ask(f"https://{NAME}:{secure.port}/a.jpg")
    assert answer.result == "failed"
    assert "certificate" in answer.reason.lower()
    assert secure.requests == []


def test_client_asks_on_no_connection_that_its_server_has_closed() -> None:
    closed = threading.Event()

    def behave(request: Request) -> None:
        request.answer(body=DATA, Connection="")  # and no word of what follows
        request.connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    async def asking(url: str) -> list[Download]:
        limits = Limits(100_000, 20, pause=math.inf)  # so that no request is repeated
        answers = []
        async with contextlib.aclosing(Client(Guard(["127.0.0.1"]), "feeds", 4)) as client:
            for _ in range(3):
                closed.clear()
                answers.append(await download(client, url, {}, limits, free))
                await asyncio.to_thread(closed.wait)
        return answers

    with serving() as server:
        url = server.behave("/a.jpg", behave)
        assert [answer.data for answer in asyncio.run(asking(url))] == [DATA] * 3


def test_client_knows_nothing_of_proxies_and_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server, serving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        (tmp_path / ".netrc").write_text(f"machine {NAME} login me password secret\n")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        server.serve("/a.jpg", DATA)
        (answer,) = ask(f"http://{NAME}:{server.port}/a.jpg")
        assert answer.data == DATA
        assert proxy.requests == []
        assert "authorization" not in server.asked("/a.jpg")[0]
