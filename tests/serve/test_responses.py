"""Answers with texts and media in tables, without a socket: status, headers and bodies."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from feeds.common.times import http_date
from feeds.serve import responses
from feeds.serve.messages import PAGE_HEADERS, Answer, BodyCache, Request, Stream, digest_of
from feeds.serve.negotiation import accepts_deltas
from feeds.serve.publication import Deltas, entry_digests
from feeds.serve.responses import (
    CachePolicy,
    TextFile,
    answer_media,
    answer_text,
    digest_in,
    tag_of,
)
from feeds.store.server_files import Versions
from tests.support.rendering import make_item, render_items
from tests.support.site import config_of

URL = "https://example.org/all.atom"
TIME_UNIX = 1_700_000_000
POLICY = CachePolicy(config_of('[site]\nhub = "https://hub.example.org/"\n'))
PATH = "media/ab/cd.png"
MEDIA = bytes(range(100))


class Shelf:
    """A text in memory, with the versions of it that are known."""

    def __init__(self, root: Path, limit: int = 1 << 20) -> None:
        self.bodies = BodyCache(limit)
        self.versions = Versions(root / "versions.db", pytest.fail)
        self.deltas = Deltas(self.versions, self.bodies, 3600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.versions.close()

    def answer(self, path: str, data: bytes, request: Request, **fields: Any) -> Answer:
        text = TextFile(path, digest_of(data), TIME_UNIX, URL, lambda: data)
        return answer_text(request, text._replace(**fields), POLICY, self.deltas)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with Shelf(tmp_path) as shelf:
        yield shelf


def get(**fields: Any) -> Request:
    return Request("GET", "/", **fields)


def test_text_is_sent_with_what_caches_and_readers_need(shelf: Shelf) -> None:
    answer = shelf.answer("all.atom", b"<feed/>", get())
    assert (answer.status, answer.body, answer.format_name, answer.coding) == (
        *(200, b"<feed/>"),
        *("atom", ""),
    )
    assert dict(answer.headers) == {
        "etag": f'"{digest_of(b"<feed/>")}"',
        "last-modified": http_date(TIME_UNIX),
        "cache-control": "public, max-age=900",
        "x-content-type-options": "nosniff",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "ETag, IM, Link",
        "link": f'<{URL}>; rel="self", <https://hub.example.org/>; rel="hub"',
        "vary": "Accept-Encoding, Accept",
        "content-type": "application/atom+xml; charset=utf-8",
    }


@pytest.mark.parametrize(
    ("path", "vary", "shared", "links"),
    [
        ("all.atom", "Accept-Encoding, Accept", True, True),
        ("all.rss", "Accept-Encoding, Accept", True, True),
        ("all.json", "Accept-Encoding", True, True),
        ("feeds.opml", "Accept-Encoding", True, False),
        ("index.html", "Accept-Encoding", False, False),
        ("assets/style.css", "Accept-Encoding", False, False),
    ],
)
def test_text_has_the_headers_of_its_kind(
    shelf: Shelf,
    path: str,
    vary: str,
    shared: bool,  # noqa: FBT001
    links: bool,  # noqa: FBT001
) -> None:
    headers = dict(shelf.answer(path, b"x", get()).headers)
    assert headers["vary"] == vary
    assert ("access-control-allow-origin" in headers) is shared
    assert ("link" in headers) is links
    assert (set(PAGE_HEADERS) <= set(headers.items())) is path.endswith("html")


@pytest.mark.parametrize(
    ("age_s", "status", "has_date"),
    [(-1, 200, False), (0, 200, False), (0.99, 200, False), (1, 304, True), (60, 304, True)],
    ids=["of a clock ahead", "this moment", "this second", "the last second", "old"],
)
def test_text_has_a_date_once_no_other_version_can_have_the_same(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, age_s: float, status: int, *, has_date: bool
) -> None:
    clock = SimpleNamespace(time=lambda: TIME_UNIX + age_s)
    monkeypatch.setattr(responses, "time", clock)
    answer = shelf.answer("all.atom", b"<feed/>", get())
    assert ("last-modified" in dict(answer.headers), answer.lasting) == (has_date, has_date)
    again = shelf.answer("all.atom", b"<feed/>", get(since=http_date(TIME_UNIX)))
    assert (again.status, again.lasting) == (status, has_date)


def test_text_has_its_own_headers_and_a_date_only_if_it_has_a_time(shelf: Shelf) -> None:
    own = (("referrer-policy", "no-referrer"),)
    answer = shelf.answer("query.html", b"x", get(), modified_unix=None, headers=own)
    assert "last-modified" not in dict(answer.headers)
    assert dict(answer.headers)["referrer-policy"] == "no-referrer"
    tag = dict(answer.headers)["etag"]
    again = shelf.answer("query.html", b"x", get(none_match=tag), modified_unix=None, headers=own)
    assert (again.status, dict(again.headers)["referrer-policy"]) == (304, "no-referrer")


@pytest.mark.parametrize(
    ("path", "browser", "media_type", "variant"),
    [
        ("all.atom", True, "application/xml; charset=utf-8", "xml"),
        ("all.rss", True, "application/xml; charset=utf-8", "xml"),
        ("all.rss", False, "application/rss+xml; charset=utf-8", ""),
        ("all.json", True, "application/feed+json; charset=utf-8", ""),
        ("index.html", True, "text/html; charset=utf-8", ""),
    ],
)
def test_text_has_a_type_and_a_tag_for_browsers(
    shelf: Shelf,
    path: str,
    browser: bool,  # noqa: FBT001
    media_type: str,
    variant: str,
) -> None:
    headers = dict(shelf.answer(path, b"x", get(browser=browser, encodings="gzip")).headers)
    assert headers["content-type"] == media_type
    assert headers["etag"] == f'"{tag_of(digest_of(b"x"), "gzip", variant)}"'
    assert digest_in(headers["etag"].strip('"')) == digest_of(b"x")


def test_text_is_coded_as_the_client_prefers(shelf: Shelf) -> None:
    answer = shelf.answer("all.atom", b"x" * 99, get(encodings="gzip"))
    assert dict(answer.headers)["content-encoding"] == answer.coding == "gzip"
    assert zlib.decompress(answer.body, 31) == b"x" * 99
    refused = shelf.answer("all.atom", b"x", get(encodings="*;q=0"))
    assert (refused.status, dict(refused.headers)["vary"]) == (406, "Accept-Encoding")


def test_text_that_is_unchanged_is_304_with_the_headers_of_the_whole(shelf: Shelf) -> None:
    whole = shelf.answer("all.atom", b"x", get())
    answer = shelf.answer("all.atom", b"x", get(none_match=dict(whole.headers)["etag"]))
    assert (answer.status, answer.body, answer.format_name) == (304, b"", "atom")
    assert sorted(answer.headers) == sorted(
        pair for pair in whole.headers if pair[0] != "content-type"
    )
    assert shelf.answer("all.atom", b"x", get(since=http_date(TIME_UNIX))).status == 304
    # A body in another coding is another body.
    tag = dict(whole.headers)["etag"]
    assert shelf.answer("all.atom", b"x", get(none_match=tag, encodings="gzip")).status == 200


def test_text_that_is_not_what_the_client_wants_is_412(shelf: Shelf) -> None:
    assert shelf.answer("all.atom", b"x", get(match='"y"')).status == 412
    early = http_date(TIME_UNIX - 1)
    assert shelf.answer("all.atom", b"x", get(unmodified_since=early)).status == 412


def test_text_that_memory_has_no_room_for_is_not_lasting(shelf: Shelf, tmp_path: Path) -> None:
    assert shelf.answer("all.atom", b"x" * 999, get()).lasting
    with Shelf(tmp_path / "small", limit=500) as small_shelf:
        small = small_shelf.answer("all.atom", b"x" * 999, get())
    assert (small.lasting, small.body) == (False, b"x" * 999)


@pytest.mark.parametrize("extension", ["atom", "rss", "json"])
def test_delta_holds_what_is_new_and_no_cache_may_keep_it(shelf: Shelf, extension: str) -> None:
    path, old = f"all.{extension}", render_items(make_item(1))[extension]
    new = render_items(make_item(2), make_item(1))[extension]
    shelf.deltas.record(path, digest_of(old), old)
    known = f'"{tag_of(digest_of(old), "br", "xml")}"'
    answer = shelf.answer(path, new, get(none_match=f'"never", {known}', a_im="feed"))
    headers = dict(answer.headers)
    assert (answer.status, headers["im"]) == (226, "feed")
    assert len(headers) == len(answer.headers)  # none twice
    assert headers["cache-control"] == "no-store, im"
    assert headers["vary"].endswith("A-IM, If-None-Match")
    assert headers["etag"] == f'"{digest_of(new)}"'
    assert entry_digests(extension, answer.body) == entry_digests(extension, new)[:1]
    for request in (get(none_match=known), get(none_match='"x"', a_im="feed"), get(a_im="feed")):
        assert shelf.answer(path, new, request).status == 200
    assert shelf.answer("index.html", new, get(none_match=known, a_im="feed")).status == 200


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, False),
        ("", False),
        ("feed", True),
        ("FEED;q=0.5", True),
        ("vcdiff, feed", True),
        ("feed;q=0", False),
        ("vcdiff", False),
        ("feeds", False),
    ],
)
def test_deltas_are_for_those_who_ask(header: str | None, accepted: bool) -> None:  # noqa: FBT001
    assert accepts_deltas(header) is accepted


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / PATH).parent.mkdir(parents=True)
    (tmp_path / PATH).write_bytes(MEDIA)
    os.utime(tmp_path / PATH, (TIME_UNIX, TIME_UNIX))
    return tmp_path


def media(out: Path, method: str = "GET", **fields: Any) -> Answer | Stream:
    return answer_media(out, PATH, Request(method, "/", **fields), 900)


@pytest.mark.parametrize(
    ("fields", "status", "length", "content_range"),
    [
        ({}, 200, "100", None),
        ({"range": "bytes=0-3"}, 206, "4", "bytes 0-3/100"),
        ({"range": "bytes=-3"}, 206, "3", "bytes 97-99/100"),
        ({"range": "bytes=90-200"}, 206, "10", "bytes 90-99/100"),
        ({"range": "bytes=0-3, 5-6"}, 200, "100", None),
        ({"range": "bytes=100-"}, 416, None, "bytes */100"),
        ({"range": "bytes=0-3", "method": "HEAD"}, 200, "100", None),
        ({"range": "bytes=0-3", "if_range": '"x"'}, 200, "100", None),
        ({"range": "bytes=100-", "if_range": '"x"'}, 200, "100", None),
        ({"range": "bytes=0-3", "if_range": http_date(TIME_UNIX)}, 206, "4", "bytes 0-3/100"),
        ({"since": http_date(TIME_UNIX)}, 304, None, None),
        ({"since": http_date(TIME_UNIX), "range": "bytes=100-"}, 304, None, None),
        ({"none_match": "*", "range": "bytes=0-3"}, 304, None, None),
        ({"match": '"x"', "range": "bytes=0-3"}, 412, None, None),
    ],
)
def test_media_are_sent_whole_or_in_part(
    out: Path, fields: dict[str, str], status: int, length: str | None, content_range: str | None
) -> None:
    answer = media(out, **fields)
    headers = dict(answer.headers)
    assert answer.status == status
    assert headers.get("content-length") == length
    assert headers.get("content-range") == content_range
    if isinstance(answer, Stream):
        assert answer.size == int(length or 0)
        assert len(answer.part or MEDIA) == answer.size
        assert headers["content-type"] == "image/png"
        assert headers["accept-ranges"] == "bytes"
        assert headers["cache-control"] == "public, max-age=31536000, immutable"


def test_media_change_their_tag_with_size_time_and_inode(out: Path) -> None:
    path, tags = out / PATH, set()
    for size, time_unix in ((100, TIME_UNIX), (99, TIME_UNIX), (99, TIME_UNIX + 1)):
        path.write_bytes(MEDIA[:size])
        os.utime(path, (time_unix, time_unix))
        tags.add(dict(media(out).headers)["etag"])
    (out / "other").write_bytes(MEDIA[:99])
    os.utime(out / "other", (time_unix, time_unix))
    (out / "other").replace(path)
    tags.add(dict(media(out).headers)["etag"])
    assert len(tags) == 4


def test_media_that_are_missing_or_a_link_are_not_found(out: Path) -> None:
    (out / "secret").write_bytes(b"secret")
    (out / PATH).unlink()
    missing = media(out)
    (out / PATH).symlink_to(out / "secret")
    for answer in (missing, media(out)):
        assert (answer.status, dict(answer.headers)["cache-control"]) == (404, "no-store")


def test_policy_is_what_the_configuration_says() -> None:
    site = 'base_url = "https://example.org/a%20b/"\nhub = "https://hub.example.org/"'
    policy = CachePolicy(config_of(f"[site]\n{site}\n"))
    assert policy.prefix == "/a b/"
    assert policy.hubs == ("https://hub.example.org/",)
    assert policy.max_age_s == 900
