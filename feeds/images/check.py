"""What an image really is, by Pillow, and the copy that is published of it.

Only this module imports Pillow, and only who has an image to look at imports this module.
"""

from __future__ import annotations

import io
import threading
import warnings
from typing import Any, NamedTuple

from PIL import Image, ImageOps, ImageSequence, JpegImagePlugin, UnidentifiedImageError

from feeds.images.strip import strip

# Ours comes before anything is decoded, and by the configuration.
Image.MAX_IMAGE_PIXELS = None

# MPO is a JPEG with further pictures behind it; these go with the metadata.
_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
}
_FORMATS = {kind: name for name, kind in _TYPES.items() if name != "MPO"}
_SAVING: dict[str, dict[str, Any]] = {
    "image/jpeg": {"quality": 85, "optimize": True, "progressive": True},
    "image/png": {"optimize": True},
    "image/webp": {"quality": 82, "method": 4},
    "image/avif": {"quality": 75, "speed": 7},
    "image/gif": {},
}
_ORIENTATION = (
    0x0112  # the Exif tag; from 2 on the picture has to be turned, from 5 on by 90 degrees
)
_TURNED = 5
# In AVIF metadata are items of these types (ISO/IEC 23008-12, annex A), found without a parser.
_AVIF_METADATA = (b"Exif", b"application/rdf+xml")

# Pillow warns of oddities by Python's warnings, whose filters are of the whole process. And one
# image decoded at a time bounds the memory.
_one_at_a_time = threading.Lock()


class Form(NamedTuple):
    """How copies are made: at most so wide (0: as wide as they are), with or without metadata."""

    max_width: int = 0
    keep_metadata: bool = False


class Prepared(NamedTuple):
    """The bytes to publish, their true media type, and the size in pixels at which they show."""

    data: bytes
    type: str
    width: int
    height: int


class NotAnImageError(Exception):
    """The bytes are no image that can be published; the text says why."""


def prepare(data: bytes, form: Form, max_pixels: int) -> Prepared:
    """Returns the copy to publish of an image, which was decoded to its end.

    Raises:
        NotAnImageError: it is none, of another format, damaged, cut off, or of too many pixels.
    """
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            media_type, animated, turn, size = _examine(data, max_pixels)
        except NotAnImageError:
            raise
        except Exception as error:  # noqa: BLE001 (decoders of hostile bytes raise whatever they like)
            raise NotAnImageError(f"damaged or cut off ({error})") from None
        width = size[1] if turn >= _TURNED else size[0]
        narrow = 0 < form.max_width < width and not animated
        best = None if narrow else _as_it_is(data, media_type, form, 0 if animated else turn)
        if best is None:
            best = _anew(data, media_type, form, narrow=narrow)
        if narrow and len(best.data) >= len(data):
            best = _as_it_is(data, media_type, form, turn) or best
        return best


def _examine(data: bytes, max_pixels: int) -> tuple[str, bool, int, tuple[int, int]]:
    """Returns media type, whether it is animated, orientation and stored size."""
    try:
        image = Image.open(io.BytesIO(data), formats=list(_FORMATS.values()))
    except UnidentifiedImageError:
        looks = data[:512].lstrip().lower()
        kind = "markup (SVG, HTML or XML), " if looks.startswith(b"<") else ""
        raise NotAnImageError(f"{kind}no JPEG, PNG, GIF, WebP or AVIF image") from None
    with image:
        media_type = _TYPES[str(image.format)]
        (width, height), size = image.size, image.size
        if width * height > max_pixels:
            raise NotAnImageError(
                f"{width} x {height} pixels are more than images.max_pixels ({max_pixels})"
            )
        turn = int(image.getexif().get(_ORIENTATION, 1))
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        if frames == 1:
            # At an eighth of the size, which is quicker, and reads a JPEG to its end all the same.
            image.draft(image.mode, (max(1, width // 8), max(1, height // 8)))
            image.load()
        else:
            rest = max(max_pixels, width * height)
            for frame in ImageSequence.Iterator(image):
                frame.load()
                rest -= width * height
                if rest < width * height:
                    break
    return media_type, frames > 1, turn, size


def _as_it_is(data: bytes, media_type: str, form: Form, turn: int) -> Prepared | None:
    """Returns the copy without encoding anew, None where that cannot be."""
    kept: bytes | None = data
    if not form.keep_metadata:
        if turn > 1:
            return None  # it would lie on its side without the metadata
        if media_type != "image/avif":
            kept = strip(data, media_type)
        elif any(mark in data for mark in _AVIF_METADATA):
            kept = None
    if kept is None:
        return None
    with Image.open(io.BytesIO(kept), formats=[_FORMATS[media_type]]) as image:
        width, height = image.size
    return Prepared(kept, media_type, *((height, width) if turn >= _TURNED else (width, height)))


def _anew(data: bytes, media_type: str, form: Form, *, narrow: bool) -> Prepared:
    """Returns the copy encoded anew: upright, and narrower where it is to be."""
    try:
        with Image.open(io.BytesIO(data), formats=[_FORMATS[media_type]]) as image:
            profile, options = image.info.get("icc_profile"), dict(_SAVING[media_type])
            if (
                media_type == "image/jpeg"
                and not narrow
                and isinstance(image, JpegImagePlugin.JpegImageFile)
            ):
                options |= {
                    "qtables": image.quantization,
                    "subsampling": JpegImagePlugin.get_sampling(image),
                }
            exif = image.getexif()
            if narrow and media_type == "image/jpeg":
                image.draft(image.mode, (form.max_width, form.max_width))
            upright = ImageOps.exif_transpose(image)
        if narrow:
            upright = _narrowed(upright, form.max_width)
        if media_type == "image/gif":
            upright = upright.convert("RGBA").quantize(method=Image.Quantize.FASTOCTREE)
        if form.keep_metadata:
            exif.pop(_ORIENTATION, None)
            options["exif"] = exif
        out = io.BytesIO()
        # Pillow would write comments and Exif from here.
        upright.info = {key: upright.info[key] for key in upright.info if key == "transparency"}
        upright.save(out, _FORMATS[media_type], icc_profile=profile, **options)
    except Exception as error:  # noqa: BLE001 (as above)
        raise NotAnImageError(f"cannot be made ready to be published ({error})") from None
    return Prepared(out.getvalue(), media_type, *upright.size)


def _narrowed(image: Image.Image, width: int) -> Image.Image:
    if image.mode in {"P", "PA", "1"}:
        image = image.convert("RGBA")
    height = max(1, round(image.height * width / image.width))
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
