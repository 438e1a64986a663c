"""Content codings (RFC 9110, section 8.4.1) for answers and for files beside documents."""

from __future__ import annotations

import zlib

# A feed of 180 KB takes 3 to 5 ms in each. Higher levels take at least twice as long for a few per
# cent: brotli 22 ms at 9 for 2 per cent, and 260 ms at 11 for 11 per cent (benchmarks/copies.py).
LEVELS = {"br": 6, "gzip": 9, "zstd": 9}
# zlib: the largest window, in a gzip frame (RFC 1952), whose header gets no time and no name.
_GZIP_WINDOW = zlib.MAX_WBITS | 16


def compress(coding: str, data: bytes) -> bytes:
    """Returns the data in a coding of `LEVELS`; the same data always gives the same bytes."""
    level = LEVELS[coding]
    if coding == "gzip":
        return zlib.compress(data, level, wbits=_GZIP_WINDOW)
    # Imported on demand: most processes need neither.
    if coding == "br":
        import brotli

        return bytes(brotli.compress(data, mode=brotli.MODE_TEXT, quality=level))
    import zstandard

    return zstandard.ZstdCompressor(level=level).compress(data)
