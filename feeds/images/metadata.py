"""Removes the metadata of image files but AVIF, without encoding them, and reads their orientation.

Kept is what decoders need, by a list; everything else goes: Exif with its GPS tags, XMP, IPTC,
comments, thumbnails, maker notes, and whatever follows the end of the image. Colour profiles stay,
since colours would change without them. Of Exif the orientation alone is looked for: a reader of
all of it can be made to work for hours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Literal

# The tag of the orientation, its type, and its highest value (Exif 2.32, section 4.6.4).
_TAG, _SHORT, _LARGEST = 0x0112, 3, 8
_MOST_ENTRIES = 1000
_HEADER = b"Exif\0\0"
# What a segment of JPEG holds; longer Exif is not kept.
_LARGEST_EXIF = 65_000
# ITU-T T.81, annex B: the markers SOF0 to SOF15 with DHT and DAC; EOI, SOS, DQT, DNL, DRI.
_JPEG_KEPT = {*range(0xC0, 0xD0), *range(0xD9, 0xDE)}
_JPEG_SOS, _JPEG_EOI, _JPEG_EXIF = 0xDA, 0xD9, 0xE1
# JFIF says how dense the pixels are, ICC what the colours mean, Adobe how they are encoded.
_JFIF, _JFIF_SIZE = b"JFIF\0", 16
_JPEG_APPS = {0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
# Within the data of a scan: a marker that is neither a stuffed byte nor a restart (B.1.1.5). Fill
# bytes may precede it; a pattern with "\xff+" would take time by the square of their number.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# PNG, third edition, section 11; the last three are of animations.
_PNG_KEPT = {
    *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB"),
    *(b"cICP", b"mDCV", b"cLLI", b"bKGD", b"hIST", b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT"),
}
# RFC 9649, section 2.7.
_WEBP_KEPT = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}
_WEBP_EXIF_AND_XMP = 0b0000_1100
# GIF89a, sections 23 and 26; how often to repeat stands in an application extension.
_GIF_REPEATS = {b"NETSCAPE2.0", b"ANIMEXTS1.0"}


# A segment or chunk: its kind, where it begins and ends, and what is in it.
_Order = Literal["little", "big"]
_Part = tuple[bytes | int, int, int, slice]


def orientation(data: bytes, media_type: str) -> int:
    """Returns the orientation that the Exif of an image names, 1 if it names none."""
    exif = _exif(data, media_type)
    place, order = _tag(exif)
    value = int.from_bytes(exif[place : place + 2], order) if place else 1
    return value if 1 <= value <= _LARGEST else 1


def upright_exif(data: bytes, media_type: str) -> bytes:
    """Returns the Exif of an image, made upright, if any; `data` of AVIF is the Exif itself."""
    exif = bytearray(data if media_type == "image/avif" else _exif(data, media_type))
    place, order = _tag(exif)
    if 0 < place <= len(exif) - 2:
        exif[place : place + 2] = (1).to_bytes(2, order)
    return _HEADER + bytes(exif) if 0 < len(exif) <= _LARGEST_EXIF else b""


def _exif(data: bytes, media_type: str) -> bytes:
    """Returns the Exif of an image, from its TIFF header on, ``b""`` if it has none."""
    with suppress(IndexError, ValueError, KeyError):
        parts, wanted, mark = _WITH_EXIF[media_type]
        for kind, _, _, content in parts(data):
            if kind == wanted and data.startswith(mark, content.start):
                return data[content].removeprefix(_HEADER)
            if kind == _JPEG_SOS:
                break
    return b""


def _tag(data: bytes | bytearray) -> tuple[int, _Order]:
    """Returns where the first directory has the value of the tag (TIFF 6.0, section 2), or 0."""
    order: _Order = "little" if data[:2] == b"II" else "big"
    first = int.from_bytes(data[4:8], order)
    count = int.from_bytes(data[first : first + 2], order) if data[:2] in (b"II", b"MM") else 0
    for entry in range(first + 2, first + 2 + 12 * min(count, _MOST_ENTRIES), 12):
        tag = int.from_bytes(data[entry : entry + 2], order)
        if tag == _TAG and int.from_bytes(data[entry + 2 : entry + 4], order) == _SHORT:
            return entry + 8, order
    return 0, order


def parts_of(data: bytes, media_type: str) -> tuple[list[bytes], bool]:
    """Returns the parts to keep up to any damage, and whether the file came to its proper end."""
    parts: list[bytes] = []
    try:
        for part in _STRIPPERS[media_type](data):  # what came before a fault is kept
            parts.append(part)  # noqa: PERF402
    except (IndexError, ValueError):
        return parts, False
    return parts, True


def _jpeg_segments(data: bytes) -> Iterator[_Part]:
    """Yields the segments, that of a scan with its data."""
    at = 2
    while True:
        while data[at : at + 2] == b"\xff\xff":  # fill bytes
            at += 1
        if data[at] != 0xFF:
            raise ValueError("no marker")
        marker, end = data[at + 1], at + 2
        if marker != _JPEG_EOI:
            end += _number(data, end, 2, "big")
        if end > len(data):
            raise ValueError("cut off")
        content = slice(at + 4, end)
        if marker == _JPEG_SOS:
            found = _JPEG_MARKER.search(data, end)
            end += len(data[end : found.start()].rstrip(b"\xff") if found else data[end:])
        yield marker, at, end, content
        if marker == _JPEG_EOI:
            return
        at = end


def _jpeg(data: bytes) -> Iterator[bytes]:
    yield data[:2]
    for marker, at, end, _ in _jpeg_segments(data):
        if marker == 0xE0 and data.startswith(_JFIF, at + 4) and end - at - 2 >= _JFIF_SIZE:
            # Without the thumbnail, whose width and height stand in the last two bytes (T.871).
            yield b"\xff\xe0" + _JFIF_SIZE.to_bytes(2) + data[at + 4 : at + 16] + b"\0\0"
        elif marker in _JPEG_KEPT or (
            marker in _JPEG_APPS and data.startswith(_JPEG_APPS[marker], at + 4)
        ):
            yield data[at:end]


def _png_chunks(data: bytes) -> Iterator[_Part]:
    at, kind = 8, b""
    while kind != b"IEND":
        kind, length = data[at + 4 : at + 8], _number(data, at, 4, "big")
        yield kind, at, at + 12 + length, slice(at + 8, at + 8 + length)
        at += 12 + length


def _png(data: bytes) -> Iterator[bytes]:
    yield data[:8]
    for kind, begin, end, _ in _png_chunks(data):
        if end > len(data):
            yield data[begin:]
            raise ValueError("cut off")
        if kind in _PNG_KEPT:
            yield data[begin:end]


def _webp_chunks(data: bytes) -> Iterator[_Part]:
    at, stop = 12, 8 + _number(data, 4, 4, "little")
    while at < min(stop, len(data)):
        length = _number(data, at + 4, 4, "little")
        end = at + 8 + length + length % 2
        yield data[at : at + 4], at, end, slice(at + 8, at + 8 + length)
        at = end


def _webp(data: bytes) -> Iterator[bytes]:
    chunks = []
    for kind, begin, end, _ in _webp_chunks(data):
        chunk = data[begin:end]
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_EXIF_AND_XMP]) + chunk[9:]
        if kind in _WEBP_KEPT:
            chunks.append(chunk)
    yield b"RIFF" + (4 + sum(map(len, chunks))).to_bytes(4, "little") + b"WEBP"
    yield from chunks


def _gif(data: bytes) -> Iterator[bytes]:
    done = 0
    try:
        for begin, end in _gif_parts(data):
            yield data[begin:end]
            done = end
    except (IndexError, ValueError):
        yield data[done:]  # so that the decoder meets the damage
        raise


def _gif_parts(data: bytes) -> Iterator[tuple[int, int]]:
    """Yields where the blocks that are kept begin and end."""
    at = 13 + _gif_colours(data[10])
    yield 0, at
    while True:
        begin, kind = at, data[at]
        if kind == 0x3B:  # trailer
            yield at, at + 1
            return
        if kind == 0x2C:  # image: descriptor, colours, code size, data
            at = _gif_blocks(data, at + 11 + _gif_colours(data[at + 9]))
            yield begin, at
        elif kind == 0x21:  # extension: label, blocks
            label, name = data[at + 1], data[at + 3 : at + 14]
            at = _gif_blocks(data, at + 2)
            if label == 0xF9 or (label == 0xFF and name in _GIF_REPEATS):
                yield begin, at
        else:
            raise ValueError("no block")


def _gif_colours(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_blocks(data: bytes, at: int) -> int:
    """Returns where a sequence of data blocks ends."""
    while data[at]:
        at += data[at] + 1
    return at + 1


def _number(data: bytes, at: int, size: int, order: _Order) -> int:
    if at + size > len(data):
        raise ValueError("cut off")
    return int.from_bytes(data[at : at + size], order)


_STRIPPERS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/webp": _webp,
    "image/gif": _gif,
}
# What finds the parts of files with Exif, the kind of the part with it, and how that begins.
_WITH_EXIF: dict[str, tuple[Callable[[bytes], Iterator[_Part]], bytes | int, bytes]] = {
    "image/jpeg": (_jpeg_segments, _JPEG_EXIF, _HEADER),
    "image/png": (_png_chunks, b"eXIf", b""),
    "image/webp": (_webp_chunks, b"EXIF", b""),
}
