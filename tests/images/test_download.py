"""One image by HTTP from a real server that misbehaves: what is said of it in the end."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import resource
import socket
import time
import zlib
from collections.abc import AsyncIterator, Iterator

import pytest

from feeds.images.download import Limits, download
from feeds.images.http import Client, Guard
from feeds.images.retry import Download
from tests.support.imaging import Behaviour, Request, Server, picture, serving

BYTES = 200_000
NO_URL = "a redirect to something that is not an http(s) URL without user info"
LIMITS = Limits(BYTES, 20, pause=0.01)
DATA = picture()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@contextlib.asynccontextmanager
async def free(_: str) -> AsyncIterator[None]:
    yield


def ask(
    url: str, allow: tuple[str, ...] = ("127.0.0.1",), etag: str = "", limits: Limits = LIMITS
) -> Download:
    """Asks for one image, as a fetch does."""
    conditions = {"If-None-Match": etag} if etag else {}

    async def asking() -> Download:
        client = Client(Guard(allow), "feeds/1 (+https://site.example/)", 2)
        async with contextlib.aclosing(client):
            return await download(client, url, conditions, limits, free)

    return asyncio.run(asking())


def failing(times: int, status: str, **headers: str) -> Behaviour:
    """Returns a behaviour that fails some times and then answers."""
    left = [times]

    def behave(request: Request) -> None:
        left[0] -= 1
        if left[0] >= 0:
            request.answer(status, b"<html>", **headers)
        else:
            request.answer(body=DATA)

    return behave


def test_download_brings_the_bytes_and_what_the_server_calls_them(server: Server) -> None:
    url = server.serve("/good", DATA, ETag='"1"', Last_Modified="Mon, 02 Feb 2026 08:00:00 GMT")
    answer = ask(url)
    assert answer == Download("fetched", "", DATA, '"1"', "Mon, 02 Feb 2026 08:00:00 GMT")


def test_download_says_who_asks_and_nothing_more(server: Server) -> None:
    ask(server.serve("/polite", DATA, Set_Cookie="who=me; Path=/"))
    ask(server.url("/polite"))
    for headers in server.asked("/polite"):
        assert headers["user-agent"] == "feeds/1 (+https://site.example/)"
        assert set(headers) == {"host", "user-agent", "accept", "accept-encoding"}


def test_download_keeps_no_cookie_between_requests(server: Server) -> None:
    server.serve("/after-cookie", DATA)
    url = server.behave(
        "/cookie",
        lambda request: request.answer("302 Found", Location="/after-cookie", Set_Cookie="who=me"),
    )
    assert ask(url).result == "fetched"
    assert "cookie" not in server.asked("/after-cookie")[0]


def test_download_asks_conditionally(server: Server) -> None:
    url = server.behave("/same", lambda request: request.answer("304 Not Modified"))
    assert ask(url, etag='"1"').result == "same"
    assert server.asked("/same")[0]["if-none-match"] == '"1"'


def test_download_takes_no_304_that_was_not_asked_for(server: Server) -> None:
    url = server.behave("/304", lambda request: request.answer("304 Not Modified"))
    assert ask(url) == Download("refused", "answered 304 Not Modified")


@pytest.mark.parametrize(
    ("status", "result", "requests"),
    [
        ("404 Not Found", "missing", 1),
        ("410 Gone", "missing", 1),
        ("401 Unauthorized", "refused", 1),
        ("403 Forbidden", "refused", 1),
        ("206 Partial Content", "refused", 1),
        ("204 No Content", "refused", 1),
        ("300 Multiple Choices", "refused", 1),
        ("429 Too Many Requests", "failed", 3),
        ("500 Internal Server Error", "failed", 3),
        ("503 Service Unavailable", "failed", 3),
    ],
)
def test_download_of_what_is_not_given(
    server: Server, status: str, result: str, requests: int
) -> None:
    path = f"/{status[:3]}-always"
    url = server.behave(path, lambda request: request.answer(status))
    answer = ask(url)
    assert (answer.result, answer.reason) == (result, f"answered {status}")
    assert len(server.asked(path)) == requests


@pytest.mark.parametrize("status", ["429 Too Many Requests", "502 Bad Gateway"])
def test_download_tries_again_what_may_pass(server: Server, status: str) -> None:
    path = f"/passes-{status[:3]}"
    url = server.behave(path, failing(2, status))
    assert ask(url).data == DATA
    assert len(server.asked(path)) == 3


def test_download_waits_as_long_as_it_is_told(server: Server) -> None:
    url = server.behave("/wait", failing(1, "429 Too Many Requests", Retry_After="1"))
    began = time.monotonic()
    assert ask(url).result == "fetched"
    assert time.monotonic() - began >= 1


def test_download_remembers_what_it_is_told_to_wait_too_long_for(server: Server) -> None:
    url = server.behave("/later", failing(9, "429 Too Many Requests", Retry_After="3600"))
    answer = ask(url)
    assert (answer.result, answer.wait) == ("failed", 3600)
    assert len(server.asked("/later")) == 1


def test_download_ends_a_drip_in_time(server: Server) -> None:
    began = time.monotonic()
    answer = ask(server.drip("/drip"), limits=LIMITS._replace(seconds=0.5))
    assert answer == Download("failed", "took longer than 0.5 s (images.timeout)")
    assert time.monotonic() - began < 30


def test_download_stops_a_flood(server: Server) -> None:
    answer = ask(server.flood("/flood"))
    assert (answer.result, answer.reason) == (
        "refused",
        f"larger than images.max_bytes ({BYTES} bytes)",
    )


def test_download_refuses_what_says_that_it_is_too_large(server: Server) -> None:
    url = server.behave("/huge", lambda one: one.answer(body=b"", Content_Length=str(10**15)))
    assert "larger" in ask(url).reason


@pytest.mark.parametrize("over", [0, 1])
def test_download_takes_so_many_bytes_and_no_more(server: Server, over: int) -> None:
    answer = ask(server.serve(f"/limit{over}", b"x" * (BYTES + over)))
    assert answer.result == ("refused" if over else "fetched")


def test_download_does_not_unpack_a_bomb(server: Server) -> None:
    url = server.bomb("/bomb")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "larger" in ask(url).reason
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10  # KiB


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(DATA)),
        ("deflate", zlib.compress(DATA)),
        ("x-gzip", gzip.compress(DATA)),
    ],
)
def test_download_unpacks_what_is_packed_unasked(server: Server, coding: str, body: bytes) -> None:
    assert ask(server.serve(f"/{coding}", body, Content_Encoding=coding)).data == DATA


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_download_refuses_codings_that_it_cannot_read(server: Server, coding: str) -> None:
    answer = ask(server.serve(f"/coded-{coding}", DATA, Content_Encoding=coding))
    assert (answer.result, coding in answer.reason) == ("refused", True)


@pytest.mark.parametrize("length", [len(DATA) + 1000, len(DATA) - 300])
def test_download_is_not_fooled_by_a_wrong_length(server: Server, length: int) -> None:
    answer = ask(server.serve(f"/length{length}", DATA, Content_Length=str(length)))
    assert answer.result == "failed" if length > len(DATA) else answer.data == DATA[:length]


def test_download_tries_again_after_a_reset(server: Server) -> None:
    answer = ask(server.break_off("/reset"))
    assert (answer.result, answer.reason.split(":")[0]) == ("failed", "connection")
    assert len(server.asked("/reset")) == 3


@pytest.mark.parametrize("junk", [b"", b"\0\xff not HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nbroken"])
def test_download_survives_what_is_not_http(server: Server, junk: bytes) -> None:
    answer = ask(server.behave("/junk", lambda request: request.send(junk)))
    assert answer.result == "failed"


def test_download_tells_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free_port:
        port = free_port.getsockname()[1]
    assert ask(f"http://127.0.0.1:{port}/").result == "failed"


@pytest.mark.parametrize(
    "location",
    [
        *("about:blank", "about:", "data:image/png;base64,AAAA", "javascript:alert(1)", "urn:a:b"),
        *("mailto:a@b", "blob:http://127.0.0.1/1", "ws://127.0.0.1/"),
        *("http://[", "http://]/", "http://[::1", "http://%5b/", "http://%00/"),
        *("http://xn--a/", "http://xn--zzzzzz.example/", "http://\u00ad/", "http://a..b/"),
        *("http://.example/", "http://" + "a" * 64 + ".example/", "http://" + "\u00fc" * 64 + "/"),
        *("http://127.0.0.1:99999/", "http://127.0.0.1:x/", "http://127.0.0.1:-1/"),
        *("http://\x7f/", "/" + "x" * 70_000),
    ],
    ids=lambda location: ascii(location)[:30],
)
def test_download_refuses_redirects_to_what_is_no_url(server: Server, location: str) -> None:
    answer = ask(server.redirect("/nowhere", location))
    assert (answer.result, answer.reason) == ("refused", NO_URL)


@pytest.mark.parametrize(
    "location",
    [
        "",
        "?",
        "#a",
        "://",
        "http:",
        "http://",
        "http:///path",
        "//",
        "HTTP:\\\\a\\b",
        "a b",
        "%zz",
        "\x01",
        "\u00e9",
    ],
)
def test_download_takes_other_redirects_as_addresses_on_the_host(
    server: Server, location: str
) -> None:
    assert ask(server.redirect("/folder/odd", location)).result in {"missing", "refused", "failed"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Length": "9" * 5000},
        {"Content_Length": "-1"},
        {"Content_Length": "\u00b2"},
        {"Content_Length": "12, 13"},
        {"Content_Encoding": "\u00e9"},
        {"Content_Encoding": "gzip, gzip"},
        {"Transfer_Encoding": "nonsense"},
        {"Retry_After": "\u00b2"},
        {"Set_Cookie": "\u00e9=\x7f; expires=never; domain=..;;="},
        {"Link": "<" * 5000},
        {"X": "\x0b"},
    ],
    ids=lambda headers: ascii(headers)[:40],
)
@pytest.mark.parametrize("status", ["200 OK", "503 \u00e9", "302 Found", "304 Same", "999 What"])
def test_download_raises_for_no_header(
    server: Server, headers: dict[str, str], status: str
) -> None:
    odd = server.behave("/odd", lambda request: request.answer(status, DATA, **headers))
    answer = ask(odd, limits=LIMITS._replace(pause=0))
    assert answer.result in {"fetched", "refused", "failed"}


@pytest.mark.parametrize(
    "etag", ['"\u00e9"', '"' + "a" * 5000 + '"', '"a\tb"', 'W/"\x80"'], ids=ascii
)
def test_download_keeps_no_validator_that_cannot_be_sent_back(server: Server, etag: str) -> None:
    answer = ask(server.serve("/etag", DATA, ETag=etag, Last_Modified=etag))
    assert (answer.data, answer.etag, answer.modified) == (DATA, "", "")


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
def test_download_follows_redirects(server: Server, status: str) -> None:
    server.serve("/target", DATA)
    assert ask(server.redirect(f"/to{status}", "target", f"{status} There")).data == DATA


@pytest.mark.parametrize(("hops", "result"), [(5, "fetched"), (6, "refused")])
def test_download_follows_five_redirects(server: Server, hops: int, result: str) -> None:
    server.serve("/hop0", DATA)
    for hop in range(1, 7):
        server.redirect(f"/hop{hop}", f"/hop{hop - 1}")
    assert ask(server.url(f"/hop{hops}")).result == result


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("/circle", "more than 5 redirects"),
        ("http://127.0.0.2:80/", "127.0.0.2 is not a public address"),
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254 is not a public address"),
        ("http://[::1]/", "is not a public address"),
        ("http://[::ffff:10.0.0.1]/", "is not a public address"),
        ("http://2130706433/", "is not a public address"),
        ("http://10.0.0.1:22/", "port 22 of 10.0.0.1: only ports 80 and 443 are allowed"),
        ("http://me:secret@127.0.0.1/", NO_URL),
        ("ftp://127.0.0.1/", NO_URL),
        ("file:///etc/passwd", NO_URL),
    ],
)
def test_download_refuses_redirects_that_lead_astray(
    server: Server, location: str, reason: str
) -> None:
    answer = ask(server.redirect("/circle", location))
    assert answer.result == "refused"
    assert answer.reason.endswith(reason)


def test_download_asks_no_private_address_at_first(server: Server) -> None:
    url = server.serve("/never", DATA)
    answer = ask(url, allow=())
    assert (answer.result, server.asked("/never")) == ("refused", [])
