"""Removes metadata from an image file, without encoding the picture again.

Kept is what decoders need, by a list; everything else goes: Exif with its GPS tags, XMP, IPTC,
comments, thumbnails, maker notes, and whatever follows the end of the image. Colour profiles stay,
since colours would change without them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

# ITU-T T.81, annex B: the markers SOF0 to SOF15 with DHT and DAC, DQT, DNL, DRI; then SOS and EOI.
_JPEG_KEPT = {*range(0xC0, 0xD0), 0xDB, 0xDC, 0xDD}
_JPEG_SOS, _JPEG_EOI = 0xDA, 0xD9
# JFIF says how dense the pixels are, ICC what the colours mean, Adobe how they are encoded.
_JFIF = b"JFIF\0"
_JFIF_SIZE = 16
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


def parts_of(data: bytes, media_type: str) -> tuple[list[bytes], bool]:
    """Returns the parts that are kept, and whether the file came to its proper end.

    Of a damaged file these are the parts before the damage.
    """
    parts: list[bytes] = []
    try:
        for part in _STRIPPERS[media_type](data):  # what came before a fault is kept
            parts.append(part)  # noqa: PERF402
    except (IndexError, ValueError):
        return parts, False
    return parts, True


def _jpeg(data: bytes) -> Iterator[bytes]:
    yield data[:2]
    at = 2
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:  # fill bytes
            at += 1
        if data[at] != 0xFF:
            raise ValueError("no marker")
        marker = data[at + 1]
        if marker == _JPEG_EOI:
            yield data[at : at + 2]
            return
        end = at + 2 + _number(data, at + 2, 2, "big")
        if end > len(data):
            raise ValueError("cut off")
        if marker == 0xE0 and data.startswith(_JFIF, at + 4) and end - at - 2 >= _JFIF_SIZE:
            # Without the thumbnail, whose width and height stand in the last two bytes (T.871).
            yield b"\xff\xe0" + _JFIF_SIZE.to_bytes(2) + data[at + 4 : at + 16] + b"\0\0"
        elif marker == _JPEG_SOS:
            found = _JPEG_MARKER.search(data, end)
            scan = data[end : found.start()].rstrip(b"\xff") if found else data[end:]
            yield data[at:end] + scan
            end += len(scan)
        elif marker in _JPEG_KEPT or (
            marker in _JPEG_APPS and data.startswith(_JPEG_APPS[marker], at + 4)
        ):
            yield data[at:end]
        at = end


def _png(data: bytes) -> Iterator[bytes]:
    yield data[:8]
    at = 8
    while True:
        kind = data[at + 4 : at + 8]
        end = at + 12 + _number(data, at, 4, "big")
        if end > len(data):
            yield data[at:]
            raise ValueError("cut off")
        if kind in _PNG_KEPT:
            yield data[at:end]
        if kind == b"IEND":
            return
        at = end


def _webp(data: bytes) -> Iterator[bytes]:
    chunks = []
    at, stop = 12, 8 + _number(data, 4, 4, "little")
    while at < min(stop, len(data)):
        kind = data[at : at + 4]
        size = _number(data, at + 4, 4, "little")
        end = at + 8 + size + size % 2
        chunk = data[at:end]
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_EXIF_AND_XMP]) + chunk[9:]
        if kind in _WEBP_KEPT:
            chunks.append(chunk)
        at = end
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


def _number(data: bytes, at: int, size: int, order: str) -> int:
    if at + size > len(data):
        raise ValueError("cut off")
    return int.from_bytes(data[at : at + size], "big" if order == "big" else "little")


_STRIPPERS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/webp": _webp,
    "image/gif": _gif,
}
