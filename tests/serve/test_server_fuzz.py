"""Whatever is asked for over a real socket: never a fault of ours, never a file from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.serving import Server, add_to_manifest, as_served, status_of
from tests.support.site import Site

# Stands in every file that is not to be served.
MARK = "not to be seen"
HIDDEN = (".hidden.html", ".hidden/a.html", "stranger.html", "all.atom.gz")

PREFIXES = (
    *(b"/", b"/", b"/", b"//", b"/./", b"", b"\\", b"topics/"),
    *(b"http://feeds.example.org/", b"http://a.example", b"HTTP://[::1]:99999/", b"file:///", b"*"),
)
PIECES = (
    *(
        b"..",
        b".",
        b"/",
        b"//",
        b"\\",
        b":",
        b";",
        b"?",
        b"#",
        b"*",
        b"~",
        b"%",
        b"\x00",
        b"\t",
        b" ",
    ),
    *(
        b"%2e",
        b"%2E%2e",
        b"%2f",
        b"%5c",
        b"%00",
        b"%0a",
        b"%23",
        b"%3f",
        b"%252e%252e%252f",
        b"%zz",
    ),
    *(b"%c0%ae", b"%c0%af", b"%e0%80%ae", b"%ff", b"%u002e", b"\xc3\xa9", b"\xff", b"%F0%9F%98%80"),
    *(b"topics", b"media", b"out", b".feeds", b"state.db", b"config.toml", b"secret.html", b"etc"),
    *(b"all.atom", b"index.html", b"link.html", b".hidden.html", b".feeds-manifest.json", b".gz"),
    *(b"query.atom", b"query", b"a" * 300, b"a" * 9000),
)
TARGETS = st.builds(
    lambda prefix, pieces: prefix + b"".join(pieces),
    st.sampled_from(PREFIXES),
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=12),
)

NAMES = (
    *(b"topic", b"provider", b"min_quality", b"q", b"limit"),
    *(b"Q", b"topic[]", b"%71", b"to%70ic", b"x", b"", b"\xff", b"%00"),
)
VALUES = (
    *(
        b"ai",
        b"sky.com",
        b"60",
        b"1",
        b"",
        b"+",
        b"%20",
        b"%2B",
        b"%26",
        b"%3D",
        b"=",
        b"'",
        b"%22",
    ),
    *(b"%00", b"%ff", b"%c3%28", b"%zz", b"%", b"%e2%80%ae", b"%0d%0a", b"\xd9\xa1", b"%D9%A1"),
    *(b"-1", b"-0", b"1e9", b"0x1f", b"NaN", b"9" * 400, b"a" * 201, b"a+" * 17, b"a" * 9000),
    *(b"NEAR(a+b,3)", b"title:x", b"a+OR+b", b"%22a", b"*", b"^a", b"{a}:b", b"--", b"a.." * 99),
)
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from((b"=", b"=", b"=", b"", b"==")),
        st.sampled_from(VALUES) | st.binary(max_size=8),
        st.sampled_from((b"&", b"&", b"&", b"&&", b";", b"?")),
    ).map(b"".join),
    max_size=60,
).map(b"".join)

whatever = settings(max_examples=settings().max_examples * 3)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("fuzz") / "site")
    site.configure(f"# {MARK}\n")
    site.seed()
    site.publish()
    (site.out / ".hidden").mkdir()
    for path in (*HIDDEN, "../secret.html"):
        (site.out / path).write_text(MARK, encoding="utf-8")
    (site.out / "link.html").symlink_to(site.root / "secret.html")
    add_to_manifest(site.out, ".hidden.html", ".hidden/a.html", "all.atom.gz", "link.html")
    return site


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    with Server(site) as server:
        yield server
        assert server.get("/all.atom").status == 200
        assert "failed" not in server.log()


def ask(server: Server, target: bytes) -> tuple[int, bytes]:
    """Sends exactly this target, but for ends of lines; returns the status and the body."""
    line = b"GET %s HTTP/1.1\r\n" % target.replace(b"\r", b"").replace(b"\n", b"")
    answer = server.send(line + b"Host: x\r\nConnection: close\r\n\r\n")
    return status_of(answer), answer.partition(b"\r\n\r\n")[2]


@whatever
@given(TARGETS)
@example(b"/../secret.html")
@example(b"/topics/%2e%2e/%2e%2e/secret.html")
@example(b"http://feeds.example.org/../secret.html")
@example(b"/..%5csecret.html")
@example(b"/link.html\x00.atom")
@example(b"/" + b"../" * 3000 + b"secret.html")
def test_target_of_whatever_is_a_document_or_refused(
    site: Site, server: Server, target: bytes
) -> None:
    status, body = ask(server, target)
    assert status in {200, 400, 404, 414}
    assert MARK.encode() not in body
    if status == 200 and b"query" not in target:
        assert body in map(as_served, site.documents().values())


@whatever
@given(st.sampled_from(("atom", "rss", "json")), QUERIES)
@example("json", b"topic=ai&topic=ai&topic=robotics")
@example("json", b"q=a&q=b&limit=x&unknown=1&min_quality=%zz")
@example("atom", b"topic=a&" * 60)
def test_query_of_whatever_is_answered_or_told_why_not(
    server: Server, extension: str, query: bytes
) -> None:
    status, body = ask(server, f"/query.{extension}?".encode() + query)
    assert status in {200, 400, 414}
    if status == 200 and extension == "json":
        assert json.loads(body)["feed_url"].startswith("https://feeds.example.org/query.json?")
    assert MARK.encode() not in body
