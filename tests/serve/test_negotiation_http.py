"""All lines of all headers that decide an answer: read as RFC 9110 has it, and never mixed up."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.processes import wait_until
from tests.support.serving import BROWSERS, Server, add_to_manifest, settle
from tests.support.serving import status_of as status_in
from tests.support.site import Site

MEDIA = "media/ab/cd.png"
IMAGE = bytes(range(256))
DATE = 1_700_000_000
SAME, EARLIER, LATER = (formatdate(DATE + change, usegmt=True) for change in (0, -9, 9))
UNIQUE = itertools.count()
TARGETS = ["/all.atom", "/feeds.opml", f"/{MEDIA}", "/query.json?q=story"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("conditions") / "site")
    site.seed()
    site.publish()
    (site.out / MEDIA).parent.mkdir(parents=True)
    (site.out / MEDIA).write_bytes(IMAGE)
    add_to_manifest(site.out, MEDIA)
    settle(site)
    return site


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    with Server(site) as server:
        yield server
        assert "failed" not in server.log()


def raw(server: Server, path: str, *lines: str, method: str = "GET") -> bytes:
    """Sends exactly these lines after a Host header; returns the whole answer."""
    head = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *lines, "", ""]
    return server.send("\r\n".join(head).encode("latin-1"))


def status(server: Server, path: str, *lines: str, method: str = "GET") -> int:
    return status_in(raw(server, path, *lines, method=method))


def media_type(answer: bytes) -> bytes:
    return answer.partition(b"content-type: ")[2].partition(b";")[0]


@pytest.mark.parametrize("path", TARGETS)
def test_conditions_in_several_lines_change_nothing_for_those_who_send_the_first(
    server: Server, path: str
) -> None:
    other, tag = 'If-None-Match: "never"', f"If-None-Match: {server.get(path).tag}"
    for _ in range(2):
        assert status(server, path, other, tag) == 304
        assert status(server, path, other) == 200
        assert status(server, path, tag, other) == 304
        assert status(server, path, tag) == 304
        assert status(server, path) == 200


LINES = st.sampled_from(
    [
        *("If-None-Match: {tag}", 'If-None-Match: "x"', 'If-None-Match: "x",, ,{tag},'),
        *("If-None-Match: *", "If-None-Match: \xe9", "If-Match: {tag}", 'If-Match: "x"'),
        *("If-Match: *", f"If-Modified-Since: {EARLIER}", "If-Modified-Since: {date}"),
        *("If-Unmodified-Since: {date}", f"If-Unmodified-Since: {EARLIER}", "A-IM: feed"),
        *("Accept-Encoding: gzip", "Accept-Encoding: br", "Accept-Encoding: ,gzip;q=0,,"),
        *("Accept-Encoding: *;q=0", "Accept: text/html", "Accept: application/rss+xml"),
        *("Accept: text/html,,*/*", "Range: bytes=0-3", "Range: bytes=9-", "If-Range: {tag}"),
        *("Cookie: a=b", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: evil.example"),
        *("X-Forwarded-Proto: https", "X-Original-URL: /x", "Forwarded: host=evil.example"),
    ]
)


def shown(answer: bytes) -> tuple[int, list[bytes], bytes]:
    """Returns all of an answer but its date."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n")[1:] if not line.startswith(b"date:")]
    return status_in(answer), sorted(lines), body


@given(st.sampled_from(TARGETS[:3]), st.lists(LINES, max_size=5))
def test_conditions_of_one_client_never_reach_another(
    server: Server, path: str, lines: list[str]
) -> None:
    known = server.get(path)
    values = {"tag": known.tag, "date": known.headers["last-modified"]}
    filled = [line.format(**values) for line in lines]
    # Nobody else has asked for this address, so its answer is made for this request alone.
    alone = shown(raw(server, f"{path}?{next(UNIQUE)}", *filled))
    for _ in range(2):
        assert shown(raw(server, path, *filled)) == alone


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["Accept: text/html", "Accept: */*"], b"application/xml"),
        (["Accept: */*", "Accept: text/html"], b"application/xml"),
        (["Accept: text/html", "Accept: application/atom+xml"], b"application/atom+xml"),
        (["Accept: application/atom+xml", "Accept: text/html"], b"application/atom+xml"),
        (["Accept: ,, text/html,,"], b"application/xml"),
        (["Accept: text/html;q=0, */*"], b"application/atom+xml"),
        ([f"Accept: {BROWSERS[0]}"], b"application/xml"),
    ],
)
def test_accept_counts_with_all_its_lines(server: Server, lines: list[str], wanted: bytes) -> None:
    assert media_type(raw(server, "/all.atom", *lines)) == wanted


@pytest.mark.parametrize(
    ("lines", "coding"),
    [
        (["gzip;q=0.5", "br"], b"br"),
        (["br;q=0.5", "gzip"], b"gzip"),
        (["identity", "gzip"], b"gzip"),
        ([",,gzip,,"], b"gzip"),
        ([", ,"], b""),
        (["deflate", "*;q=0, identity"], b""),
    ],
)
def test_accept_encoding_counts_with_all_its_lines(
    server: Server, lines: list[str], coding: bytes
) -> None:
    answer = raw(server, "/all.atom", *(f"Accept-Encoding: {line}" for line in lines))
    assert answer.partition(b"content-encoding: ")[2].partition(b"\r\n")[0] == coding


