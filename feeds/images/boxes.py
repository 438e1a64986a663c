"""The boxes that AVIF files consist of (ISO/IEC 14496-12, section 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Box(NamedTuple):
    """A box: its name, and where its content begins and ends in the file."""

    kind: bytes
    begin: int
    end: int


def boxes(data: bytes, begin: int, end: int) -> Iterator[Box]:
    """Yields the boxes in a part of a file; raises ValueError where one does not fit."""
    while begin < end:
        size, kind = number(data, begin, 4), data[begin + 4 : begin + 8]
        content = begin + 8
        if size == 1:
            size, content = number(data, content, 8), begin + 16
        stop = begin + size if size else end
        if not content <= stop <= end:
            raise ValueError("a box that does not fit")
        yield Box(kind, content, stop)
        begin = stop


def number(data: bytes, at: int, size: int) -> int:
    """Returns an unsigned number; raises ValueError behind the end of the file."""
    if not 0 <= at <= at + size <= len(data):
        raise ValueError("cut off")
    return int.from_bytes(data[at : at + size])


def box(kind: bytes, *content: bytes) -> bytes:
    """Returns a box."""
    body = b"".join(content)
    return (8 + len(body)).to_bytes(4) + kind + body


def top(data: bytes) -> dict[bytes, Box]:
    """Returns the first box of each kind at the top of a file; what follows the last is ignored."""
    found: dict[bytes, Box] = {}
    try:
        for one in boxes(data, 0, len(data)):
            found.setdefault(one.kind, one)
    except ValueError:
        if not {b"ftyp", b"meta"} <= found.keys():
            raise
    return found
