"""What it would cost to decode an image, told by its headers before anything is decoded.

The bounds are on memory, on the scans of a JPEG and on the frames of an animation. An image within
them is decoded in some seconds and 48 MiB.
"""

from __future__ import annotations

from typing import NamedTuple

MAX_MEMORY = 48 << 20
MAX_SCANS = 100
# Each scan goes over all of the picture again.
MAX_SCANNED_PIXELS = 400_000_000
MAX_FRAMES = 2_000
# Bytes that a decoder and Pillow take for a pixel at their worst, measured.
_PER_PIXEL = {"image/png": 4, "image/gif": 1, "image/webp": 16, "image/avif": 14}
_PER_PIXEL_MOVING = {"image/png": 16, "image/gif": 16, "image/webp": 20, "image/avif": 25}
# SOF markers of JPEG (ITU-T T.81, table B.1): all but DHT, JPG and DAC; and those without scans
# that refine others.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = {0xC0, 0xC1, 0xC3, 0xC9, 0xCB}


class Layout(NamedTuple):
    """What an image file consists of: frames of an animation, or scans of a JPEG.

    `coefficients` is how many bytes a JPEG's decoder holds of the whole picture, 0 where it needs
    a few lines only.
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
    return Layout(scans=len(scans), coefficients=2 * samples)


def excess(media_type: str, size: tuple[int, int], plan: Layout) -> str:
    """Returns why an image would cost too much to decode, ``""`` where it does not."""
    pixels = size[0] * size[1]
    if plan.scans > MAX_SCANS or plan.scans * pixels > max(MAX_SCANNED_PIXELS, pixels):
        return f"{plan.scans} scans are more than are decoded of a picture of this size"
    if plan.frames > MAX_FRAMES:
        return f"{plan.frames} frames are more than {MAX_FRAMES}"
    table = _PER_PIXEL_MOVING if plan.frames > 1 else _PER_PIXEL
    memory = plan.coefficients + pixels * table.get(media_type, 0)
    if memory > MAX_MEMORY:
        return (
            f"{size[0]} x {size[1]} pixels in this form take {memory >> 20} MiB to decode, "
            f"more than {MAX_MEMORY >> 20}"
        )
    return ""
