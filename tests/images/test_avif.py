"""AVIF files built again from what the picture needs."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from feeds.images.avif import box, exif_of, strip_still
from feeds.images.decode import CopySettings, prepare
from tests.support.imaging import HIDDEN, encoded, exif, picture

MARK = HIDDEN.encode()
PLAIN = picture("avif")
CLEAR = encoded(Image.new("RGBA", (64, 48), (9, 99, 200, 90)), "avif", xmp=MARK, exif=exif())
HIDING = {
    "exif": picture("avif", exif=exif()),
    "xmp": picture("avif", xmp=MARK),
    "transparent, with both": CLEAR,
    "html behind the end": PLAIN + b"<!DOCTYPE html>" + MARK,
    "zip behind the end": PLAIN + b"PK\3\4" + MARK,
    "free box": PLAIN + box(b"free", MARK),
    "uuid box": PLAIN + box(b"uuid", bytes(16), MARK),
    "unused data": PLAIN + box(b"mdat", MARK),
}


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.tobytes()


@pytest.mark.parametrize("hiding", HIDING.values(), ids=HIDING)
def test_copy_of_an_avif_holds_the_picture_alone(hiding: bytes) -> None:
    copy = prepare(hiding, CopySettings(), 1_000_000).data
    assert not any(mark in copy for mark in (MARK, b"Exif", b"rdf+xml", b"PK\3\4", b"DOCTYPE"))
    assert pixels(copy) == pixels(hiding)


def test_copy_of_an_avif_keeps_its_colour_profile() -> None:
    data = picture("avif", icc_profile=b"p" * 3000, xmp=MARK)
    with Image.open(io.BytesIO(prepare(data, CopySettings(), 1_000_000).data)) as image:
        assert image.info["icc_profile"] == b"p" * 3000


def test_file_that_was_built_again_stays_the_same() -> None:
    once = b"".join(strip_still(CLEAR))
    assert b"".join(strip_still(once)) == once


def test_animation_loses_its_metadata_and_moves_on() -> None:
    frames = [Image.new("RGB", (40, 30), (90 * n, 0, 0)) for n in range(3)]
    data = encoded(
        frames[0], "avif", save_all=True, append_images=frames[1:], xmp=MARK, exif=exif()
    )
    copy = prepare(data + b"PK" + MARK, CopySettings(), 1_000_000).data
    assert MARK not in copy
    with Image.open(io.BytesIO(copy)) as image:
        assert getattr(image, "n_frames", 1) == 3


def test_exif_of_returns_what_stands_there() -> None:
    assert exif_of(HIDING["exif"])[:2] in (b"MM", b"II")
    assert exif_of(PLAIN) == b""


@settings(deadline=None, max_examples=300)
@given(at=st.integers(0, 900), cut=st.integers(0, 8), junk=st.binary(max_size=8))
def test_damage_raises_nothing_else(at: int, cut: int, junk: bytes) -> None:
    at %= len(CLEAR)
    with suppress(ValueError, LookupError, OverflowError):
        strip_still(CLEAR[:at] + junk + CLEAR[at + cut :])
