"""deploy/nginx.conf and deploy/Caddyfile, in real nginx and Caddy: the headers that readers get.

The rules, each of which has one test with a table of what it depends on, in pairs:

- A document comes whole, with its media type, links, age, and in a coding that the reader takes.
- Feeds in XML come as plain XML to browsers, to nobody else, and whatever the method or coding.
- An entity tag belongs to one coding; what the reader has is not sent again.
- HEAD gives the headers of GET. Other methods are refused, and so is what is too long.
- Images, and assets named by their content, never change; the index is the page of its folder.
- Pages are guarded by their headers, and so is that of addresses without one.
- Nothing but the site is there: no dot files, no copies by their own names, nothing outside.
- A former address of a feed leads to the present one.
"""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator
from email.utils import formatdate
from functools import partial

import brotli
import pytest

from feeds.render.environment import asset_paths
from feeds.serve.messages import PAGE_HEADERS
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.servers import BROTLI_MODULE, Server, prepared, start
from tests.support.serving import BROWSERS, READERS

BASE = "https://feeds.example.org"
HUB = '<https://hub.example.org/>; rel="hub"'
TYPES = {
    "/all.atom": "application/atom+xml; charset=utf-8",
    "/topics/ai.rss": "application/rss+xml; charset=utf-8",
    "/providers/example.com.json": "application/feed+json; charset=utf-8",
    "/feeds.opml": "text/x-opml; charset=utf-8",
}
ATOM, RSS, JSON, OPML = TYPES
SHOWN = {ATOM, RSS}
GUARDS = ("Content-Security-Policy", "Referrer-Policy")

# Brotli changes codings alone: all other rules are tried with one nginx and Caddy.
two_servers = pytest.mark.parametrize("server", ["nginx", "caddy"], indirect=True, scope="module")


def vary(path: str) -> str:
    return "Accept-Encoding, Accept" if path in SHOWN else "Accept-Encoding"


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
    with start(kind, server.site, root, server.port) as process:
        try:
            wait_until(partial(server.is_up, process))
            yield server
        finally:
            process.terminate()


# What a document is sent with


@pytest.mark.parametrize(
    ("path", "encoding"),
    [
        *((ATOM, ""), (ATOM, "gzip"), (ATOM, "br"), (ATOM, "gzip, br")),
        *((RSS, "gzip, br"), (JSON, ""), (JSON, "gzip, br"), (OPML, "gzip")),
    ],
)
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
    assert answer["Vary"] == vary(path)
    assert answer["Cache-Control"] == "public, max-age=900"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["X-Content-Type-Options"] == "nosniff"
    links = f'<{BASE}{path}>; rel="self", {HUB}' if path != OPML else None
    assert answer["Link"] == links


@two_servers
@pytest.mark.parametrize(
    ("path", "accept", "encoding"),
    [
        *((ATOM, accept, "gzip") for accept in BROWSERS),
        *((RSS, accept, "identity") for accept in BROWSERS),
        *((ATOM, accept, "identity") for accept in READERS),
        *((RSS, READERS[0], "gzip"), (RSS, READERS[-3], "gzip")),
        *((JSON, BROWSERS[0], "gzip"), (OPML, BROWSERS[1], "identity")),
    ],
)
def test_deploy_feed_is_xml_for_browsers_alone(
    server: Server, path: str, accept: str | None, encoding: str
) -> None:
    headers = {"Accept_Encoding": encoding} | ({"Accept": accept} if accept else {})
    shown = accept in BROWSERS and path in SHOWN
    for method in ("GET", "HEAD"):
        answer = server.get(path, method, **headers)
        plain = server.get(path, method, Accept_Encoding=encoding)
        assert (answer.status, answer.body) == (200, plain.body)
        assert answer["Content-Type"] == (
            "application/xml; charset=utf-8" if shown else TYPES[path]
        )
        names = {*answer.headers} - {"Date", "Content-Type"}
        assert {name: answer[name] for name in names} == {name: plain[name] for name in names}
    again = server.get(path, If_None_Match=str(answer["ETag"]), **headers)
    assert (again.status, again["Vary"]) == (304, vary(path))


