"""Narrower copies of one image: their sizes, colours, frames and what they must not hold."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageCms

from feeds.images.resize import narrowed
from tests.support.imaging import HIDDEN, encoded, exif, picture

WIDTHS = (208, 416, 832, 1280)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("extension", ["jpg", "png", "gif", "webp", "avif"])
def test_copies_are_narrower_webp_of_the_same_shape(extension: str) -> None:
    data = encoded(Image.effect_noise((900, 450), 60).convert("RGB"), extension)
    found = narrowed(data, 900, WIDTHS)
    assert [width for width, _ in found] == [832, 416, 208]
    for width, copy in found:
        image = opened(copy)
        assert (image.format, image.size) == ("WEBP", (width, width // 2))
        assert len(copy) < len(data)


@pytest.mark.parametrize(
    ("width", "made"), [(207, []), (208, [208]), (415, [208]), (416, [416, 208])]
)
def test_no_copy_is_wider_than_the_image(width: int, made: list[int]) -> None:
    data = encoded(Image.effect_noise((width, 300), 60), "png")
    assert [one for one, _ in narrowed(data, width, WIDTHS)] == made


def test_no_copy_has_more_bytes_than_the_image() -> None:
    image = Image.new("P", (420, 300))
    assert narrowed(encoded(image, "png"), 420, (416,)) == []


def test_copy_is_of_the_first_frame() -> None:
    frames = [Image.new("RGB", (400, 400), colour) for colour in ("red", "blue")]
    frames[0].paste(Image.effect_noise((400, 200), 60))
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    ((_, copy),) = narrowed(out.getvalue(), 400, (208,))
    image = opened(copy)
    assert getattr(image, "n_frames", 1) == 1
    red, _, blue = image.convert("RGB").getpixel((104, 190))  # type: ignore[misc]
    assert red > 200 > 50 > blue


def test_copy_is_upright_and_tells_nothing() -> None:
    noise = Image.effect_noise((600, 300), 60).convert("RGB")
    data = encoded(noise, "jpg", exif=exif(6))
    ((_, copy),) = narrowed(data, 300, (208,))
    assert opened(copy).size == (208, 416)
    assert HIDDEN.encode() not in copy
    assert not opened(copy).getexif()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_copy_is_in_srgb_whatever_the_profile(mode: str) -> None:
    noise = Image.effect_noise((400, 300), 60).convert(mode)
    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    ((_, copy),) = narrowed(encoded(noise, "jpg", icc_profile=wide), 400, (208,))
    assert opened(copy).mode == "RGB"
    assert "icc_profile" not in opened(copy).info


def test_copy_keeps_what_is_transparent() -> None:
    image = Image.effect_noise((400, 300), 60).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 200, 300))
    ((_, copy),) = narrowed(encoded(image, "png"), 400, (208,))
    alpha = opened(copy).getchannel("A")
    assert (alpha.getpixel((20, 70)), alpha.getpixel((190, 70))) == (0, 255)


def test_picture_of_sixteen_bits_is_not_blown_out() -> None:
    image = Image.effect_noise((400, 300), 60).convert("I").point(lambda value: value * 257)
    ((_, copy),) = narrowed(encoded(image.convert("I;16"), "png"), 400, (208,))
    assert 90 < opened(copy).convert("L").resize((1, 1)).tobytes()[0] < 170


def test_damaged_image_raises() -> None:
    with pytest.raises(OSError, match="Truncated"):
        narrowed(picture("png", (300, 300))[:20], 300, WIDTHS)
