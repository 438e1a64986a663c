"""Compresses documents (brotli, gzip, zstd), and says which of them have compressed copies.

nginx (``gzip_static``, ``brotli_static``) and Caddy (``precompressed``) send ``all.atom.gz`` or
``all.atom.br`` in the place of ``all.atom`` to clients that accept it.
"""

from __future__ import annotations

import zlib

from feeds.common.media import kind_of

# A feed of 180 KB takes 3 to 5 ms in each. Higher levels take at least twice as long for a few per
# cent: brotli 22 ms at 9 for 2 per cent, and 260 ms at 11 for 11 per cent (benchmarks/copies.py).
LEVELS = {"br": 6, "gzip": 9, "zstd": 9}
# The copies that documents have, by the suffix of their names.
COPIES = {".br": "br", ".gz": "gzip"}
# zlib: the largest window, in a gzip frame (RFC 1952), whose header gets no time and no name.
_GZIP_WINDOW = zlib.MAX_WBITS | 16


def copies_of(path: str) -> dict[str, str]:
    """Returns the content coding of each compressed copy of a document, by the copy's path."""
    return {path + suffix: coding for suffix, coding in COPIES.items() if kind_of(path).text}


def is_copy(path: str) -> bool:
    """Tells whether a file of ours is the compressed copy of a document."""
    document, dot, suffix = path.rpartition(".")
    return dot + suffix in COPIES and kind_of(document).text


def copy_recipe() -> str:
    """Returns a text that changes with the kinds of copies and the levels of their compression."""
    return ", ".join(f"{suffix} {LEVELS[coding]}" for suffix, coding in COPIES.items())


def compress(coding: str, data: bytes) -> bytes:
    """Returns the data in a content coding (RFC 9110, section 8.4.1), one of `LEVELS`.

    The same data always gives the same bytes.
    """
    level = LEVELS[coding]
    if coding == "gzip":
        return zlib.compress(data, level, wbits=_GZIP_WINDOW)
    # Imported on demand: most processes need neither.
    if coding == "br":
        import brotli

        return bytes(brotli.compress(data, mode=brotli.MODE_TEXT, quality=level))
    import zstandard

    return zstandard.ZstdCompressor(level=level).compress(data)
