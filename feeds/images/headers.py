"""Reads the headers of an image: its orientation, and the cost of decoding it.

The bounds are on memory, on the scans of a JPEG and on the frames of an animation. An image within
them is decoded in some seconds and 88 MiB. Of Exif one tag is looked for and nothing else, since a
reader of all of it can be made to work for hours.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

# With what the process takes besides, a whole fetch stays under 150 MiB.
MAX_MEMORY = 88 << 20
MAX_SCANS = 100
# Each scan goes over all of the picture again.
MAX_SCANNED_PIXELS = 400_000_000
MAX_FRAMES = 2_000
# Bytes that a decoder and Pillow take for a pixel at their worst, measured; of WebP and AVIF with a
# copy of the picture, since the decoder keeps what it has until it is closed.
_PER_PIXEL = {"image/png": 4, "image/gif": 1, "image/webp": 20, "image/avif": 18}
_PER_PIXEL_MOVING = {"image/png": 16, "image/gif": 16, "image/webp": 20, "image/avif": 25}
# SOF markers of JPEG (ITU-T T.81, table B.1): all but DHT, JPG and DAC; and those without scans
# that refine others.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = {0xC0, 0xC1, 0xC3, 0xC9, 0xCB}
_HEADER = b"Exif\0\0"
_TAG = 0x0112
_SHORT = 3
# The highest of the values of the tag (Exif 2.32, section 4.6.4).
_LARGEST = 8
_MOST_ENTRIES = 1000
# What a segment of JPEG holds; longer Exif is not kept.
_LARGEST_EXIF = 65_000


class Layout(NamedTuple):
    """The parts of an image file: frames of an animation, or scans of a JPEG.

    `coefficients` is how many bytes a JPEG's decoder holds of the whole picture, with a third for
    the picture that it makes; 0 if it needs a few lines only.
    """

    frames: int = 0
    scans: int = 0
    coefficients: int = 0


def layout(parts: list[bytes], media_type: str) -> Layout:
    """Returns the layout of a file of these segments, chunks or blocks, of which heads suffice."""
    if media_type == "image/jpeg":
        return _jpeg(parts)
    if media_type == "image/gif":
        return Layout(sum(part[:1] == b"\x2c" for part in parts))
    mark, at = (b"fcTL", 4) if media_type == "image/png" else (b"ANMF", 0)
    return Layout(sum(part[at : at + 4] == mark for part in parts))


def _jpeg(parts: list[bytes]) -> Layout:
    scans = [part for part in parts if part[1:2] == b"\xda"]
    frames = [part for part in parts if len(part) > 9 and part[1] in _FRAMES]
    if not frames or not scans:
        return Layout(scans=len(scans))
    frame = frames[0]
    height, width, count = int.from_bytes(frame[5:7]), int.from_bytes(frame[7:9]), frame[9]
    if frame[1] in _SEQUENTIAL and len(scans) == 1 and scans[0][4:5] == bytes([count]):
        return Layout(scans=1)
    factors = [(one >> 4, one & 15) for one in frame[11 : 10 + 3 * count : 3]]
    across = max((one for one, _ in factors), default=1) or 1
    down = max((one for _, one in factors), default=1) or 1
    samples = sum(width * one // across * (height * other // down) for one, other in factors)
    return Layout(scans=len(scans), coefficients=3 * samples)


def excess(media_type: str, size: tuple[int, int], plan: Layout, length: int) -> str:
    """Returns why an image would cost too much to decode, ``""`` if it does not.

    `length` is that of the file in bytes, which stands in memory twice.
    """
    pixels = size[0] * size[1]
    if plan.scans > MAX_SCANS or plan.scans * pixels > max(MAX_SCANNED_PIXELS, pixels):
        return f"{plan.scans} scans are too many for a picture of this size"
    if plan.frames > MAX_FRAMES:
        return f"{plan.frames} frames are more than {MAX_FRAMES}"
    table = _PER_PIXEL_MOVING if plan.frames > 1 else _PER_PIXEL
    memory = 2 * length + plan.coefficients + pixels * table.get(media_type, 0)
    if memory > MAX_MEMORY:
        return (
            f"{size[0]} x {size[1]} pixels in this form take {memory >> 20} MiB to decode, "
            f"more than {MAX_MEMORY >> 20}"
        )
    return ""


def orientation(data: bytes, media_type: str) -> int:
    """Returns the orientation that the Exif of an image names, 1 if it names none."""
    exif = _exif(data, media_type)
    place = _tag(exif)
    value = 1 if place is None else int.from_bytes(exif[place : place + 2], _order(exif))
    return value if 1 <= value <= _LARGEST else 1


def upright_exif(data: bytes, media_type: str) -> bytes:
    """Returns the Exif of an image as that of an upright picture, ``b""`` if it has none.

    For AVIF `data` is the Exif itself.
    """
    exif = bytearray(data if media_type == "image/avif" else _exif(data, media_type))
    place = _tag(exif)
    if place is not None and place + 2 <= len(exif):
        exif[place : place + 2] = (1).to_bytes(2, _order(exif))
    return b"Exif\0\0" + bytes(exif) if 0 < len(exif) <= _LARGEST_EXIF else b""


def _exif(data: bytes, media_type: str) -> bytes:
    """Returns the Exif of an image, from its TIFF header on, ``b""`` if it has none."""
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