def test_deploy_encoding_is_one_that_is_accepted(server: Server) -> None:
    wanted = {"gzip;q=0": None, "identity": None, "deflate": None, "gzip;q=0.1, *;q=0": "gzip"}
    used = {
        accepted: server.get(ATOM, Accept_Encoding=accepted)["Content-Encoding"]
        for accepted in wanted
    }
    assert used == wanted


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


# Conditional requests


def test_deploy_etag_belongs_to_one_encoding(server: Server) -> None:
    encodings = ("gzip", "identity", *(["br"] if server.brotli else []))
    tags = {server.get(ATOM, Accept_Encoding=one)["ETag"] for one in encodings}
    assert len(tags) == len(encodings)
    assert None not in tags


@two_servers
@pytest.mark.parametrize(
    ("encoding", "tags", "since", "status"),
    [
        ("gzip", "{}", None, 304),
        ("identity", "{}", None, 304),
        ("gzip", "W/{}", None, 304),
        ("identity", '"other", {}, "another"', None, 304),
        ("gzip", "*", None, 304),
        ("gzip", '"other"', None, 200),
        ("identity", "", 0, 304),
        ("gzip", "", 60, 304),
        ("identity", "", 60, 304),
        ("gzip", "", -60, 200),
        ("identity", "{}", 0, 304),
        ("gzip", '"other"', 0, 200),
    ],
    ids=[
        *("tag", "tag of the text itself", "weak", "list", "any", "other", "since", "later"),
        *("later than the text itself", "earlier", "both", "tag goes before since"),
    ],
)
def test_deploy_what_the_reader_has_is_not_sent_again(
    server: Server, encoding: str, tags: str, since: int | None, status: int
) -> None:
    known = server.get(ATOM, Accept_Encoding=encoding)
    headers = {"Accept_Encoding": encoding}
    if tags:
        headers["If_None_Match"] = tags.format(known["ETag"])
    if since is not None:
        mtime = int((server.site.out / "all.atom").stat().st_mtime)
        headers["If_Modified_Since"] = formatdate(mtime + since, usegmt=True)
    answer = server.get(ATOM, **headers)
    assert answer.status == status
    assert answer.body == (b"" if status == 304 else known.body)
    assert (answer["ETag"], answer["Cache-Control"]) == (known["ETag"], known["Cache-Control"])
    assert answer["Vary"] == vary(ATOM)


# Methods and sizes


@two_servers
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_deploy_head_tells_the_same_without_a_body(server: Server, encoding: str) -> None:
    get = server.get(ATOM, Accept_Encoding=encoding)
    head = server.get(ATOM, "HEAD", Accept_Encoding=encoding)
    assert (head.status, head.body) == (200, b"")
    for name in ("ETag", "Last-Modified", "Content-Type", "Content-Encoding", "Link", "Vary"):
        assert head[name] == get[name]


@two_servers
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", ATOM), ("DELETE", ATOM), ("PUT", "/"), ("POST", JSON)),
        *(("PATCH", "/nothing.atom"), ("POST", "/nothing")),
    ],
)
def test_deploy_other_methods_are_refused(server: Server, path: str, method: str) -> None:
    for accept in ("*/*", BROWSERS[0]):
        answer = server.get(path, method, Accept=accept, Content_Length="0")
        assert (answer.status, answer["Allow"]) == (405, "GET, HEAD")


@two_servers
@pytest.mark.parametrize("size", [9_000, 2_000_000])
def test_deploy_oversized_requests_are_refused(server: Server, size: int) -> None:
    try:
        status = server.get(f"/{'a' * size}").status
    except OSError:  # it does not read to the end
        status = 414
    assert status in {404, 414, 431}
    assert server.get(ATOM).status == 200


# All else


@two_servers
def test_deploy_media_never_changes_under_its_name(server: Server) -> None:
    answer = server.get("/media/ab/cd.jpg", Accept_Encoding="gzip")
    assert (answer.status, answer["Content-Type"]) == (200, "image/jpeg")
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert (answer["Link"], answer["Content-Encoding"]) == (None, None)
    assert answer["X-Content-Type-Options"] == "nosniff"


@two_servers
def test_deploy_index_is_the_page_of_the_folder(server: Server) -> None:
    answer = server.get("/")
    assert (answer.status, answer.body) == (200, b"<title>Feeds</title>")
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert answer["Access-Control-Allow-Origin"] is None


