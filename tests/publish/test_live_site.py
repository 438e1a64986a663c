"""A visit to the running site: what it finds at servers that are as they should be, or are not."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import trustme

from feeds.common.media import image_key
from feeds.common.reports import Finding
from feeds.publish.live_site import visit
from tests.support.imaging import picture, seed_with
from tests.support.ports import HOST, free_port
from tests.support.serving import Server
from tests.support.site import Site

KINDS = {
    "atom": "application/atom+xml",
    "rss": "application/rss+xml",
    "json": "application/feed+json",
}


def texts(found: list[Finding], severity: str) -> list[str]:
    """Returns what was found of a severity."""
    return [f"{one.subject}: {one.text}" for one in found if one.severity == severity]


class Sick(ThreadingHTTPServer):
    """A web server for a site that does what the faults say; `asked` are Host, path and reader."""

    def __init__(self, site: Site, faults: dict[str, Any]) -> None:
        super().__init__((HOST, 0), Handler)
        self.site = site
        self.faults = faults
        self.asked: list[tuple[str, str, str]] = []


class Handler(BaseHTTPRequestHandler):
    """Serves out/ as its server is told to."""

    server: Sick

    def do_GET(self) -> None:
        """Answers, without a body to HEAD."""
        faults, path = self.server.faults, self.path.lstrip("/") or "index.html"
        agent = self.headers["user-agent"]
        self.server.asked.append((self.headers["host"], self.path, agent))
        extension = path.rpartition(".")[2]
        if path in faults.get("moved", {}):
            return self._answer(301, b"", Location=faults["moved"][path])
        if any(name in agent for name in faults.get("blocked", ())) or path in faults.get(
            "gone", ()
        ):
            return self._answer(403 if path not in faults.get("gone", ()) else 404, b"no")
        data = (self.server.site.out / path).read_bytes()
        if "replaced" in faults:
            before, after = faults["replaced"]
            data = data.replace(before, after)
        kind = KINDS.get(extension, "text/html" if extension == "html" else "image/jpeg")
        fields = {"Content-Type": faults.get("type", kind)}
        if "no tag" not in faults:
            fields |= {"ETag": '"1"', "Last-Modified": "Sun, 01 Mar 2026 12:00:00 GMT"}
        asks = "if-none-match" in self.headers or "if-modified-since" in self.headers
        if asks and "no 304" not in faults:
            return self._answer(304, b"", **fields)
        return self._answer(200, data, **fields)

    do_HEAD = do_GET  # noqa: N815 (its name is theirs)

    def _answer(self, status: int, data: bytes, **fields: str) -> None:
        self.send_response_only(status)
        date = self.server.faults.get("date", self.date_time_string())
        for name, value in {"Date": date, **fields}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET" and status != 304:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def sick(site: Site, toml: str = "", **faults: Any) -> Iterator[Sick]:
    """Publishes a site at the address of a server with these faults, which runs meanwhile."""
    with Sick(site, {name.replace("_", " "): value for name, value in faults.items()}) as server:
        configure(site, f"http://{HOST}:{server.server_port}/", toml)
        seed_with(site, 1, "https://images.example.com/a.jpg")
        site.publish()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def configure(site: Site, base_url: str, toml: str = "") -> None:
    """Configures a site at this address, which fetches nothing."""
    site.configure(f'{toml}[images]\nfetch = "off"\n')
    path = site.root / "config.toml"
    text = path.read_text(encoding="utf-8").replace("https://feeds.example.org/", base_url)
    path.write_text(text, encoding="utf-8")


def test_visit_to_our_own_server_finds_nothing(site: Site) -> None:
    for number in range(1, 20):
        site.seed(f"{number}.txt", number=number, body="What is to be read. " * 20)
    site.publish()
    with Server(site) as server:
        configure(site, f"http://{HOST}:{server.port}/", 'hub = "https://hub.example.org/"\n')
        site.publish()
        wanted = f"{server.port}/all.atom".encode()
        while wanted not in server.get("/all.atom").body:
            pass
        found = list(visit(site.load().config))
    assert texts(found, "error") + texts(found, "warning") == []
    subjects = {one.subject for one in found}
    assert subjects >= {"reachable", "types", "304", "compression", "self link", "hub", "pages"}


@pytest.mark.parametrize(
    ("faults", "severity", "wanted"),
    [
        ({"gone": ["all.atom"]}, "error", "reachable: http://HOST/all.atom gives 404"),
        (
            {"moved": {"all.atom": "/x"}, "gone": ["x"]},
            "warning",
            "redirects: http://HOST/all.atom",
        ),
        ({"date": "Sun, 01 Mar 2020 12:00:00 GMT"}, "error", "clock: the clocks of the site and"),
        ({"type": "text/plain"}, "error", "types: all.rss comes as text/plain, wanted application"),
        ({"no_tag": True}, "warning", "304: the server sends no etag and no last-modified"),
        ({"no_304": True}, "warning", "304: if-none-match gets 200 although nothing changed"),
        ({}, "warning", "compression: feeds come uncompressed"),
        (
            {"replaced": (b"/all.atom", b"/old.atom")},
            "error",
            "self link: all.atom at http://HOST/ says that it is at http://HOST/old.atom",
        ),
        (
            {"blocked": ["Feedly", "Thunderbird"]},
            "error",
            "readers: these feed readers are kept out: Feedly (403), Thunderbird (403)",
        ),
        ({"gone": ["index.html"]}, "error", "pages: a browser gets 404"),
        ({"replaced": (b'"hubs"', b'"none"')}, "error", "hub: all.json does not name the hub"),
        (
            {},
            "warning",
            "hub: the hub https://hub.example.org/ stands in the feeds, but in no Link",
        ),
    ],
)
def test_visit_finds_what_is_wrong_and_says_what_to_do(
    site: Site, faults: dict[str, Any], severity: str, wanted: str
) -> None:
    with sick(site, 'hub = "https://hub.example.org/"\n', **faults) as server:
        for number in range(2, 20):
            site.seed(f"{number}.txt", number=number)
        site.publish()
        found = list(visit(site.load().config))
        wanted = wanted.replace("HOST", f"{HOST}:{server.server_port}")
    matching = [one for one in texts(found, severity) if one.startswith(wanted)]
    assert len(matching) == 1, found
    assert all(bool(one.advice) == (one.severity != "ok") for one in found)


@pytest.mark.parametrize("fault", ["", "missing", "longer"])
def test_visit_asks_for_enclosures_and_their_lengths(site: Site, fault: str) -> None:
    with sick(site) as server:
        key = image_key("https://images.example.com/a.jpg")
        name = f"media/{key[:2]}/{key}.jpg"
        path = site.root / ".feeds/images" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(picture())
        site.publish()
        if fault == "missing":
            server.faults["gone"] = [name]
        if fault == "longer":
            (site.out / name).unlink()
            (site.out / name).write_bytes(picture() + b"more")
        found = list(visit(site.load().config))
        wanted = f"enclosures: http://{HOST}:{server.server_port}/{name} gives "
    errors = [one for one in texts(found, "error") if one.startswith(wanted)]
    assert len(errors) == bool(fault)
    assert "enclosures: asked for 1" in texts(found, "ok")


def test_visit_asks_no_other_host(site: Site) -> None:
    with sick(site, moved={"all.json": "http://localhost:9/all.json"}) as server:
        found = list(visit(site.load().config))
        hosts = {host for host, *_ in server.asked}
    assert hosts == {f"{HOST}:{server.server_port}"}
    assert [one for one in texts(found, "error") if one.startswith("types: all.json")]


def test_visit_leaves_enclosures_of_other_hosts_alone(site: Site) -> None:
    with sick(site):
        found = list(visit(site.load().config))
    assert "enclosures: asked for 0; 1 on other hosts were not asked for" in texts(found, "ok")


def test_visit_of_nobody_says_so_and_goes_on_to_nothing(site: Site) -> None:
    site.seed()
    (found,) = visit(site.load().config, f"http://{HOST}:{free_port()}")
    assert (found.severity, found.subject) == ("error", "reachable")
    assert "Connection refused" in found.text
    assert "feeds serve" in found.advice


def test_visit_at_another_address_than_the_feeds_say(site: Site) -> None:
    with sick(site) as server:
        found = list(visit(site.load().config, f"http://localhost:{server.server_port}/"))
    assert any(
        one.startswith("self link: the feeds at http://localhost")
        for one in texts(found, "warning")
    )


@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "unknown"])
def test_visit_judges_the_certificate(
    site: Site,
    trusted: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = trustme.CA()
    ca = site.root / "ca.pem"
    authority.cert_pem.write_to_path(ca)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    with sick(site) as server:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(HOST).configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        found = list(visit(site.load().config, f"https://{HOST}:{server.server_port}/"))
    if trusted:
        start = "TLS: TLSv1.3, the certificate ends in "
        assert any(one.startswith(start) for one in texts(found, "ok"))
    else:
        (only,) = found
        assert "certificate" in only.advice
