"""What images cost is told by their headers, and too much of it is refused before it is decoded."""

from __future__ import annotations

import time

import pytest
from PIL import Image

from feeds.images.decode import CopySettings, prepare
from feeds.images.formats import MAX_FRAMES, MAX_SCANS, Layout, NotAnImageError, excess
from feeds.images.metadata import orientation
from tests.support.imaging import encoded, exif, picture

ALL = 40_000_000


def scans(data: bytes, count: int) -> bytes:
    """Returns a progressive JPEG with its last scan repeated."""
    begin = data.rindex(b"\xff\xda")
    return data[:-2] + data[begin:-2] * count + data[-2:]


@pytest.mark.parametrize("count", [MAX_SCANS, 5000])
def test_jpeg_of_very_many_scans_is_refused_at_once(count: int) -> None:
    data = scans(picture("jpg", (800, 600), progressive=True), count)
    began = time.process_time()
    with pytest.raises(NotAnImageError, match="scans are too many"):
        prepare(data, CopySettings(), ALL)
    assert time.process_time() - began < 5


def test_progressive_jpeg_of_the_usual_kind_is_taken() -> None:
    data = picture("jpg", (2400, 1600), progressive=True)
    assert prepare(data, CopySettings(), ALL).data == data


@pytest.mark.parametrize(
    ("extension", "saving"),
    [
        ("jpg", {"progressive": True, "subsampling": 0}),
        ("png", {}),
        ("webp", {"method": 0}),
    ],
)
def test_image_that_takes_too_much_memory_is_refused(
    extension: str, saving: dict[str, object]
) -> None:
    data = encoded(Image.new("RGB", (6000, 5000)), extension, **saving)
    with pytest.raises(NotAnImageError, match="MiB to decode"):
        prepare(data, CopySettings(), ALL)


def test_large_photograph_is_taken() -> None:
    data = encoded(Image.new("RGB", (6000, 5000)), "jpg")
    assert prepare(data, CopySettings(), ALL).width == 6000


def test_animation_of_very_many_frames_is_refused_at_once() -> None:
    frame = b"\x2c" + bytes(4) + b"\1\0\1\0\0" + b"\2\2\x44\1\0"
    data = b"GIF89a\1\0\1\0\x80\0\0" + bytes(6) + frame * (MAX_FRAMES + 1) + b"\x3b"
    with pytest.raises(NotAnImageError, match="frames are more than"):
        prepare(data, CopySettings(), ALL)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("extension", ["jpg", "png", "webp"])
def test_orientation_is_read_from_exif(extension: str, turn: int) -> None:
    kind = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}[extension]
    assert orientation(picture(extension, exif=exif(turn)), kind) == turn


def test_large_turned_photograph_is_made_upright_and_smaller() -> None:
    data = encoded(Image.new("RGB", (4000, 3000)), "jpg", exif=exif(6))
    copy = prepare(data, CopySettings(), ALL)
    assert (copy.width, copy.height) == (1500, 2000)


@pytest.mark.parametrize(
    ("extension", "size"), [("webp", (2400, 1900)), ("avif", (2500, 2000)), ("png", (5000, 4200))]
)
def test_large_picture_of_another_format_is_taken(extension: str, size: tuple[int, int]) -> None:
    data = encoded(Image.new("RGB", size), extension)
    copy = prepare(data, CopySettings(), ALL)
    assert (copy.width, copy.height) == size


@pytest.mark.parametrize(("extension", "turn"), [("webp", 6), ("avif", 1), ("webp", 1)])
def test_picture_that_is_encoded_again_is_small_enough_for_its_encoder(
    extension: str, turn: int
) -> None:
    data = encoded(Image.new("RGBA", (2000, 1500)), extension, exif=exif(turn))
    copy = prepare(data, CopySettings(max_width=1900 if turn == 1 else 0), ALL)
    width, height = (950, round(950 * 0.75)) if turn == 1 else (750, 1000)
    assert (copy.width, copy.height) == (width, height)


def test_file_counts_as_well_as_what_it_becomes() -> None:
    layout, size = Layout(), (4000, 5000)
    assert excess("image/png", size, layout, 1 << 20) == ""
    assert "take 96 MiB to decode, more than 88" in excess("image/png", size, layout, 10 << 20)
