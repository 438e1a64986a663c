"""A WebSub hub, a subscriber and a web server on loopback, by the W3C Recommendation of 2018."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx
import trustme

from tests.support.processes import PATIENCE
from tests.support.site import Site


class Quiet(ThreadingHTTPServer):
    """A server that says nothing of clients that went away."""

    def handle_error(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def serving(handler: Any, port: int = 0, context: ssl.SSLContext | None = None) -> Iterator[Quiet]:
    """Serves on loopback for as long as it lasts, on a free port unless told which."""
    with Quiet(("127.0.0.1", port), handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving_files(folder: Path) -> Iterator[str]:
    """Serves a folder, and gives its address."""
    with serving(partial(_Files, directory=str(folder))) as server:
        yield f"http://127.0.0.1:{server.server_port}/"


class Heard(NamedTuple):
    """A ping that came to the hub: its form, User-Agent, and when."""

    form: dict[str, list[str]]
    agent: str
    at: float


class Told(NamedTuple):
    """What the subscriber was sent: headers in lower case, the body, and when."""

    headers: dict[str, str]
    body: bytes
    at: float


class Say(NamedTuple):
    """What the hub answers to a ping, and after how many seconds."""

    status: int = 204
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    after: float = 0
    endless: bool = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, say: Say) -> None:
        time.sleep(say.after)
        self.send_response(say.status)
        for name, value in say.headers:
            self.send_header(name, value)
        if not say.endless:
            self.send_header("Content-Length", str(len(say.body)))
        self.end_headers()
        self.wfile.write(say.body)
        while say.endless:
            self.wfile.write(b"and so on ")
            time.sleep(0.01)

    def form(self) -> dict[str, list[str]]:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        return parse_qs(body.decode(), strict_parsing=True)


class Hub:
    """A hub: verifies subscriptions, fetches what it is pinged for, hands it to subscribers.

    `says` is what it answers to pings, by their URL, or to all of them under the key ``""``;
    `when_heard` is called before that.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self.heard: list[Heard] = []
        self.says: dict[str, Say] = {}
        self.when_heard: Callable[[], None] = lambda: None
        self.url = ""
        self._subscribers: dict[str, list[tuple[str, str]]] = {}
        self._threads: list[threading.Thread] = []

    @property
    def topics(self) -> list[str]:
        """The URLs of the pings that came, in order."""
        return [one.form["hub.url"][0] for one in self.heard]

    def has_heard(self, count: int) -> bool:
        """Tells whether so many pings came."""
        return len(self.heard) >= count

    @contextmanager
    def up(self) -> Iterator[str]:
        """Is there for as long as it lasts; every time at the same address."""
        port = urlsplit(self.url).port or 0
        hub = self

        class Handler(_Handler):
            def do_POST(self) -> None:
                form = self.form()
                if form["hub.mode"] == ["subscribe"]:
                    self.answer(Say(202))
                    hub._later(hub._verify, form)
                    return
                agent = self.headers["User-Agent"]
                hub.heard.append(Heard(form, agent, time.monotonic()))
                (topic,) = form["hub.url"]
                hub.when_heard()
                say = hub.says.get(topic, hub.says.get("", Say()))
                self.answer(say)
                if say.status < 300:
                    hub._later(hub._distribute, topic)

        with httpx.Client(timeout=PATIENCE) as self._client:
            with serving(Handler, port, self._context) as server:
                scheme = "https" if self._context else "http"
                self.url = f"{scheme}://127.0.0.1:{server.server_port}/"
                yield self.url
            for thread in list(self._threads):
                thread.join()

    def _later(self, work: Any, argument: object) -> None:
        thread = threading.Thread(target=work, args=(argument,))
        thread.start()
        self._threads.append(thread)

    def _verify(self, form: dict[str, list[str]]) -> None:
        """Section 5.3: the subscriber must echo a challenge."""
        challenge = secrets.token_urlsafe(16)
        query = {
            "hub.mode": "subscribe",
            "hub.topic": form["hub.topic"][0],
            "hub.challenge": challenge,
            "hub.lease_seconds": "864000",
        }
        (callback,), (topic,) = form["hub.callback"], form["hub.topic"]
        response = self._client.get(callback, params=query)
        if response.status_code == 200 and response.text == challenge:
            subscriber = (callback, form.get("hub.secret", [""])[0])
            self._subscribers.setdefault(topic, []).append(subscriber)

    def _distribute(self, topic: str) -> None:
        """Sections 7 and 7.1: the content as it is, with its type, links and signature."""
        for callback, secret in self._subscribers.get(topic, []):
            response = self._client.get(topic)
            link = f'<{self.url}>; rel="hub", <{topic}>; rel="self"'
            headers = {"Content-Type": response.headers["content-type"], "Link": link}
            if secret:
                digest = hmac.new(secret.encode(), response.content, hashlib.sha256).hexdigest()
                headers["X-Hub-Signature"] = f"sha256={digest}"
            self._client.post(callback, content=response.content, headers=headers)


class Subscriber:
    """A subscriber with a secret; `told` is what the hub sent that was signed with it."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.topics: list[str] = []
        self._secret = secrets.token_hex(20)

    @contextmanager
    def up(self) -> Iterator[str]:
        """Is there for as long as it lasts, and gives its callback."""
        subscriber = self

        class Handler(_Handler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                subscriber.topics += query["hub.topic"]
                self.answer(Say(200, query["hub.challenge"][0].encode()))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                key = subscriber._secret.encode()
                wanted = f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"
                if hmac.compare_digest(self.headers.get("X-Hub-Signature", ""), wanted):
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    subscriber.told.append(Told(headers, body, time.monotonic()))
                self.answer(Say(200))

        with serving(Handler) as server:
            yield f"http://127.0.0.1:{server.server_port}/callback"

    def knows(self, title: str) -> bool:
        """Tells whether something that was sent holds this text."""
        return any(title.encode() in one.body for one in self.told)

    def subscribe(self, document: bytes, callback: str) -> None:
        """Finds hub and topic in an Atom document (section 4), and subscribes there (5.1)."""
        links = re.findall(r'<link href="([^"]*)" rel="(hub|self)"', document.decode())
        found = {rel: url for url, rel in links}
        form = {
            "hub.mode": "subscribe",
            "hub.topic": found["self"],
            "hub.callback": callback,
            "hub.secret": self._secret,
        }
        assert httpx.post(found["hub"], data=form, timeout=PATIENCE).status_code == 202


@contextmanager
def secure_hub(folder: Path) -> Iterator[tuple[Hub, str]]:
    """Gives a hub by https, and a file with the authority that vouches for it."""
    authority, file = trustme.CA(), folder / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    hub = Hub(context)
    with hub.up():
        yield hub, str(file)


def name_hubs(site: Site, base_url: str, *hubs: str, more: str = "") -> None:
    """Configures a site that is served somewhere, with hubs."""
    (site.root / "config.toml").write_text(
        f'[site]\ntitle = "Site"\nbase_url = "{base_url}"\nhub = {list(hubs)}\n{more}',
        encoding="utf-8",
    )
