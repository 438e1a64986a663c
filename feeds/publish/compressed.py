"""Compressed copies of documents, for web servers that send a file as it lies there.

nginx (``gzip_static``, ``brotli_static``) and Caddy (``precompressed``) send ``all.atom.gz`` or
``all.atom.br`` in the place of ``all.atom`` to whoever accepts it.
"""

from __future__ import annotations

from feeds.common.compression import LEVELS, compress
from feeds.common.media_types import kind_of

_GZIP, _BROTLI = ".gz", ".br"


def copy_names(name: str) -> tuple[str, ...]:
    """Returns the names of the copies that a document has, none where it is no text."""
    return (name + _BROTLI, name + _GZIP) if kind_of(name).text else ()


def recipe() -> str:
    """Returns what tells one way of making copies from another: their kinds and levels."""
    return f"{_BROTLI} {LEVELS['br']}, {_GZIP} {LEVELS['gzip']}"


def is_copy(name: str) -> bool:
    """Tells whether a file of ours is the copy of a document."""
    return name.endswith((_BROTLI, _GZIP)) and kind_of(name.rpartition(".")[0]).text


def compressed(data: bytes, copy: str) -> bytes | None:
    """Returns the bytes as the copy of this name holds them, None if they would not be fewer."""
    small = compress("gzip" if copy.endswith(_GZIP) else "br", data)
    return small if len(small) < len(data) else None
