"""How a picture lies, by its Exif.

A reader of all of Exif can be made to work for hours; here one tag is looked for, and nothing else.
"""

from __future__ import annotations

from typing import Literal

_TAG = 0x0112
_SHORT = 3
# The highest of the values of the tag (Exif 2.32, section 4.6.4).
_LARGEST = 8
_MOST_ENTRIES = 1000
# What a segment of JPEG holds; longer Exif is cut.
_LARGEST_EXIF = 65_000


def orientation(data: bytes, media_type: str) -> int:
    """Returns the orientation that the Exif of an image names, 1 where it names none."""
    at = _tiff(data, media_type)
    place = _tag(data, at) if at is not None else None
    if place is None:
        return 1
    value = int.from_bytes(data[place : place + 2], _order(data, at or 0))
    return value if 1 <= value <= _LARGEST else 1


def upright_exif(data: bytes, media_type: str) -> bytes:
    """Returns the Exif of an image, ``b""`` where it has none, as that of an upright picture."""
    at = _tiff(data, media_type)
    if at is None:
        return b""
    exif = bytearray(data[at : at + _LARGEST_EXIF])
    place = _tag(data, at)
    if place is not None and place - at + 2 <= len(exif):
        exif[place - at : place - at + 2] = (1).to_bytes(2, _order(data, at))
    return b"Exif\0\0" + bytes(exif)


def _tiff(data: bytes, media_type: str) -> int | None:
    """Returns where the TIFF header of the Exif stands."""
    if media_type == "image/jpeg":
        return _in_jpeg(data)
    if media_type == "image/png":
        return _in_chunks(data, 8, b"eXIf")
    if media_type == "image/webp":
        return _in_chunks(data, 12, b"EXIF")
    return None


def _in_jpeg(data: bytes) -> int | None:
    at = 2
    while at + 10 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        if data[at + 1] == 0xFF:
            at += 1
            continue
        if data[at + 1] == 0xE1 and data.startswith(b"Exif\0\0", at + 4):
            return at + 10
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return None


def _in_chunks(data: bytes, at: int, wanted: bytes) -> int | None:
    png = wanted == b"eXIf"
    while at + 8 <= len(data):
        if png:
            size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        else:
            size, kind = int.from_bytes(data[at + 4 : at + 8], "little"), data[at : at + 4]
        if kind == wanted:
            return at + (14 if data.startswith(b"Exif\0\0", at + 8) else 8)
        at += size + (12 if png else 8 + size % 2)
    return None


def _tag(data: bytes, at: int) -> int | None:
    """Returns where the value of the tag stands in the first directory (TIFF 6.0, section 2)."""
    if data[at : at + 2] not in (b"II", b"MM"):
        return None
    order = _order(data, at)
    first = at + int.from_bytes(data[at + 4 : at + 8], order)
    count = int.from_bytes(data[first : first + 2], order)
    for number in range(min(count, _MOST_ENTRIES)):
        entry = first + 2 + 12 * number
        tag = int.from_bytes(data[entry : entry + 2], order)
        if tag == _TAG and int.from_bytes(data[entry + 2 : entry + 4], order) == _SHORT:
            return entry + 8
    return None


def _order(data: bytes, at: int) -> Literal["little", "big"]:
    return "little" if data[at : at + 2] == b"II" else "big"
