"""Decodes an image by Pillow, and makes the copy that is published of it.

Only this module and `feeds.images.resize` import Pillow; they are imported on demand, when there is
an image to look at.
"""

from __future__ import annotations

import io
import threading
import warnings
from typing import Any, NamedTuple

from PIL import (
    Image,
    ImageFile,
    ImageSequence,
    JpegImagePlugin,
    PngImagePlugin,
    UnidentifiedImageError,
)

from feeds.common.media import IMAGE_EXTENSIONS
from feeds.images.avif import exif_of, moving, strip_still
from feeds.images.formats import Layout, NotAnImageError, excess, layout, media_type_of
from feeds.images.metadata import orientation, parts_of, upright_exif

# Ours comes before anything is decoded, and by the configuration.
Image.MAX_IMAGE_PIXELS = None

# Text in a PNG is taken out before, but a profile may unpack to more than it is worth.
PngImagePlugin.MAX_TEXT_MEMORY = 4 << 20

# What Pillow calls the formats, by media type.
_FORMATS = {one: one.removeprefix("image/").upper() for one in IMAGE_EXTENSIONS}
_SAVING: dict[str, dict[str, Any]] = {
    "image/jpeg": {"quality": 85, "optimize": True, "progressive": True},
    "image/png": {"optimize": True},
    "image/webp": {"quality": 82, "method": 4},
    "image/avif": {"quality": 75, "speed": 7},
    "image/gif": {},
}
# The Exif tag; from 2 on the picture has to be turned, from 5 on by 90 degrees.
_ORIENTATION = 0x0112
_TURNED = 5
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pixels that are encoded again at most: the picture stands in memory two or three times, and the
# encoders of WebP and AVIF take up to 44 bytes for a pixel.
_LARGEST_PICTURE = 5_000_000
_LARGEST_ENCODED = {"image/webp": 2_000_000, "image/avif": 2_000_000}
_LARGEST_MOVING, _LARGEST_FRAME = 8_000_000, 1_000_000

# Pillow warns of oddities by Python's warnings, whose filters are of the whole process. And one
# image decoded at a time bounds the memory.
one_at_a_time = threading.Lock()


class CopySettings(NamedTuple):
    """How copies are made: at most so wide (0: as wide as they are), with or without metadata."""

    max_width: int = 0
    keep_metadata: bool = False


class Prepared(NamedTuple):
    """The bytes to publish, their true media type, and the size in pixels at which they show."""

    data: bytes
    type: str
    width: int
    height: int


class _Image(NamedTuple):
    """An image that was looked at: `plain` are its bytes without metadata, what is decoded.

    `whole` says whether `plain` is a file as it should be; `turn` is its orientation, `size` that
    in which it is stored.
    """

    plain: bytes
    type: str
    whole: bool
    animated: bool
    turn: int
    size: tuple[int, int]


def prepare(data: bytes, settings: CopySettings, max_pixels: int) -> Prepared:
    """Returns the copy to publish of an image, which was decoded to its end.

    Raises:
        NotAnImageError: it is none, of another format, damaged, cut off, of too many pixels, or
            costs too much to decode.
    """
    with one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = _examine(data, max_pixels)
        except NotAnImageError:
            raise
        except Exception as error:  # noqa: BLE001 (decoders of hostile bytes raise whatever they like)
            raise NotAnImageError(f"damaged or cut off ({error})") from None
        width = image.size[1] if image.turn >= _TURNED else image.size[0]
        narrow = 0 < settings.max_width < width and not image.animated
        best = None if narrow else _as_it_is(data, image, settings)
        if best is None:
            best = _encoded_again(data, image, settings, narrow=narrow)
        if narrow and len(best.data) >= len(data):
            best = _as_it_is(data, image, settings) or best
        return best


def _examine(data: bytes, max_pixels: int) -> _Image:
    """Checks an image: first its headers, then as much of it as is safe to decode."""
    media_type = media_type_of(data)
    plan, whole, turn = Layout(), True, orientation(data, media_type)
    if media_type == "image/avif":
        plain = moving(data) or b"".join(strip_still(data))
    else:
        parts, whole = parts_of(data, media_type)
        plan = layout(parts, media_type)
        plain = b"".join(parts)
        del parts
    try:
        opened = Image.open(io.BytesIO(plain), formats=list(_FORMATS.values()))
    except UnidentifiedImageError:
        raise NotAnImageError("not a JPEG, PNG, GIF, WebP or AVIF image, or damaged") from None
    with opened:
        size = opened.size
        if size[0] * size[1] > max_pixels:
            raise NotAnImageError(
                f"{size[0]} x {size[1]} pixels are more than images.max_pixels ({max_pixels})"
            )
        if media_type == "image/avif":
            plan = Layout(frames=getattr(opened, "n_frames", 1))
            turn = int(opened.getexif().get(_ORIENTATION, 1)) if plan.frames == 1 else 1
        too_much = excess(media_type, size, plan, len(data))
        if too_much:
            raise NotAnImageError(too_much)
        animated = getattr(opened, "n_frames", 1) > 1
        _decode(opened, max_pixels, animated=animated)
    if media_type == "image/avif" and not animated:
        plain = b"".join(strip_still(data))
    return _Image(plain, media_type, whole, animated, 1 if animated else turn, size)


