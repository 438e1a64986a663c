"""deploy/nginx.conf and deploy/Caddyfile, in real nginx and Caddy: the headers that readers get."""

from __future__ import annotations

import gzip
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path

import brotli
import pytest

from tests.processes import wait_until
from tests.programs import need
from tests.site import Site

DEPLOY = Path(__file__).parent.parent / "deploy"
BROTLI_MODULE = Path("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so")
NGINX = """
daemon off; pid nginx.pid; error_log nginx.log; worker_processes 1;
events {}
http {
    access_log off;
    client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d;
    scgi_temp_path e;
    include feeds.conf;
}
"""
CADDY = "{\n\tadmin off\n\tauto_https off\n}\n"
BASE = "https://feeds.example.org"
HUB = '<https://hub.example.org/>; rel="hub"'
TYPES = {
    "/all.atom": "application/atom+xml; charset=utf-8",
    "/topics/ai.rss": "application/rss+xml; charset=utf-8",
    "/providers/example.com.json": "application/feed+json; charset=utf-8",
    "/feeds.opml": "text/x-opml; charset=utf-8",
}
FEEDS = [path for path in TYPES if path != "/feeds.opml"]


@dataclass(frozen=True)
class Answer:
    """An answer whose headers can be asked for by name."""

    status: int
    headers: HTTPMessage
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        """Returns a header; several of a name joined, as HTTP has it."""
        values = self.headers.get_all(name)
        return ", ".join(values) if values else None


class Server:
    """A web server before a site; it knows brotli or does not."""

    def __init__(self, kind: str, site: Site, port: int) -> None:
        self.kind = kind
        self.site = site
        self.brotli = kind != "nginx"
        self._port = port

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Sends a request with exactly this path."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=10)) as connection:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in fields.items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def is_up(self, process: subprocess.Popen[bytes]) -> bool:
        """Tells whether it listens; fails where it has ended."""
        assert process.poll() is None
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


def prepared(root: Path) -> Site:
    """Returns a site whose documents are compressed, with a page, a picture and a secret."""
    site = Site(root / "site")
    site.configure("[publish]\nprecompress = true\n")
    site.seed(body="What is to be read. " * 20)
    site.publish()
    (site.out / "index.html").write_text("<title>Feeds</title>")
    (site.out / "media/ab").mkdir(parents=True)
    (site.out / "media/ab/cd.jpg").write_bytes(b"\xff\xd8\xff" * 99)
    (site.out / "plain.json").write_text("[1, 2, 3]\n" * 99)  # without copies
    (site.out / ".secret").write_text("secret")
    return site


