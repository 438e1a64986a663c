"""What is taken for an image, what is measured of it, and what copy is made."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from feeds.images import decode
from feeds.images.decode import CopySettings, prepare
from feeds.images.formats import NotAnImageError
from tests.support.imaging import FORMATS, HIDDEN, encoded, exif, picture

PLAIN = CopySettings()
MANY = 1_000_000
WITH_EXIF = ["jpg", "png", "webp", "avif"]
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def animation(extension: str, frames: int = 3) -> bytes:
    images = [Image.new("RGB", (40, 30), (90 * n, 0, 0)) for n in range(frames)]
    return encoded(images[0], extension, save_all=True, append_images=images[1:], duration=100)


@pytest.mark.parametrize("extension", FORMATS)
def test_prepare_measures_type_and_size(extension: str) -> None:
    copy = prepare(picture(extension), PLAIN, MANY)
    assert (copy.type, copy.width, copy.height) == (FORMATS[extension][1], 64, 48)
    assert opened(copy.data).format == FORMATS[extension][0]


@pytest.mark.parametrize("extension", FORMATS)
def test_prepare_keeps_the_pixels_of_an_image_without_metadata(extension: str) -> None:
    data = picture(extension)
    assert opened(prepare(data, PLAIN, MANY).data).tobytes() == opened(data).tobytes()


@pytest.mark.parametrize("extension", WITH_EXIF)
def test_prepare_leaves_no_gps_tag(extension: str) -> None:
    data = picture(extension, exif=exif())
    assert opened(data).getexif().get_ifd(0x8825)
    copy = prepare(data, PLAIN, MANY)
    image = opened(copy.data)
    assert not image.getexif()
    assert HIDDEN.encode() not in copy.data
    assert not {"exif", "xmp", "XML:com.adobe.xmp"} & image.info.keys()


@pytest.mark.parametrize("extension", WITH_EXIF)
def test_prepare_keeps_metadata_where_told_so(extension: str) -> None:
    data = picture(extension, exif=exif())
    assert prepare(data, CopySettings(keep_metadata=True), MANY).data == data


@pytest.mark.parametrize("keep", [False, True], ids=["stripped", "kept"])
@pytest.mark.parametrize("extension", WITH_EXIF)
def test_prepare_measures_a_turned_picture_as_it_shows(extension: str, *, keep: bool) -> None:
    data = picture(extension, exif=exif(orientation=6))
    copy = prepare(data, CopySettings(keep_metadata=keep), MANY)
    assert (copy.width, copy.height) == (48, 64)
    if not keep:
        assert opened(copy.data).size == (48, 64)
        assert HIDDEN.encode() not in copy.data


@pytest.mark.parametrize("metadata", [False, True], ids=["without metadata", "with metadata"])
@pytest.mark.parametrize("extension", FORMATS)
def test_prepare_makes_a_wide_picture_narrower(extension: str, *, metadata: bool) -> None:
    data = picture(extension, (800, 400), **({"exif": exif()} if metadata else {}))
    copy = prepare(data, CopySettings(200, keep_metadata=metadata), MANY)
    assert (copy.width, copy.height) == opened(copy.data).size
    assert len(copy.data) < len(data)
    assert copy.width == 200 or extension == "gif"
    if extension in WITH_EXIF:
        assert bool(opened(copy.data).getexif()) == metadata


@pytest.mark.parametrize("width", [64, 65, 1000])
def test_prepare_never_makes_a_picture_wider(width: int) -> None:
    data = picture("png")
    assert prepare(data, CopySettings(width), MANY) == prepare(data, PLAIN, MANY)


def test_prepare_keeps_a_picture_that_would_become_larger_in_bytes() -> None:
    data = encoded(Image.new("P", (300, 300)), "png")
    copy = prepare(data, CopySettings(299), MANY)
    assert copy.width == 300 or len(copy.data) < len(data)


@pytest.mark.parametrize("extension", ["gif", "webp", "png", "avif"])
def test_prepare_leaves_an_animation_moving(extension: str) -> None:
    copy = prepare(animation(extension), CopySettings(20), MANY)
    assert getattr(opened(copy.data), "n_frames", 1) == 3
    assert (copy.width, copy.height) == (40, 30)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_prepare_takes_every_kind_of_png(mode: str) -> None:
    data = encoded(Image.new(mode, (80, 60)), "png")
    assert prepare(data, PLAIN, MANY).width == 80


def test_prepare_takes_print_colours() -> None:
    data = encoded(Image.new("CMYK", (80, 60)), "jpg", exif=exif(orientation=3))
    copy = prepare(data, CopySettings(40), MANY)
    assert (opened(copy.data).mode, copy.width) == ("CMYK", 40)


@pytest.mark.parametrize("turn", [1, 6])
def test_prepare_keeps_the_colour_profile(turn: int) -> None:
    profile = b"p" * 3000
    data = picture("jpg", exif=exif(orientation=turn), icc_profile=profile)
    assert opened(prepare(data, PLAIN, MANY).data).info["icc_profile"] == profile


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a JPEG"),
        (b"nothing of the kind", "not a JPEG"),
        (SVG, "markup"),
        (b"\n <!DOCTYPE html><title>Not found</title>", "markup"),
        (encoded(Image.new("RGB", (9, 9)), "png")[:40], "damaged or cut off|not a JPEG"),
        (b"BM" + bytes(100), "not a JPEG"),
    ],
    ids=["empty", "text", "svg", "html", "header only", "bmp"],
)
def test_prepare_refuses_what_is_no_image(data: bytes, reason: str) -> None:
    with pytest.raises(NotAnImageError, match=reason):
        prepare(data, PLAIN, MANY)


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("extension", FORMATS)
def test_prepare_refuses_what_is_cut_off(extension: str, share: float) -> None:
    data = encoded(Image.effect_noise((120, 90), 80).convert("RGB"), extension)
    with pytest.raises(NotAnImageError, match=r"damaged or cut off|not a JPEG"):
        prepare(data[: int(len(data) * share)], PLAIN, MANY)


@pytest.mark.parametrize("extension", FORMATS)
def test_prepare_refuses_too_many_pixels_before_it_decodes_any(extension: str) -> None:
    with pytest.raises(NotAnImageError, match=r"64 x 48 pixels are more than images\.max_pixels"):
        prepare(picture(extension), PLAIN, 64 * 48 - 1)
    assert prepare(picture(extension), PLAIN, 64 * 48).width == 64


def test_prepare_decodes_so_many_frames_only_as_pixels_are_allowed() -> None:
    data = animation("gif", 3)
    broken = data[: len(data) - 20]
    with pytest.raises(NotAnImageError):
        prepare(broken, PLAIN, 100 * 40 * 30)
    assert prepare(data, PLAIN, 40 * 30).width == 40


def test_prepare_names_a_disguised_image_by_what_it_is() -> None:
    assert prepare(picture("png") + SVG, PLAIN, MANY).type == "image/png"
    assert SVG not in prepare(picture("jpg") + SVG, PLAIN, MANY).data


@given(st.sampled_from(sorted(FORMATS)), st.integers(0, 2000), st.binary(min_size=1, max_size=6))
def test_prepare_raises_nothing_else_for_damage(extension: str, at: int, junk: bytes) -> None:
    data = picture(extension, exif=exif(6)) if extension in WITH_EXIF else picture(extension)
    at %= len(data)
    with suppress(NotAnImageError):
        copy = prepare(data[:at] + junk + data[at + len(junk) :], CopySettings(50), MANY)
        assert opened(copy.data).size == (copy.width, copy.height)


def test_prepare_encodes_no_picture_again_that_is_too_large_for_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decode, "_LARGEST_PICTURE", 64 * 48 - 1)
    assert prepare(picture("jpg"), CopySettings(max_width=32), MANY).width == 32
    with pytest.raises(NotAnImageError, match="64 x 48 pixels are too many to be encoded"):
        prepare(picture("png"), CopySettings(max_width=32), MANY)


@pytest.mark.parametrize("limit", ["_LARGEST_FRAME", "_LARGEST_MOVING"])
def test_prepare_makes_an_animation_still_that_is_too_large_to_be_encoded(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(decode, limit, 40 * 30 - 1)
    copy = prepare(animation("avif"), CopySettings(max_width=20), MANY)
    assert (copy.type, copy.width, copy.height) == ("image/avif", 40, 30)
    assert getattr(opened(copy.data), "n_frames", 1) == 1


def test_prepare_turns_a_picture_whose_markers_are_padded() -> None:
    data = picture("jpg", exif=exif(orientation=6))
    padded = data[:2] + b"\xff\xff" + data[2:]
    copies = [prepare(one, CopySettings(keep_metadata=True), MANY) for one in (data, padded)]
    assert [(copy.width, copy.height) for copy in copies] == [(48, 64), (48, 64)]
