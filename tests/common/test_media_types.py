"""feeds.common.media_types: what a file's name says of it, and how its bytes are compressed."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from feeds.common.media_types import (
    IMAGE_EXTENSIONS,
    LEVELS,
    compress,
    copies_of,
    image_type,
    is_copy,
    is_served,
    kind_of,
)

DATA = b"x" * 1000
DECODE: dict[str, Callable[[bytes], bytes]] = {
    "br": brotli.decompress,
    "gzip": lambda data: zlib.decompress(data, 31),
    "zstd": zstandard.ZstdDecompressor().decompress,
}


@pytest.mark.parametrize(
    ("path", "media_type", "content_type"),
    [
        ("topics/ai.atom", "application/atom+xml", "application/atom+xml; charset=utf-8"),
        ("topics/ai.rss", "application/rss+xml", "application/rss+xml; charset=utf-8"),
        ("all.json", "application/feed+json", "application/feed+json; charset=utf-8"),
        ("feeds.opml", "text/x-opml", "text/x-opml; charset=utf-8"),
        ("all.html", "text/html", "text/html; charset=utf-8"),
        ("assets/icon.svg", "image/svg+xml", "image/svg+xml; charset=utf-8"),
        ("media/ab/x.jpg", "image/jpeg", "image/jpeg"),
        ("media/ab/x", "application/octet-stream", "application/octet-stream"),
    ],
)
def test_kind_is_that_of_the_extension(path: str, media_type: str, content_type: str) -> None:
    assert (kind_of(path).media_type, kind_of(path).content_type) == (media_type, content_type)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://x.org/a.PNG?size=1", "image/png"),
        ("https://x.org/a.tif", "image/tiff"),
        ("https://x.org/a.jpeg", "image/jpeg"),
        ("https://x.org/a.ico", "image/jpeg"),
        ("https://x.org/a.html", "image/jpeg"),
        ("https://x.org/png", "image/jpeg"),
        ("https://x.org/v.gif/image", "image/jpeg"),
    ],
)
def test_image_type_is_guessed_by_the_address(url: str, wanted: str) -> None:
    assert image_type(url) == wanted


def test_extensions_of_images_stand_for_their_types() -> None:
    for media_type, extension in IMAGE_EXTENSIONS.items():
        assert kind_of(f"x.{extension}").media_type == media_type


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("all.atom", True),
        (".feeds-manifest.json", False),
        ("topics/.x/a.atom", False),
        ("all.atom.gz", False),
        ("all.atom.br", False),
        ("other.gz", True),
    ],
)
def test_files_of_ours_are_served_unless_they_are_hidden_or_copies(
    path: str,
    served: bool,  # noqa: FBT001
) -> None:
    assert is_served(path) is served


@pytest.mark.parametrize(
    ("path", "count"),
    [
        *(
            (f"topics/ai.{kind}", 2)
            for kind in ("atom", "rss", "json", "opml", "html", "css", "js")
        ),
        *((f"media/ab/{name}", 0) for name in ("a.jpg", "a.png", "a.webp", "a.avif", "a.gz", "a")),
    ],
)
def test_copies_are_of_texts_alone(path: str, count: int) -> None:
    assert len(copies_of(path)) == count
    assert all(map(is_copy, copies_of(path)))
    assert not is_copy(path)


@pytest.mark.parametrize("coding", LEVELS)
def test_compressing_gives_the_same_bytes_each_time(coding: str) -> None:
    assert compress(coding, DATA) == compress(coding, DATA)
    assert DECODE[coding](compress(coding, DATA)) == DATA
    assert DECODE[coding](compress(coding, b"")) == b""


def test_gzip_holds_no_name_and_no_time() -> None:
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00"  # RFC 1952: FLG and MTIME are 0
    assert compress("gzip", DATA)[:8] == head
