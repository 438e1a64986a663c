"""Which files have compressed copies, and what is in these."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from feeds.publish.compression import LEVELS, compress, copies_of, is_copy

DATA = b"x" * 1000
DECODE: dict[str, Callable[[bytes], bytes]] = {
    "br": brotli.decompress,
    "gzip": lambda data: zlib.decompress(data, 31),
    "zstd": zstandard.ZstdDecompressor().decompress,
}


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
