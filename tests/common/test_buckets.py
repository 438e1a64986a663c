"""Objects in a bucket: addresses, conditions, listings, and what happens if it does not answer."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from feeds.common.buckets import Headers, Objects, is_address, parse_address
from feeds.common.errors import (
    ConfigError,
    ObjectChangedError,
    ObjectMissingError,
    ObjectsError,
)
from tests.support.buckets import BUCKET, make_bucket, s3_server, use_server
from tests.support.ports import HOST
from tests.support.processes import PATIENCE

KEYS = ["all.atom", "a/b c.md", "ü/%20~#?.md", "a/.hidden", "*|\\"]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def objects(server: str, monkeypatch: pytest.MonkeyPatch) -> Objects:
    use_server(monkeypatch, server)
    make_bucket(server)
    return Objects("s3://news/my site/")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("s3://news", "s3://news/"),
        ("s3://news/a b/c", "s3://news/a b/c/"),
        ("gs://news/a/", "gs://news/a/"),
        ("az://news/a/", "az://news/a/"),
        ("file:///srv/my%20seeds", Path("/srv/my seeds")),
        ("s3:///a", None),
        ("s3://news//a", None),
        ("s3://news/a/../b", None),
        ("s3://user:password@news/a", None),
        ("s3://news/a?key=password", None),
        ("s3://news/a#b", None),
        ("http://news/a", None),
        ("file:srv", None),
        ("file://host/srv", None),
    ],
    ids=str,
)
def test_address_is_in_normal_form_or_refused_without_its_text(
    text: str, found: str | Path | None
) -> None:
    assert is_address(text) or text == "file:srv"
    if found is not None:
        assert parse_address(text) == found
        return
    with pytest.raises(ValueError, match="wanted") as caught:
        parse_address(text)
    assert "password@" not in str(caught.value)
    assert "news" not in str(caught.value)


@pytest.mark.parametrize("text", ["seeds", "/srv/seeds", "a:b", "s3:/news", "./s3://x"])
def test_address_is_no_path(text: str) -> None:
    assert not is_address(text)


def test_objects_are_listed_read_and_deleted_by_the_keys_they_were_put_with(
    objects: Objects, tmp_path: Path
) -> None:
    etags = {key: objects.put(key, key.encode()) for key in KEYS}
    assert {(one.key, one.size, one.etag) for one in objects.list()} == {
        (key, len(key.encode()), etags[key]) for key in KEYS
    }
    assert {one.key for one in objects.list("a")} == {"a/b c.md", "a/.hidden"}
    for key in KEYS:
        assert objects.get(key) == (key.encode(), etags[key])
    objects.download("all.atom", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"all.atom"
    objects.delete([*KEYS[1:], "never was there"])
    assert [one.key for one in objects.list()] == ["all.atom"]
    assert [one.key for one in Objects("s3://news/").list()] == ["my site/all.atom"]


def test_objects_are_put_from_files_with_their_headers(objects: Objects, tmp_path: Path) -> None:
    file = tmp_path / "all.atom"
    file.write_bytes(b"<feed/>" * 1_000_000)  # more than goes in one part
    objects.put("all.atom", file, Headers("application/atom+xml; charset=utf-8", "max-age=60"))
    url = f"{os.environ['AWS_ENDPOINT']}/{BUCKET}/my%20site/all.atom"
    answer = httpx.get(url, timeout=PATIENCE)
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert answer.headers["cache-control"] == "max-age=60"
    assert answer.content == file.read_bytes()


def test_objects_are_put_only_in_the_place_of_the_one_that_is_known(objects: Objects) -> None:
    first = objects.put("x", b"1", replaces="")
    with pytest.raises(ObjectChangedError, match=r"s3://news/my site/x: another program"):
        objects.put("x", b"2", replaces="")
    second = objects.put("x", b"2", replaces=first)
    assert objects.look("x") == ("x", 1, second)
    for key, etag in [("x", first), ("none", first)]:
        with pytest.raises(ObjectChangedError):
            objects.put(key, b"3", replaces=etag)
    assert objects.get("x") == (b"2", second)


def test_objects_that_are_missing_say_so(objects: Objects) -> None:
    assert objects.look("x") is None
    with pytest.raises(ObjectMissingError, match=r"s3://news/my site/x: .* 404 \(NoSuchKey\)"):
        objects.get("x")
    with pytest.raises(ObjectsError, match=r"s3://nowhere/: .* 404 \(NoSuchBucket\)$"):
        list(Objects("s3://nowhere/").list())


class Faulty:
    """A server that gives the same answer to everybody; "" hangs up."""

    def __init__(self, answer: str) -> None:
        self.count = 0
        self._answer = answer
        self._socket = socket.create_server((HOST, 0))
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.recv(65_536)
                self.count += 1
                connection.sendall(self._answer.encode())

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.mark.parametrize(
    ("answer", "reason", "patient"),
    [
        ("", "the bucket does not answer", True),
        ("503 Slow|SlowDown", r"the bucket answers 503 \(SlowDown\)", True),
        ("403 No|AccessDenied", r"the bucket answers 403 \(AccessDenied\); are the cred", False),
    ],
    ids=["hangs up", "throttles", "forbids"],
)
def test_objects_of_a_bucket_that_fails_are_asked_for_with_patience(
    answer: str, reason: str, *, patient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if answer:
        status, code = answer.split("|")
        body = f"<Error><Code>{code}</Code></Error>"
        answer = (
            f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n{body}"
        )
    faulty = Faulty(answer)
    use_server(monkeypatch, faulty.url)
    objects = Objects("s3://news/", patience_s=0.3)
    for call in (
        lambda: list(objects.list()),
        lambda: objects.get("x"),
        lambda: objects.put("x", b"1", replaces='"1"'),
    ):
        faulty.count = 0
        with pytest.raises(ObjectsError, match=reason) as caught:
            call()
        assert faulty.count > 1 if patient else faulty.count == 1
        assert "test-" not in str(caught.value)  # credentials
        assert "\n" not in str(caught.value)
    faulty.close()


def test_objects_without_the_library_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ConfigError, match=r"^s3://news/: .*pip install 'feeds\[objects\]'$"):
        Objects("s3://news/")


def test_objects_without_an_account_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ConfigError, match=r"^az://news/: .*Account must be specified$"):
        Objects("az://news/")


class Recorder(BaseHTTPRequestHandler):
    """Answers like Google's and Azure's servers do, of which there is none to run here.

    It has one object with an ETag and a generation, and says of every other that it is missing.
    """

    conditions: ClassVar[list[dict[str, str]]] = []
    listing = (
        "<EnumerationResults><Blobs><Blob><Name>site/a</Name><Properties><Last-Modified>"
        "Sun, 29 Nov 2026 10:00:00 GMT</Last-Modified><Etag>0x8AB</Etag><Content-Length>1"
        "</Content-Length><Content-Type>text/html</Content-Type></Properties></Blob></Blobs>"
        "<NextMarker/></EnumerationResults>"
    )

    def do_PUT(self) -> None:
        """Takes any object, and notes its conditions."""
        self.rfile.read(int(self.headers["content-length"]))
        found = {name.lower(): value for name, value in self.headers.items()}
        self.conditions.append({name: found[name] for name in found if "match" in name})
        self._answer(201, "")

    def do_HEAD(self) -> None:
        """Knows one object."""
        self._answer(200 if self.path.endswith("a") else 404, "")

    def do_GET(self) -> None:
        """Lists this object as Azure does."""
        self._answer(200, self.listing)

    def _answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("ETag", '"0x8AB"')
        self.send_header("x-goog-generation", "7")
        self.send_header("Last-Modified", "Sun, 29 Nov 2026 10:00:00 GMT")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Recorder]]:
    Recorder.conditions.clear()
    with ThreadingHTTPServer((HOST, 0), Recorder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://{HOST}:{server.server_port}"
        key = tmp_path / "key.json"
        account = dict.fromkeys(("client_email", "private_key", "private_key_id"), "")
        key.write_text(json.dumps({"gcs_base_url": url, "disable_oauth": True, **account}))
        values = {
            "GOOGLE_SERVICE_ACCOUNT": str(key),
            "GOOGLE_ALLOW_HTTP": "true",
            "AZURE_STORAGE_ACCOUNT_NAME": "account",
            "AZURE_STORAGE_ACCOUNT_KEY": "a2V5",
            "AZURE_STORAGE_ENDPOINT": url,
            "AZURE_ALLOW_HTTP": "true",
        }
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        yield Recorder
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("address", "conditions"),
    [
        (
            "gs://news/site/",
            [{"x-goog-if-generation-match": "0"}, {"x-goog-if-generation-match": "7"}],
        ),
        ("az://news/site/", [{"if-none-match": "*"}, {"if-match": '"0x8AB"'}]),
    ],
)
def test_objects_of_other_clouds_are_put_on_their_conditions(
    address: str, conditions: list[dict[str, str]], recorder: type[Recorder]
) -> None:
    objects = Objects(address, patience_s=0.1)
    etag = objects.put("a", b"1", replaces="")
    assert objects.put("a", b"2", replaces=etag) == etag == "0x8AB"
    assert recorder.conditions == conditions
    assert objects.look("a") == ("a", 0, etag)


def test_objects_of_google_that_changed_are_not_put(recorder: type[Recorder]) -> None:
    objects = Objects("gs://news/site/", patience_s=0.1)
    for key, etag in [("a", "another"), ("b", "0x8AB")]:
        with pytest.raises(ObjectChangedError):
            objects.put(key, b"1", replaces=etag)
    assert recorder.conditions == []


def test_objects_in_a_list_of_azure_have_the_etags_of_all_other_answers(
    recorder: type[Recorder],
) -> None:
    del recorder
    assert list(Objects("az://news/site/", patience_s=0.1).list()) == [("a", 1, "0x8AB")]
