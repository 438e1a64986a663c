"""Every rule about headers and statuses, over real sockets against a real server."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.processes import wait_until
from tests.support.serving import (
    BROWSERS,
    READERS,
    Got,
    Server,
    add_to_manifest,
    as_served,
    settle,
    status_of,
)
from tests.support.site import NOW, Site

HUB = "https://hub.example.org/"
CONFIG = f"""hub = "{HUB}"
[schedule]
every = "10m"
"""
IMAGE = bytes(range(256)) * 40
MEDIA = "media/ab/0123456789abcdef0123456789abcdef.png"
FEEDS = {
    "all.atom": "application/atom+xml; charset=utf-8",
    "all.rss": "application/rss+xml; charset=utf-8",
    "all.json": "application/feed+json; charset=utf-8",
}
TEXTS = {
    **FEEDS,
    "feeds.opml": "text/x-opml; charset=utf-8",
    "page.html": "text/html; charset=utf-8",
}
SHOWN = ("all.atom", "all.rss")
DAY = timedelta(days=1)


def vary(path: str) -> str:
    return "Accept-Encoding, Accept" if path in SHOWN else "Accept-Encoding"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("http") / "site")
    site.configure(CONFIG)
    for number in range(1, 6):
        site.seed(f"{number}.txt", number=number, topics=["AI", "Old"] if number == 1 else ["AI"])
    site.publish()
    (site.seeds / "1.txt").unlink()
    site.publish(NOW + DAY)  # topics/old is retired
    (site.out / "page.html").write_text("<!DOCTYPE html><title>Page</title>", encoding="utf-8")
    (site.out / MEDIA).parent.mkdir(parents=True)
    (site.out / MEDIA).write_bytes(IMAGE)
    (site.out / "stranger.html").write_text("not ours", encoding="utf-8")
    (site.out / "all.atom.gz").write_bytes(b"a copy for nginx")
    (site.root / "secret.html").write_text("not to be seen", encoding="utf-8")
    (site.out / "link.html").symlink_to(site.root / "secret.html")
    (site.out / ".hidden.html").write_text("not to be seen", encoding="utf-8")
    add_to_manifest(site.out, "page.html", MEDIA, "all.atom.gz", "link.html", ".hidden.html")
    settle(site)
    return site


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    with Server(site) as server:
        # What changed within this second has no Last-Modified yet.
        wait_until(lambda: "last-modified" in server.get("/query.json").headers)
        yield server
        assert "error" not in server.log()


def date(got: Got, change: timedelta = timedelta(0)) -> str:
    modified = email.utils.parsedate_to_datetime(got.headers["last-modified"])
    return email.utils.format_datetime(modified + change, usegmt=True)


@pytest.mark.parametrize(("path", "kind"), TEXTS.items())
def test_text_comes_whole_with_its_headers(
    site: Site, server: Server, path: str, kind: str
) -> None:
    got = server.get(f"/{path}")
    assert (got.status, got.body) == (200, as_served(site.read(path)))
    assert got.headers["content-type"] == kind
    assert re.fullmatch(r'"[0-9a-f]+"', got.tag)
    modified = email.utils.parsedate_to_datetime(got.headers["last-modified"])
    assert modified == datetime.fromtimestamp(int((site.out / path).stat().st_mtime), UTC)
    assert got.headers["cache-control"] == "public, max-age=600"
    assert got.headers["vary"] == vary(path)
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-length"] == str(len(got.raw))


@pytest.mark.parametrize("path", TEXTS)
@pytest.mark.parametrize("accept", [*READERS, *BROWSERS])
def test_feed_is_xml_for_browsers_alone(
    site: Site, server: Server, path: str, accept: str | None
) -> None:
    headers = {"Accept_Encoding": "gzip"} | ({"Accept": accept} if accept else {})
    shown = accept in BROWSERS and path in SHOWN
    got = server.get(f"/{path}", **headers)
    assert (got.status, got.body) == (200, as_served(site.read(path)))
    assert got.headers["content-type"] == (
        "application/xml; charset=utf-8" if shown else TEXTS[path]
    )
    assert got.headers["vary"] == vary(path)
    # What is called otherwise is another representation (RFC 9110, section 8.8.3).
    other = server.get(f"/{path}", Accept_Encoding="gzip")
    assert (got.tag == other.tag) is not shown
    for method in ("GET", "HEAD"):
        again = server.get(f"/{path}", method, If_None_Match=got.tag, **headers)
        assert (again.status, again.headers["vary"]) == (304, vary(path))
        whole = server.get(f"/{path}", method, If_None_Match='"x"', **headers)
        assert whole.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize("path", ["/", "/?utm_source=x"])
def test_folder_is_its_index(site: Site, server: Server, path: str) -> None:
    got = server.get(path, Accept_Encoding="gzip")
    assert (got.status, got.body) == (200, as_served(site.read("index.html")))
    assert got.headers["content-type"] == "text/html; charset=utf-8"
    assert got.tag == server.get("/index.html", Accept_Encoding="gzip").tag
    assert server.get(path, Accept_Encoding="gzip", If_None_Match=got.tag).status == 304


def test_feed_as_xml_takes_deltas_all_the_same(server: Server) -> None:
    tag = server.get("/all.atom", Accept=BROWSERS[0]).tag
    got = server.get("/all.atom", Accept="*/*", A_IM="feed", If_None_Match=tag)
    assert (got.status, b"<entry>" in got.body) == (226, False)


@pytest.mark.parametrize(
    ("path", "same"), [("/", "/index.html"), ("/favicon.ico", "/assets/icon.svg")]
)
def test_path_that_browsers_ask_for_gives_what_is_meant(
    server: Server, path: str, same: str
) -> None:
    got = server.get(path)
    assert (got.status, got.tag) == (200, server.get(same).tag)


@pytest.mark.parametrize("path", TEXTS)
def test_text_is_for_other_sites_only_where_it_is_a_feed(server: Server, path: str) -> None:
    origin = server.get(f"/{path}", Origin="https://app.example").headers.get(
        "access-control-allow-origin"
    )
    assert origin == (None if path == "page.html" else "*")


@pytest.mark.parametrize("path", FEEDS)
def test_feed_names_itself_and_its_hub(server: Server, path: str) -> None:
    links = server.get(f"/{path}").headers["link"]
    assert links == f'<https://feeds.example.org/{path}>; rel="self", <{HUB}>; rel="hub"'


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (None, None),
        ("", None),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, gzip;q=0.2", "gzip"),
        ("gzip;q=0", None),
        ("identity, gzip;q=0.5", None),
        ("*", "br"),
        ("*;q=0.5, gzip", "gzip"),
        ("deflate", None),
        ("gzip;q=nonsense", None),
        ("gzip ; q=0.8 , zstd ; q=0.9", "zstd"),
    ],
)
@pytest.mark.parametrize("path", ["all.atom", "page.html"])
def test_coding_is_the_one_that_is_liked_best(
    site: Site, server: Server, path: str, accept: str | None, coding: str | None
) -> None:
    headers = {} if accept is None else {"Accept_Encoding": accept}
    got = server.get(f"/{path}", **headers)
    assert (got.status, got.headers.get("content-encoding")) == (200, coding)
    assert got.body == as_served(site.read(path))


@pytest.mark.parametrize("accept", ["identity;q=0", "*;q=0", "deflate, identity;q=0"])
def test_coding_that_cannot_be_is_refused(server: Server, accept: str) -> None:
    assert server.get("/all.atom", Accept_Encoding=accept).status == 406


def test_tags_differ_by_content_and_coding(server: Server) -> None:
    tags = [
        server.get(f"/{path}", Accept_Encoding=coding).tag
        for path in TEXTS
        for coding in ("identity", "gzip", "br", "zstd")
    ]
    assert len(set(tags)) == len(tags)


NONE_MATCH = [
    ("same", lambda tag: tag, 304),
    ("weak", lambda tag: f"W/{tag}", 304),
    ("in a list", lambda tag: f'"x", {tag}, "y"', 304),
    ("weak in a list", lambda tag: f'W/"x",W/{tag}', 304),
    ("star", lambda _: "*", 304),
    ("other", lambda _: '"x"', 200),
    ("other list", lambda _: '"x", W/"y"', 200),
    ("unquoted", lambda tag: tag.strip('"'), 200),
    ("empty", lambda _: "", 200),
]


@pytest.mark.parametrize("path", [*TEXTS, MEDIA])
@pytest.mark.parametrize(("name", "make", "status"), NONE_MATCH, ids=[one[0] for one in NONE_MATCH])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_none_match(
    server: Server, path: str, name: str, make: object, status: int, method: str
) -> None:
    assert callable(make), name
    first = server.get(f"/{path}", Accept_Encoding="gzip")
    headers = {"Accept_Encoding": "gzip", "If_None_Match": make(first.tag)}
    got = server.get(f"/{path}", method, **headers)
    assert got.status == status
    assert got.tag == first.tag
    if status == 304:
        assert got.raw == b""
        kept = ("cache-control", "last-modified", "etag")
        assert {name: got.headers[name] for name in kept} == {
            name: first.headers[name] for name in kept
        }


def test_none_match_in_several_headers(server: Server) -> None:
    tag = server.get("/all.atom").tag
    request = (
        f'GET /all.atom HTTP/1.1\r\nHost: x\r\nIf-None-Match: "x"\r\nIf-None-Match: {tag}\r\n'
        "Connection: close\r\n\r\n"
    )
    assert status_of(server.send(request.encode())) == 304


def test_none_match_of_another_coding_is_another(server: Server) -> None:
    tag = server.get("/all.atom", Accept_Encoding="gzip").tag
    assert server.get("/all.atom", Accept_Encoding="br", If_None_Match=tag).status == 200


@pytest.mark.parametrize("path", ["all.atom", "page.html", MEDIA])
@pytest.mark.parametrize(
    ("change", "status"),
    [(timedelta(0), 304), (DAY, 304), (-DAY, 200)],
    ids=["same", "later", "earlier"],
)
def test_modified_since(server: Server, path: str, change: timedelta, status: int) -> None:
    since = date(server.get(f"/{path}"), change)
    assert server.get(f"/{path}", If_Modified_Since=since).status == status


@pytest.mark.parametrize("since", ["yesterday", "", "Sun, 99 Foo 9999 99:99:99 GMT"])
def test_modified_since_nonsense_counts_as_not_sent(server: Server, since: str) -> None:
    assert server.get("/all.atom", If_Modified_Since=since).status == 200


def test_modified_since_in_the_old_forms_of_dates(server: Server) -> None:
    assert server.get("/all.atom", If_Modified_Since="Sunday, 06-Nov-94 08:49:37 GMT").status == 200
    assert server.get("/all.atom", If_Modified_Since="Sun Nov  6 08:49:37 2067").status == 304


def test_none_match_goes_before_modified_since(server: Server) -> None:
    got = server.get("/all.atom")
    later, earlier = date(got, DAY), date(got, -DAY)
    changed = server.get("/all.atom", If_None_Match='"x"', If_Modified_Since=later)
    same = server.get("/all.atom", If_None_Match=got.tag, If_Modified_Since=earlier)
    assert (changed.status, same.status) == (200, 304)


@pytest.mark.parametrize("path", [*TEXTS, MEDIA, "nothing.atom", "healthz", "query", "query.json"])
def test_head_is_get_without_the_body(server: Server, path: str) -> None:
    get, head = server.get(f"/{path}"), server.get(f"/{path}", "HEAD")
    assert head.raw == b""
    assert head.status == get.status
    assert head.headers | {"date": ""} == get.headers | {"date": ""}


@pytest.mark.parametrize(
    "path", ["/nothing.atom", "/topics/", "/topics", "/media/", "/out/all.atom"]
)
def test_what_never_was_is_not_found(server: Server, path: str) -> None:
    assert server.get(path).status == 404


@pytest.mark.parametrize("extension", ["atom", "rss", "json"])
def test_feed_that_was_retired_is_gone(server: Server, extension: str) -> None:
    got = server.get(f"/topics/old.{extension}")
    assert (got.status, b"unsubscribe" in got.body) == (410, True)


@pytest.mark.parametrize("path", ["/all.atom", f"/{MEDIA}", "/nothing", "/query.atom", "/healthz"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_method_that_changes_things_is_refused(server: Server, path: str, method: str) -> None:
    got = server.get(path, method)
    assert (got.status, got.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_options_lets_scripts_ask_conditionally(server: Server) -> None:
    got = server.get("/all.atom", "OPTIONS")
    assert (got.status, got.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert "If-None-Match" in got.headers["access-control-allow-headers"]


OUTSIDE = [
    "/../secret.html",
    "/%2e%2e/secret.html",
    "/%2e%2e%2fsecret.html",
    "/%252e%252e/secret.html",
    "/topics/../../secret.html",
    "/..\\secret.html",
    "/..%5csecret.html",
    "/..%c0%afsecret.html",
    "/page.html%00.atom",
    "/%00",
    "//page.html",
    "/./page.html",
    "//etc/passwd",
    "/link.html",
    "/.hidden.html",
    "/.feeds-manifest.json",
    "/stranger.html",
    "/all.atom.gz",
    "/all.atom/",
    "/ALL.ATOM",
    "http://other.example/../secret.html",
    "*",
]


@pytest.mark.parametrize("target", OUTSIDE)
def test_nothing_else_is_served_whatever_the_path_says(server: Server, target: str) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = server.send(request.encode())
    assert status_of(answer) in {400, 404}
    assert b"not to be seen" not in answer
    assert b"not ours" not in answer


def test_absolute_target_is_its_path(site: Site, server: Server) -> None:
    request = (
        b"GET http://feeds.example.org/all.atom HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert server.send(request).endswith(site.read("all.atom"))


def test_oversized_requests_are_refused(server: Server) -> None:
    def ask(target: str, *headers: str) -> int:
        lines = "\r\n".join(["Host: x", "Connection: close", *headers])
        return status_of(server.send(f"GET {target} HTTP/1.1\r\n{lines}\r\n\r\n".encode()))

    assert ask("/" + "a" * 9000) == 414
    assert ask("/query.atom?q=" + "a" * 9000) == 414
    assert ask("/" + "a" * 100_000) in {414, 431}
    assert ask("/all.atom", "X: " + "a" * 100_000) == 431
    assert ask("/all.atom", *(f"X-{number}: a" for number in range(500))) == 431
    assert ask("/all.atom", "X: " + "a" * 4000) == 200


@pytest.mark.parametrize(
    ("wanted", "status", "start", "end"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=10-", 206, 10, None),
        ("bytes=-10", 206, -10, None),
        ("bytes=0-999999", 206, 0, None),
        ("bytes=0-1,5-6", 200, 0, None),
        ("bytes=9-1", 200, 0, None),
        ("lines=0-9", 200, 0, None),
        ("bytes=999999-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
    ],
)
def test_range_of_media(
    server: Server, wanted: str, status: int, start: int, end: int | None
) -> None:
    got = server.get(f"/{MEDIA}", Range=wanted)
    assert got.status == status
    if status == 416:
        assert got.headers["content-range"] == f"bytes */{len(IMAGE)}"
        return
    assert got.raw == IMAGE[start:end]
    assert got.headers["content-length"] == str(len(got.raw))


def test_range_holds_only_for_the_file_that_is_meant(server: Server) -> None:
    got = server.get(f"/{MEDIA}")

    def ask(if_range: str) -> int:
        return server.get(f"/{MEDIA}", Range="bytes=0-9", If_Range=if_range).status

    found = [ask(one) for one in (got.tag, '"x"', f"W/{got.tag}", date(got), date(got, -DAY))]
    assert found == [206, 200, 200, 206, 200]


def test_media_never_change(server: Server) -> None:
    got = server.get(f"/{MEDIA}", Accept_Encoding="gzip")
    assert (got.status, got.raw, got.headers["content-type"]) == (200, IMAGE, "image/png")
    assert got.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert got.headers["x-content-type-options"] == "nosniff"


def test_index_links_to_the_form_for_queries(server: Server) -> None:
    body = server.get("/feeds.html").body
    assert body.count(b'<p class="others"><a href="query">') == 1
    assert b"data-query" not in body
    assert server.get("/query").status == 200