def _decode(image: ImageFile.ImageFile, max_pixels: int, *, animated: bool) -> None:
    width, height = image.size
    if not animated:
        # At an eighth of the size, which is quicker, and reads a JPEG to its end all the same.
        image.draft(image.mode, (max(1, width // 8), max(1, height // 8)))
        image.load()
        return
    rest = max(max_pixels, width * height)
    for frame in ImageSequence.Iterator(image):
        frame.load()
        rest -= width * height
        if rest < width * height:
            break


def _as_it_is(data: bytes, image: _Image, settings: CopySettings) -> Prepared | None:
    """Returns the copy without encoding it again, None if that is impossible."""
    width, height = image.size[::-1] if image.turn >= _TURNED else image.size
    if settings.keep_metadata:
        return Prepared(data, image.type, width, height)
    # Without the metadata it would lie on its side.
    if image.turn > 1 or not image.whole or (image.type == "image/avif" and image.animated):
        return None
    return Prepared(image.plain, image.type, width, height)


def _encoded_again(data: bytes, image: _Image, settings: CopySettings, *, narrow: bool) -> Prepared:
    """Returns the copy encoded again: upright, and narrower if `narrow` is set."""
    try:
        if image.animated and image.type == "image/avif":
            return _moving_avif(data, image)
        upright, options = _upright(image, settings, narrow=narrow)
        if image.type == "image/gif":
            upright = upright.convert("RGBA").quantize(method=Image.Quantize.FASTOCTREE)
        if settings.keep_metadata:
            exif = exif_of(data) if image.type == "image/avif" else data
            options["exif"] = upright_exif(exif, image.type)
        out = io.BytesIO()
        upright.save(out, _FORMATS[image.type], **options)
    except Exception as error:  # noqa: BLE001 (as above)
        raise NotAnImageError(f"cannot be prepared for publication ({error})") from None
    return Prepared(out.getvalue(), image.type, *upright.size)


def _upright(
    image: _Image, settings: CopySettings, *, narrow: bool
) -> tuple[Image.Image, dict[str, Any]]:
    """Returns the picture as it is to be encoded, and the options for that."""
    options = dict(_SAVING[image.type])
    with Image.open(io.BytesIO(image.plain), formats=[_FORMATS[image.type]]) as opened:
        options["icc_profile"] = opened.info.get("icc_profile")
        size = _size_of_copy(image, settings, narrow=narrow)
        if isinstance(opened, JpegImagePlugin.JpegImageFile):
            if size == opened.size:
                options["qtables"] = opened.quantization
                options["subsampling"] = JpegImagePlugin.get_sampling(opened)
            opened.draft(opened.mode, size)  # decoded smaller, which is quicker and takes less
        elif opened.width * opened.height > _LARGEST_PICTURE:
            raise ValueError(f"{opened.width} x {opened.height} pixels are too many to be encoded")
        picture = opened.copy()
    del opened  # its decoder holds the picture several times
    if size != picture.size and (narrow or image.type != "image/jpeg"):
        if picture.mode in {"P", "PA", "1"}:
            picture = picture.convert("RGBA")
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if image.turn in _UPRIGHT:
        picture = picture.transpose(_UPRIGHT[image.turn])
    # Pillow would write comments and Exif from here.
    picture.info = {key: picture.info[key] for key in picture.info if key == "transparency"}
    return picture, options


def _size_of_copy(image: _Image, settings: CopySettings, *, narrow: bool) -> tuple[int, int]:
    """Returns the size to encode, as the picture is stored: less if it takes too much memory."""
    (width, height), scale = image.size, 1.0
    if narrow:
        scale = settings.max_width / (height if image.turn >= _TURNED else width)
    most = _LARGEST_ENCODED.get(image.type, _LARGEST_PICTURE)
    while width * height * scale**2 > most:
        scale /= 2
    whole = round if narrow else int  # so that a JPEG is decoded at exactly half the size
    return max(1, whole(width * scale)), max(1, whole(height * scale))


def _moving_avif(data: bytes, image: _Image) -> Prepared:
    """Returns an animation encoded again; one that is long or large becomes its still picture."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(image.plain), formats=["AVIF"]) as opened:
        pixels = image.size[0] * image.size[1]
        frames = getattr(opened, "n_frames", 1)
        if pixels > _LARGEST_FRAME or pixels * frames > _LARGEST_MOVING:
            still = b"".join(strip_still(data))
            return Prepared(still, image.type, *image.size)
        profile, options = opened.info.get("icc_profile"), _SAVING["image/avif"]
        opened.save(out, "AVIF", save_all=True, icc_profile=profile, exif=b"", xmp=b"", **options)
    return Prepared(out.getvalue(), image.type, *image.size)
