"""Makes narrower copies of an image for pages: WebP, sRGB, upright, of the first frame.

It imports Pillow, as `feeds.images.decode` does, and is imported on demand.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from math import ceil

from PIL import Image, ImageCms, ImageOps

from feeds.images.decode import one_at_a_time

_SAVING = {"quality": 78, "method": 4}


def narrowed(data: bytes, width: int, widths: Sequence[int]) -> list[tuple[int, bytes]]:
    """Returns the narrower copies of an image: width in pixels and bytes, the widest first.

    None is wider than the image, and none has more bytes.

    Args:
        data: The published copy of the image, which was decoded to its end before.
        width: Its width in pixels as it is shown.
        widths: The widths that are wanted.

    Raises:
        Exception: whatever Pillow raises if it cannot decode or encode the image.
    """
    wanted = sorted((one for one in widths if one <= width), reverse=True)
    if not wanted:
        return []
    with one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [one for one in _copies(data, width, wanted) if len(one[1]) < len(data)]


def _copies(data: bytes, width: int, wanted: list[int]) -> Iterator[tuple[int, bytes]]:
    with Image.open(io.BytesIO(data)) as opened:
        scale = wanted[0] / width
        # A JPEG is decoded at a half, a quarter or an eighth, but not at less than is wanted.
        opened.draft(opened.mode, (ceil(opened.width * scale), ceil(opened.height * scale)))
        picture = ImageOps.exif_transpose(opened)
        profile = opened.info.get("icc_profile")
    if picture.mode in {"P", "PA", "1"} or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    elif picture.mode.startswith("I"):  # of 16 bits, which a conversion would cut off
        picture = picture.point(lambda value: value * (1 / 256)).convert("L")
    for number, one in enumerate(wanted):
        size = (one, max(1, round(picture.height * one / picture.width)))
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        if number == 0:
            picture = _in_srgb(picture, profile)
        out = io.BytesIO()
        picture.save(out, "WEBP", **_SAVING)
        yield one, out.getvalue()


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Returns a picture in the colours of browsers, without a profile."""
    alpha = picture.getchannel("A") if "A" in picture.getbands() else None
    if profile:
        colours = picture.convert(picture.mode.rstrip("A")) if alpha else picture
        # What has a profile that does not fit is shown as if it had none.
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            made = ImageCms.profileToProfile(
                colours, own, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            picture = made or picture
    picture = picture.convert("RGB")
    picture.info = {}
    if alpha:
        picture.putalpha(alpha)
    return picture
