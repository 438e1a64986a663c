"""Which formats of images are accepted, how they are recognised, and what decoding one may cost.

An image within the bounds is decoded in some seconds.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_SIGNATURES = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "image/avif": re.compile(rb"....ftyp(?:avif|avis|mif1|msf1)", re.DOTALL),
}
# With what the process takes besides, a whole fetch stays under 150 MiB.
MAX_MEMORY = 88 << 20
# Each scan of a JPEG goes over all of the picture again.
MAX_SCANS, MAX_SCANNED_PIXELS = 100, 400_000_000
MAX_FRAMES = 2_000
# Bytes that a decoder and Pillow take for a pixel at their worst, measured; of WebP and AVIF with a
# copy of the picture, since the decoder keeps what it has until it is closed.
_PER_PIXEL = {"image/png": 4, "image/gif": 1, "image/webp": 20, "image/avif": 18}
_PER_PIXEL_MOVING = {"image/png": 16, "image/gif": 16, "image/webp": 20, "image/avif": 25}
# SOF markers (ITU-T T.81, table B.1): all but DHT, JPG and DAC; and those whose scans refine none.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = {0xC0, 0xC1, 0xC3, 0xC9, 0xCB}


class NotAnImageError(Exception):
    """The bytes are no image that can be published; the text says why."""


class Layout(NamedTuple):
    """The frames of an animation; the scans of a JPEG, and bytes that its decoder holds of them."""

    frames: int = 0
    scans: int = 0
    coefficients: int = 0


def media_type_of(data: bytes) -> str:
    """Returns the media type of an image of an accepted format.

    Raises:
        NotAnImageError: it is none.
    """
    for kind, pattern in _SIGNATURES.items():
        if pattern.match(data):
            return kind
    looks = data[:512].lstrip().lower()
    kind = "markup (SVG, HTML or XML), " if looks.startswith(b"<") else ""
    raise NotAnImageError(f"{kind}not a JPEG, PNG, GIF, WebP or AVIF image")


def layout(parts: list[bytes], media_type: str) -> Layout:
    """Returns the layout of a file of these segments, chunks or blocks, of which heads suffice."""
    if media_type == "image/jpeg":
        return _jpeg_layout(parts)
    if media_type == "image/gif":
        return Layout(sum(part[:1] == b"\x2c" for part in parts))
    mark, at = (b"fcTL", 4) if media_type == "image/png" else (b"ANMF", 0)
    return Layout(sum(part[at : at + 4] == mark for part in parts))


def _jpeg_layout(parts: list[bytes]) -> Layout:
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
        what = f"{size[0]} x {size[1]} pixels in this form take {memory >> 20} MiB"
        return f"{what} to decode, more than {MAX_MEMORY >> 20}"
    return ""
