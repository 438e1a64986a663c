"""How a picture lies, by its Exif.

A reader of all of Exif can be made to work for hours; here one tag is looked for, and nothing else.
"""

from __future__ import annotations

from typing import Literal

_HEADER = b"Exif\0\0"
_TAG = 0x0112
_SHORT = 3
# The highest of the values of the tag (Exif 2.32, section 4.6.4).
_LARGEST = 8
_MOST_ENTRIES = 1000
# What a segment of JPEG holds; longer Exif is not kept.
_LARGEST_EXIF = 65_000


def orientation(data: bytes, media_type: str) -> int:
    """Returns the orientation that the Exif of an image names, 1 where it names none."""
    exif = _exif(data, media_type)
    place = _tag(exif)
    value = 1 if place is None else int.from_bytes(exif[place : place + 2], _order(exif))
    return value if 1 <= value <= _LARGEST else 1


def upright_exif(data: bytes, media_type: str) -> bytes:
    """Returns the Exif of an image, ``b""`` where it has none, as that of an upright picture.

    For AVIF `data` is the Exif itself.
    """
    exif = bytearray(data if media_type == "image/avif" else _exif(data, media_type))
    place = _tag(exif)
    if place is not None and place + 2 <= len(exif):
        exif[place : place + 2] = (1).to_bytes(2, _order(exif))
    return b"Exif\0\0" + bytes(exif) if 0 < len(exif) <= _LARGEST_EXIF else b""


def _exif(data: bytes, media_type: str) -> bytes:
    """Returns the Exif of an image, from its TIFF header on, ``b""`` where it has none."""
    if media_type == "image/jpeg":
        found = _in_jpeg(data)
    elif media_type == "image/png":
        found = _in_chunks(data, 8, b"eXIf")
    else:
        found = _in_chunks(data, 12, b"EXIF") if media_type == "image/webp" else b""
    return found.removeprefix(_HEADER)


def _in_jpeg(data: bytes) -> bytes:
    at = 2
    while at + 10 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        if data[at + 1] == 0xFF:
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if data[at + 1] == 0xE1 and data.startswith(_HEADER, at + 4):
            return data[at + 4 : end]
        at = end
    return b""


def _in_chunks(data: bytes, at: int, wanted: bytes) -> bytes:
    png = wanted == b"eXIf"
    while at + 8 <= len(data):
        if png:
            size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        else:
            size, kind = int.from_bytes(data[at + 4 : at + 8], "little"), data[at : at + 4]
        if kind == wanted:
            return data[at + 8 : at + 8 + size]
        at += size + (12 if png else 8 + size % 2)
    return b""


def _tag(data: bytes | bytearray) -> int | None:
    """Returns where the value of the tag stands in the first directory (TIFF 6.0, section 2)."""
    if data[:2] not in (b"II", b"MM"):
        return None
    order = _order(data)
    first = int.from_bytes(data[4:8], order)
    count = int.from_bytes(data[first : first + 2], order)
    for number in range(min(count, _MOST_ENTRIES)):
        entry = first + 2 + 12 * number
        tag = int.from_bytes(data[entry : entry + 2], order)
        if tag == _TAG and int.from_bytes(data[entry + 2 : entry + 4], order) == _SHORT:
            return entry + 8
    return None


def _order(data: bytes | bytearray) -> Literal["little", "big"]:
    return "little" if data[:2] == b"II" else "big"
