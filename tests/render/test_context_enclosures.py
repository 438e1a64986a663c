"""Enclosures as a reader meets them: what they claim is what a GET of them gives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import feedparser
import httpx
import msgspec
import pytest

from feeds.common.media import Picture
from feeds.common.model import Image
from feeds.render.context import Enclosure, Pages, enclosure_of
from feeds.render.documents import feed_key, render_feed
from tests.support.imaging import FORMATS, configure, exif, picture, seed_with, serving
from tests.support.processes import PATIENCE
from tests.support.rendering import RENDER_SITE, make_item, select_items
from tests.support.site import Site
from tests.support.validator import findings

SITE = msgspec.structs.replace(RENDER_SITE, media_url="https://feeds.example.org/")
ONE = Image("https://i.example.com/1.png", 5, 6, "One", cached=True)
TWO = Image("https://i.example.com/2.gif", cached=True)
THREE = Image("https://i.example.com/3.jpg")
COPY = ("media/ab/ab.jpg", "image/jpeg", 1234, 80, 60)


class Handler(SimpleHTTPRequestHandler):
    """Serves files with the types that any web server gives them."""

    def guess_type(self, path: Any) -> str:
        """Returns the type that the extension stands for."""
        return FORMATS[str(path).rpartition(".")[2]][1]

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def served(site: Site) -> Iterator[str]:
    """The URL at which out/ is served."""
    site.out.mkdir()
    handler = partial(Handler, directory=str(site.out))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_enclosure_gives_exactly_what_it_claims(site: Site, served: str) -> None:
    with serving() as server:
        configure(site)
        for number, extension in enumerate(FORMATS, 1):
            saving = {} if extension == "gif" else {"exif": exif()}
            data = picture(extension, (50 + number, 40), **saving)
            seed_with(site, number, server.serve(f"/{number}", data, Content_Type="text/html"))
        assert site.run("export", "--fetch-images").code == 0
    for extension in ("atom", "rss"):
        document = feedparser.parse(site.read(f"all.{extension}"))
        assert len(document.entries) == len(FORMATS)
        for entry in document.entries:
            (enclosure,) = entry.enclosures
            path = enclosure.href.removeprefix("https://feeds.example.org/")
            answer = httpx.get(served + path, trust_env=False, timeout=PATIENCE)
            assert answer.headers["content-type"] == enclosure.type
            assert len(answer.content) == int(enclosure.length)
    kinds = {entry.enclosures[0].type for entry in document.entries}
    assert kinds == {kind for _, kind in FORMATS.values()}


@pytest.mark.parametrize(
    ("images", "pictures", "wanted"),
    [
        ((), [], None),
        ((THREE,), [], None),
        ((ONE,), [], Enclosure(ONE.url, "image/png", 0, 5, 6, "One")),
        (
            (ONE,),
            [Picture(ONE.url, *COPY)],
            Enclosure(f"https://feeds.example.org/{COPY[0]}", *COPY[1:], "One"),
        ),
        ((ONE,), [Picture(ONE.url, missing=True)], None),
        (
            (ONE, TWO),
            [Picture(ONE.url, missing=True)],
            Enclosure(TWO.url, "image/gif", 0, 0, 0, "Story 1"),
        ),
        (
            (THREE, TWO),
            [Picture(THREE.url, *COPY)],
            Enclosure(TWO.url, "image/gif", 0, 0, 0, "Story 1"),
        ),
        (
            (ONE, THREE),
            [Picture(ONE.url, missing=True), Picture(THREE.url, *COPY)],
            Enclosure(f"https://feeds.example.org/{COPY[0]}", *COPY[1:], "Story 1"),
        ),
    ],
    ids=[
        *("no image", "not cached", "unknown", "a copy", "missing", "missing and unknown"),
        *("cached goes first", "missing and a copy"),
    ],
)
def test_enclosure_is_the_best_image_that_is_there(
    images: tuple[Image, ...], pictures: list[Picture], wanted: Enclosure | None
) -> None:
    assert enclosure_of(make_item(images=images), pictures, SITE) == wanted


@pytest.mark.parametrize("field", Picture.__struct_fields__)
def test_key_changes_with_whatever_is_shown_of_a_copy(field: str) -> None:
    item = make_item(images=(ONE,))
    selected = select_items([item])
    before = Picture(ONE.url, *COPY) if field != "missing" else Picture(ONE.url)
    changed: dict[str, Any] = {
        "url": TWO.url,
        "name": "media/cd/cd.png",
        "type": "image/gif",
        "missing": True,
        "narrower": (("media/ab/ab-7.webp", 7),),
    }
    site = msgspec.structs.replace(SITE, pages=Pages())
    after = msgspec.structs.replace(before, **{field: changed.get(field, 7)})
    one, two = (render_feed(site, selected, {1: item}, {1: [some]}) for some in (before, after))
    assert one != two
    assert feed_key(site, selected, {1: [before]}) != feed_key(site, selected, {1: [after]})


def test_documents_with_copies_are_valid() -> None:
    item = make_item(images=(ONE,), excerpt="In short.")
    pictures = {1: [Picture(ONE.url, *COPY)]}
    for document in render_feed(SITE, select_items([item]), {1: item}, pictures):
        assert findings(document.path, document.data, SITE.base_url) == []
