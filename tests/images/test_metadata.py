"""Metadata taken out of files, with the picture left as it is."""

from __future__ import annotations

import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from feeds.images.metadata import parts_of
from tests.support.imaging import FORMATS, HIDDEN, exif, picture

MARK = HIDDEN.encode()
STRIPPED = {name: kind for name, (_, kind) in FORMATS.items() if name != "avif"}


def strip(data: bytes, media_type: str) -> bytes | None:
    """Returns an image without metadata, None if it is damaged."""
    parts, is_whole = parts_of(data, media_type)
    return b"".join(parts) if is_whole else None


def chunk(kind: bytes, data: bytes) -> bytes:
    """Returns a chunk of a PNG file."""
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def segment(marker: int, data: bytes) -> bytes:
    """Returns a segment of a JPEG file."""
    return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2) + data


def block(data: bytes) -> bytes:
    """Returns the data blocks of a GIF extension."""
    return bytes([len(data)]) + data + b"\0"


def riff(data: bytes, kind: bytes, payload: bytes) -> bytes:
    """Returns a WebP file with one chunk more."""
    more = data + kind + len(payload).to_bytes(4, "little") + payload + b"\0" * (len(payload) % 2)
    return more[:4] + (len(more) - 8).to_bytes(4, "little") + more[8:]


JPEG, PNG, GIF, WEBP = (picture(name) for name in STRIPPED)
TEXTS = PngImagePlugin.PngInfo()
TEXTS.add_text("Comment", HIDDEN)
TEXTS.add_itxt("XML:com.adobe.xmp", HIDDEN)

HIDING = {
    "jpeg exif": (JPEG, picture("jpg", exif=exif())),
    "jpeg comment": (JPEG, picture("jpg", comment=HIDDEN)),
    "jpeg xmp": (
        JPEG,
        JPEG[:2] + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + MARK) + JPEG[2:],
    ),
    "jpeg iptc": (JPEG, JPEG[:2] + segment(0xED, b"Photoshop 3.0\0" + MARK) + JPEG[2:]),
    "jpeg twice": (JPEG, JPEG[:2] + 2 * segment(0xE1, b"Exif\0\0" + MARK) + JPEG[2:]),
    "jpeg fill bytes": (JPEG, JPEG[:2] + b"\xff\xff" + segment(0xEF, MARK) + JPEG[2:]),
    "jpeg disguised profile": (JPEG, JPEG[:2] + segment(0xE2, b"FPXR\0" + MARK) + JPEG[2:]),
    "jpeg behind the end": (JPEG, JPEG + MARK),
    "jpeg thumbnail": (
        JPEG,
        JPEG[:2] + segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\3\2" + (MARK + b"..")[:18]) + JPEG[20:],
    ),
    "jpeg jfxx thumbnail": (JPEG, JPEG[:20] + segment(0xE0, b"JFXX\0\x13" + MARK) + JPEG[20:]),
    "jpeg several pictures": (JPEG, JPEG + picture("jpg", comment=HIDDEN)),
    "png exif": (PNG, picture("png", exif=exif())),
    "png texts": (PNG, picture("png", pnginfo=TEXTS)),
    "png unknown": (PNG, PNG[:33] + chunk(b"prIV", MARK) + PNG[33:]),
    "png behind the end": (PNG, PNG + MARK),
    "gif comment": (GIF, picture("gif", comment=MARK)),
    "gif xmp": (GIF, GIF[:-1] + b"\x21\xff\x0bXMP DataXMP" + block(MARK) + b"\x3b"),
    "gif text": (GIF, GIF[:-1] + b"\x21\x01\x0c" + bytes(12) + block(MARK) + b"\x3b"),
    "gif behind the end": (GIF, GIF + MARK),
    "webp exif": (WEBP, picture("webp", exif=exif())),
    "webp xmp": (WEBP, picture("webp", xmp=MARK)),
    "webp unknown": (WEBP, riff(WEBP, b"priv", MARK)),
    "webp behind the end": (WEBP, WEBP + MARK),
}


@pytest.mark.parametrize(("plain", "hiding"), HIDING.values(), ids=HIDING)
def test_strip_takes_out_what_is_hidden_and_no_pixel(plain: bytes, hiding: bytes) -> None:
    image = Image.open(io.BytesIO(hiding))
    kind = dict(FORMATS.values())[str(image.format)]
    assert MARK in hiding or "exif" in image.info
    stripped = strip(hiding, kind)
    assert stripped is not None
    assert MARK not in stripped
    with Image.open(io.BytesIO(stripped)) as left, Image.open(io.BytesIO(plain)) as right:
        assert left.tobytes() == right.tobytes()
        assert not left.getexif()


@pytest.mark.parametrize(
    ("extension", "saving"),
    [
        ("jpg", {"progressive": True}),
        ("jpg", {"restart_marker_blocks": 1}),
        ("jpg", {"quality": 100, "subsampling": 0, "icc_profile": b"p" * 70000}),
        ("webp", {"lossless": True, "icc_profile": b"p" * 9}),
        ("png", {"icc_profile": b"p" * 9, "compress_level": 0}),
        ("gif", {}),
    ],
)
def test_strip_leaves_a_file_without_metadata_byte_for_byte(
    extension: str, saving: dict[str, object]
) -> None:
    data = picture(extension, (300, 200), **saving)
    assert strip(data, STRIPPED[extension]) == data


@pytest.mark.parametrize("fill", [1, 9, 4_000_000])
def test_strip_passes_over_fill_bytes_behind_a_scan_however_many_they_are(fill: int) -> None:
    assert strip(JPEG[:-2] + b"\xff" * fill + JPEG[-2:], "image/jpeg") == JPEG


def test_strip_looks_at_each_byte_of_a_scan_once() -> None:
    stuffed = JPEG[:-2] + b"\xff" * 4_000_000 + b"\xd0" + JPEG[-2:]
    assert strip(stuffed, "image/jpeg") == stuffed


def test_strip_keeps_how_often_an_animation_repeats() -> None:
    frames = [Image.new("L", (9, 9), n) for n in (0, 255)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], loop=5, duration=70)
    with Image.open(io.BytesIO(strip(out.getvalue(), "image/gif") or b"")) as image:
        assert (image.info["loop"], image.info["duration"]) == (5, 70)


@given(
    st.sampled_from(sorted(STRIPPED)),
    st.integers(0, 1500),
    st.integers(0, 8),
    st.binary(max_size=8),
)
def test_strip_comes_to_an_end_on_whatever_it_is_given(
    extension: str, at: int, cut: int, junk: bytes
) -> None:
    data = {"jpg": JPEG, "png": PNG, "gif": GIF, "webp": WEBP}[extension]
    at %= len(data)
    damaged = data[:at] + junk + data[at + cut :]
    stripped = strip(damaged, STRIPPED[extension])
    assert stripped is None or len(stripped) <= len(damaged) + 8
