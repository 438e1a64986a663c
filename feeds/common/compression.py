"""Compressing texts: for answers, and for compressed copies beside documents.

nginx (``gzip_static``, ``brotli_static``) and Caddy (``precompressed``) send ``all.atom.gz`` or
``all.atom.br`` in the place of ``all.atom`` to clients that accept it.
"""

from __future__ import annotations

import zlib

_GZIP, _BROTLI = ".gz", ".br"
_CODINGS = {_GZIP: "gzip", _BROTLI: "br"}
# Text only: images are compressed already.
_TEXTS = (".atom", ".rss", ".json", ".opml", ".xml", ".html", ".css", ".js", ".svg", ".txt")
# On a feed of 180 KB each takes 3 to 5 ms. Brotli at 9 takes 22 ms for 2 percent less, and at 11
# 260 ms for 11 percent (benchmarks/copies.py).
_GZIP_LEVEL = 9
_BROTLI_QUALITY = 6
_ZSTD_LEVEL = 9
# The largest window, in a gzip frame (RFC 1952), to which zlib adds no time and no name.
_GZIP_WINDOW = zlib.MAX_WBITS | 16


def compress(coding: str, data: bytes) -> bytes:
    """Returns the data in a content coding of HTTP; the same data always gives the same bytes.

    Args:
        coding: ``gzip``, ``br`` or ``zstd``; for any other the data is returned as it is.
        data: what to compress.
    """
    # Imported on demand: most configurations need neither the one nor the other.
    if coding == "gzip":
        return zlib.compress(data, _GZIP_LEVEL, wbits=_GZIP_WINDOW)
    if coding == "br":
        import brotli

        return bytes(brotli.compress(data, mode=brotli.MODE_TEXT, quality=_BROTLI_QUALITY))
    if coding == "zstd":
        import zstandard

        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(data)
    return data


def copy_names(name: str) -> tuple[str, ...]:
    """Returns the names of a document's compressed copies; none if it is no text."""
    return (name + _BROTLI, name + _GZIP) if name.endswith(_TEXTS) else ()


def recipe() -> str:
    """Returns a text that changes when copies are made in another way: their kinds and levels."""
    return f"{_BROTLI} {_BROTLI_QUALITY}, {_GZIP} {_GZIP_LEVEL}"


def is_copy(name: str) -> bool:
    """Tells whether a file of ours is the compressed copy of a document."""
    stem, dot, extension = name.rpartition(".")
    return dot + extension in _CODINGS and stem.endswith(_TEXTS)


def compressed(data: bytes, copy: str) -> bytes | None:
    """Returns the bytes for the copy of this name; None if they would not be fewer."""
    small = compress(_CODINGS[copy[copy.rindex(".") :]], data)
    return small if len(small) < len(data) else None
