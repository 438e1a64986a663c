"""Compressing: what every decoder reads, and the same bytes each time."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from feeds.common.compression import LEVELS, compress

DATA = b"x" * 1000
DECODE: dict[str, Callable[[bytes], bytes]] = {
    "br": brotli.decompress,
    "gzip": lambda data: zlib.decompress(data, 31),
    "zstd": zstandard.ZstdDecompressor().decompress,
}


@pytest.mark.parametrize("coding", LEVELS)
def test_compressing_gives_the_same_bytes_each_time(coding: str) -> None:
    assert compress(coding, DATA) == compress(coding, DATA)
    assert DECODE[coding](compress(coding, DATA)) == DATA
    assert DECODE[coding](compress(coding, b"")) == b""