def test_accept_encoding_that_refuses_all_in_its_second_line(server: Server) -> None:
    assert status(server, "/all.atom", "Accept-Encoding: deflate", "Accept-Encoding: *;q=0") == 406


def test_range_in_several_lines_is_several_ranges_and_none_for_head(server: Server) -> None:
    path = f"/{MEDIA}"
    assert status(server, path, "Range: bytes=0-3") == 206
    assert status(server, path, "Range: bytes=,0-3,") == 206
    assert status(server, path, "Range: bytes=0-3", "Range: bytes=5-6") == 200
    assert status(server, path, "Range: bytes=0-3", method="HEAD") == 200
    tag = server.get(path).tag
    assert status(server, path, "Range: bytes=0-3", f"If-Range: {tag}") == 206
    assert status(server, path, "Range: bytes=0-3", f"If-Range: {tag}", 'If-Range: "x"') == 200


@pytest.mark.parametrize("path", [*TARGETS, "/query"])
def test_preconditions_are_obeyed_in_their_order(server: Server, path: str) -> None:
    if path != "/query":
        wait_until(lambda: "last-modified" in server.get(path).headers)
    known = server.get(path)
    tag, date = known.tag, known.headers.get("last-modified", SAME)
    mine, weak, other = f"If-Match: {tag}", f"If-Match: W/{tag}", 'If-Match: "x"'
    assert status(server, path, mine) == 200
    assert status(server, path, "If-Match: *") == 200
    assert status(server, path, other, f"If-Match: ,{tag}") == 200
    assert status(server, path, mine, f"If-None-Match: {tag}") == 304
    for method in ("GET", "HEAD"):
        for failing in (weak, other, "If-Match:", "If-Match: \xe9"):
            assert status(server, path, failing, method=method) == 412
            assert status(server, path, failing, f"If-None-Match: {tag}", method=method) == 412
    assert status(server, path, mine, f"If-Unmodified-Since: {EARLIER}") == 200
    if path != "/query":
        assert status(server, path, f"If-Unmodified-Since: {EARLIER}") == 412
        assert status(server, path, f"If-Unmodified-Since: {EARLIER}", "If-None-Match: *") == 412
    assert status(server, path, f"If-Unmodified-Since: {date}") == 200
    assert status(server, path, "If-Unmodified-Since: yesterday") == 200


@pytest.mark.parametrize("path", ["/nothing.atom", "/healthz"])
def test_preconditions_do_not_count_where_there_is_nothing_to_condition(
    server: Server, path: str
) -> None:
    assert status(server, path, 'If-Match: "x"') == status(server, path)


HOSTS = {
    "none": [],
    "two": ["a", "b"],
    "the same twice": ["a", "a"],
    "empty": [""],
    "space": ["a b"],
    "list": ["a, b"],
    "comma": ["a,b"],
    "path": ["a/b"],
    "user": ["u@a"],
    "query": ["a?b"],
    "port": ["a:b"],
    "ports": ["a:1:2"],
    "bracket": ["[::1"],
    "no address": ["[::g]"],
    "only port": [":80"],
    "other signs": ["\xe9.org"],
    "control": ["a\tb"],
    "percent": ["a%2"],
    "long": ["a" * 300],
    "tag": ["<a>"],
}


@pytest.mark.parametrize("path", ["/all.atom", f"/{MEDIA}", "/healthz", "/nothing", "/query"])
@pytest.mark.parametrize("hosts", HOSTS.values(), ids=HOSTS)
def test_host_that_is_wrong_is_400(server: Server, path: str, hosts: list[str]) -> None:
    lines = "".join(f"Host: {host}\r\n" for host in hosts)
    for _ in range(2):
        for target in (path, f"http://a{path}"):
            request = f"GET {target} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n"
            assert status_in(server.send(request.encode("latin-1"))) == 400
        server.get(path)  # what is ready for others is not for them


@pytest.mark.parametrize(
    "host",
    ["a", "feeds.example.org", "a_b.example:8000", "127.0.0.1:80", "[::1]:8000", "[v1.a]", "a.:"],
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_host_that_is_right_is_answered(server: Server, host: str, version: str) -> None:
    request = f"GET /all.atom HTTP/{version}\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    assert status_in(server.send(request.encode(), 20)) == 200


def test_host_may_be_missing_before_http_1_1_but_not_be_wrong(server: Server) -> None:
    assert status_in(server.send(b"GET /all.atom HTTP/1.0\r\n\r\n", 20)) == 200
    assert status_in(server.send(b"GET /all.atom HTTP/1.0\r\nHost: a b\r\n\r\n", 20)) == 400
    assert status_in(server.send(b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 20)) == 400


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "PUT"])
def test_host_is_looked_at_first(server: Server, method: str) -> None:
    request = f"{method} /all.atom HTTP/1.1\r\nConnection: close\r\n\r\n".encode()
    assert status_in(server.send(request, 20)) == 400