@two_servers
@pytest.mark.parametrize("path", ["/", "/all.html", "/never", "/topics/never.html"])
def test_deploy_pages_are_guarded(server: Server, path: str) -> None:
    answer = server.get(path, Accept=BROWSERS[0])
    assert answer.status == (404 if "never" in path else 200)
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert [(name.lower(), answer[name]) for name in GUARDS] == PAGE_HEADERS
    if "never" in path:
        assert answer.body == (server.site.out / "404.html").read_bytes()


@two_servers
def test_deploy_assets_named_by_their_content_never_change(server: Server) -> None:
    for path in asset_paths(()).values():
        answer = server.get(f"/{path}")
        assert answer.status == 200, path
        assert answer["Cache-Control"] == "public, max-age=31536000, immutable", path
    assert server.get("/assets/style.css")["Cache-Control"] == "public, max-age=900"
    for path in ("/robots.txt", "/sitemap.xml"):
        assert server.get(path)["Cache-Control"] == "public, max-age=900"
    assert "/xml" in str(server.get("/sitemap.xml")["Content-Type"])


@two_servers
@pytest.mark.parametrize(
    "paths",
    [
        ["/nothing.atom", "/topics/", "/topics", "/media/ab/", "/all", "/all.atom%00.html"],
        ["/all.atom.gz", "/topics/ai.rss.br"],
        [
            *("/.secret", "/%2esecret", "/./.secret", "//.secret", "/media/../.secret"),
            *("/topics/..%2f.secret", "/.secret.atom", "/topics/.x/a.rss"),
            *("/.feeds-manifest.json", "/.feeds-redirects.nginx", "/.feeds-redirects.caddy"),
        ],
        [
            *("/../config.toml", "/..%2fconfig.toml", "/%2e%2e/config.toml"),
            *("/topics/../../config.toml", "/%2e%2e%2fconfig.toml", "/..\\config.toml"),
            "//../config.toml",
        ],
    ],
    ids=["no document", "copies", "dot files", "outside"],
)
def test_deploy_nothing_else_is_there(server: Server, paths: list[str]) -> None:
    for path in paths:
        for accept in ("*/*", BROWSERS[0]):
            answer = server.get(path, Accept=accept)
            assert answer.status in {400, 404}, path
            assert not re.search(rb"secret|base_url|manifest|ai\.rss|cd\.jpg", answer.body), path
            for name in ("ETag", "Cache-Control", "Access-Control-Allow-Origin", "Link"):
                assert answer[name] is None, path


@two_servers
def test_deploy_hidden_files_are_there_to_be_hidden(server: Server) -> None:
    names = (".secret", ".feeds-manifest.json", ".feeds-redirects.nginx", ".feeds-redirects.caddy")
    hidden = [*names, "all.atom.gz", "topics/ai.rss.br", "../config.toml"]
    assert [name for name in hidden if not (server.site.out / name).is_file()] == []


@two_servers
@pytest.mark.parametrize("extension", ["atom", "rss", "json", "html"])
def test_deploy_search_engines_are_told_what_to_leave_out(server: Server, extension: str) -> None:
    told = server.get(f"/providers/example.com.{extension}")
    assert (told.status, told["X-Robots-Tag"]) == (200, "noindex")
    for path in (f"/all.{extension}", f"/topics/ai.{extension}"):
        answer = server.get(path)
        assert (answer.status, answer["X-Robots-Tag"]) == (200, None)


# Feeds that moved


@two_servers
@pytest.mark.parametrize(
    ("extension", "method"), [("atom", "GET"), ("rss", "HEAD"), ("json", "GET"), ("html", "HEAD")]
)
def test_deploy_former_address_leads_to_the_new_one(
    server: Server, extension: str, method: str
) -> None:
    assert (server.site.out / f"topics/machines.{extension}").is_file()
    answer = server.get(f"/topics/machines.{extension}", method, Accept_Encoding="gzip, br")
    assert (answer.status, answer["Location"]) == (301, f"{BASE}/topics/ai.{extension}")
    assert answer["Cache-Control"] == "public, max-age=900"
    assert answer["X-Content-Type-Options"] == "nosniff"
    if extension != "html":
        assert answer["Access-Control-Allow-Origin"] == "*"
    assert server.get(f"/topics/ai.{extension}", method).status == 200