def adapted(name: str, site: Site, changes: dict[str, str]) -> str:
    """Returns a file of deploy/ as an operator would adapt it; the hub's line is made to count."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    for before, after in {"/srv/feeds/out": str(site.out), **changes}.items():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    text, count = re.subn(r"# (.*hub\.example\.org/>; rel=\"hub\")", r"\1", text)
    assert count == 1
    return text


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def start(kind: str, site: Site, root: Path, port: int) -> subprocess.Popen[bytes]:
    """Starts a server with what deploy/ has for it."""
    if kind == "caddy":
        changes = {"feeds.example.org {": f"http://127.0.0.1:{port} {{"}
        text = CADDY + adapted("Caddyfile", site, changes)
        (root / "Caddyfile").write_text(text, encoding="utf-8")
        program = need("caddy", "caddy")
        command = [program, "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
    else:
        changes = {"listen 80;": f"listen 127.0.0.1:{port};", "listen [::]:80;": ""}
        main = NGINX
        if os.geteuid() == 0:
            main = f"user root; {main}"
        if kind == "nginx with brotli":
            changes["# brotli_static on;"] = "brotli_static on;"
            main = f"load_module {BROTLI_MODULE};\n{main}"
        (root / "feeds.conf").write_text(adapted("nginx.conf", site, changes), encoding="utf-8")
        (root / "nginx.conf").write_text(main, encoding="utf-8")
        program = need("nginx", "nginx")
        command = [program, "-p", str(root), "-c", str(root / "nginx.conf"), "-e", "nginx.log"]
    home = {name: str(root) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    with (root / "output").open("wb") as output:
        return subprocess.Popen(
            command, cwd=root, env={**os.environ, **home}, stdout=output, stderr=output
        )


@pytest.fixture(scope="module", params=["nginx", "nginx with brotli", "caddy"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    kind: str = request.param
    if kind == "nginx with brotli" and not BROTLI_MODULE.exists():
        missing = "nginx has no brotli (on Debian: apt-get install libnginx-mod-http-brotli-static)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    root = tmp_path_factory.mktemp("server")
    server = Server(kind, prepared(root), free_port())
    with start(kind, server.site, root, server._port) as process:
        try:
            wait_until(partial(server.is_up, process))
            yield server
        finally:
            process.terminate()


# What a document is sent with


@pytest.mark.parametrize("path", TYPES)
@pytest.mark.parametrize("encoding", ["", "gzip", "br", "gzip, br"])
def test_deploy_document_comes_whole_with_all_its_headers(
    server: Server, path: str, encoding: str
) -> None:
    answer = server.get(path, Accept_Encoding=encoding) if encoding else server.get(path)
    file = server.site.out / path[1:]
    used = answer["Content-Encoding"]
    wanted: dict[str, list[str | None]] = {
        "": [None],
        "gzip": ["gzip"],
        "br": ["br" if server.brotli else None],
    }
    assert used in wanted.get(encoding, ["br"] if server.brotli else ["gzip"])
    unpack = {None: bytes, "gzip": gzip.decompress, "br": brotli.decompress}[used]
    assert (answer.status, unpack(answer.body)) == (200, file.read_bytes())
    assert answer["Content-Type"] == TYPES[path]
    assert answer["Last-Modified"] == formatdate(int(file.stat().st_mtime), usegmt=True)
    assert answer["Vary"] == "Accept-Encoding"
    assert answer["Cache-Control"] == "public, max-age=900"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["X-Content-Type-Options"] == "nosniff"
    links = f'<{BASE}{path}>; rel="self", {HUB}' if path in FEEDS else None
    assert answer["Link"] == links


def test_deploy_etag_belongs_to_one_encoding(server: Server) -> None:
    tags = {server.get("/all.atom", Accept_Encoding=one)["ETag"] for one in ("gzip", "identity")}
    assert len(tags) == 2
    assert None not in tags


@pytest.mark.parametrize(
    ("accepted", "used"),
    [("gzip;q=0", None), ("identity", None), ("deflate", None), ("gzip;q=0.1, *;q=0", "gzip")],
)
def test_deploy_encoding_is_one_that_is_accepted(
    server: Server, accepted: str, used: str | None
) -> None:
    assert server.get("/all.atom", Accept_Encoding=accepted)["Content-Encoding"] == used


def test_deploy_document_without_copies_is_sent_whole_too(server: Server) -> None:
    answer = server.get("/plain.json", Accept_Encoding="gzip")
    text = (server.site.out / "plain.json").read_bytes()
    if server.kind == "caddy":
        assert (answer["Content-Encoding"], answer.body) == (None, text)
    else:
        assert (answer["Content-Encoding"], gzip.decompress(answer.body)) == ("gzip", text)
    tag = answer["ETag"] or ""
    assert tag.startswith("W/") == (server.kind != "caddy")
    assert answer["Vary"] == "Accept-Encoding"
    again = server.get("/plain.json", Accept_Encoding="gzip", If_None_Match=tag)
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_deploy_head_tells_the_same_without_a_body(server: Server, encoding: str) -> None:
    get = server.get("/all.atom", Accept_Encoding=encoding)
    head = server.get("/all.atom", "HEAD", Accept_Encoding=encoding)
    assert (head.status, head.body) == (200, b"")
    for name in ("ETag", "Last-Modified", "Content-Type", "Content-Encoding", "Link", "Vary"):
        assert head[name] == get[name]


# Conditional requests


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize(
    ("tags", "since", "status"),
    [
        ("{}", None, 304),
        ("W/{}", None, 304),
        ('"other", {}, "another"', None, 304),
        ("*", None, 304),
        ('"other"', None, 200),
        ("", 0, 304),
        ("", 60, 304),
        ("", -60, 200),
        ("{}", 0, 304),
        ('"other"', 0, 200),
    ],
    ids=[
        *("tag", "weak", "list", "any", "other", "since", "later", "earlier", "both"),
        "tag goes before since",
    ],
)
def test_deploy_what_the_reader_has_is_not_sent_again(
    server: Server, encoding: str, tags: str, since: int | None, status: int
) -> None:
    known = server.get("/all.atom", Accept_Encoding=encoding)
    headers = {"Accept_Encoding": encoding}
    if tags:
        headers["If_None_Match"] = tags.format(known["ETag"])
    if since is not None:
        mtime = int((server.site.out / "all.atom").stat().st_mtime)
        headers["If_Modified_Since"] = formatdate(mtime + since, usegmt=True)
    answer = server.get("/all.atom", **headers)
    assert answer.status == status
    assert answer.body == (b"" if status == 304 else known.body)
    assert (answer["ETag"], answer["Cache-Control"]) == (known["ETag"], known["Cache-Control"])
    assert answer["Vary"] == "Accept-Encoding"


# All else


def test_deploy_media_never_changes_under_its_name(server: Server) -> None:
    answer = server.get("/media/ab/cd.jpg", Accept_Encoding="gzip")
    assert (answer.status, answer["Content-Type"]) == (200, "image/jpeg")
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert (answer["Link"], answer["Content-Encoding"]) == (None, None)
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_deploy_index_is_the_page_of_the_folder(server: Server) -> None:
    answer = server.get("/")
    assert (answer.status, answer.body) == (200, b"<title>Feeds</title>")
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert answer["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize(
    "path",
    [
        *("/nothing.atom", "/topics/", "/topics", "/media/ab/", "/all", "/all.atom.gz"),
        *("/topics/ai.rss.br", "/.secret", "/%2esecret", "/.feeds-manifest.json"),
        *(
            "/../config.toml",
            "/..%2fconfig.toml",
            "/%2e%2e/config.toml",
            "/topics/../../config.toml",
        ),
        *("/%2e%2e%2fconfig.toml", "/..\\config.toml", "//../config.toml", "/all.atom%00.html"),
        *("/topics/..%2f.secret", "/./.secret", "//.secret", "/media/../.secret"),
    ],
)
def test_deploy_nothing_else_is_there(server: Server, path: str) -> None:
    answer = server.get(path)
    assert answer.status in {400, 404}
    assert not re.search(rb"secret|base_url|manifest|ai\.rss|cd\.jpg", answer.body)
    for name in ("ETag", "Cache-Control", "Access-Control-Allow-Origin", "Link"):
        assert answer[name] is None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/all.atom", "/", "/nothing.atom"])
def test_deploy_other_methods_are_refused(server: Server, path: str, method: str) -> None:
    answer = server.get(path, method, Content_Length="0")
    assert (answer.status, answer["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("size", [9_000, 2_000_000])
def test_deploy_oversized_requests_are_refused(server: Server, size: int) -> None:
    try:
        status = server.get(f"/{'a' * size}").status
    except OSError:  # it does not read to the end
        status = 414
    assert status in {404, 414, 431}
    assert server.get("/all.atom").status == 200
