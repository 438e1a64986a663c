"""AVIF files built again from what the picture needs."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from feeds.images.avif import box, boxes, exif_of, moving, strip_still, top
from feeds.images.decode import CopySettings, prepare
from feeds.images.formats import MAX_FRAMES
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


@given(at=st.integers(0, 900), cut=st.integers(0, 8), junk=st.binary(max_size=8))
def test_damage_raises_nothing_else(at: int, cut: int, junk: bytes) -> None:
    at %= len(CLEAR)
    with suppress(ValueError, LookupError, OverflowError):
        strip_still(CLEAR[:at] + junk + CLEAR[at + cut :])


def with_inside(**changed: bytes) -> bytes:
    """Returns PLAIN, built again, with other contents of boxes inside of its `meta`."""
    data = b"".join(strip_still(PLAIN))
    meta = top(data)[b"meta"]
    kept = {one.kind: data[one.begin : one.end] for one in boxes(data, meta.begin + 4, meta.end)}
    inside = kept | {kind.encode(): content for kind, content in changed.items()}
    parts = [box(kind, content) for kind, content in inside.items()]
    return data[: meta.begin - 8] + box(b"meta", bytes(4), *parts) + data[meta.end :]


def entry(item: int, kind: bytes = b"av01") -> bytes:
    """Returns what `iinf` says of an item."""
    return box(b"infe", b"\2\0\0\0", item.to_bytes(2), bytes(2), kind, b"\0")


def located(*extents: tuple[int, int], method: int = 0) -> bytes:
    """Returns what `iloc` says of item 1: where its data lies, by offset and length."""
    head = b"\1\0\0\0\x44\0" + (1).to_bytes(2)
    places = b"".join(at.to_bytes(4) + length.to_bytes(4) for at, length in extents)
    place = b"".join(one.to_bytes(2) for one in (1, method, 0, len(extents)))
    return head + place + places


def infos(*entries: bytes) -> bytes:
    return bytes(4) + len(entries).to_bytes(2) + b"".join(entries)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"iinf": infos(*map(entry, range(1, 1002)))}, "more than 1000 items"),
        ({"iinf": infos(entry(1, b"hvc1"))}, "an item of another kind"),
        ({"iloc": located((0, 200), (0, 200), (0, 200), (0, 200))}, "more data than the file has"),
        ({"iloc": located((0, 9), method=1)}, "data that is built otherwise"),
        ({"iloc": located((0, 9), method=2), "idat": b"data"}, "data that is built otherwise"),
        ({"iloc": located((0, 99_999))}, "data behind the end"),
        ({"iloc": located((0, 0))}, "data behind the end"),
    ],
    ids=[
        *("items", "kind", "overlapping", "no idat", "of other items", "behind the end", "nothing")
    ],
)
def test_file_that_is_not_laid_out_as_is_known_is_refused(
    changed: dict[str, bytes], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        strip_still(with_inside(**changed))


def test_picture_inside_of_the_metadata_is_moved_out_of_it() -> None:
    data = b"".join(strip_still(PLAIN))
    picture_data = data[top(data)[b"mdat"].begin :]
    place = located((2, len(picture_data)), method=1)
    inside = with_inside(iloc=place, idat=b"xx" + picture_data)
    assert b"".join(strip_still(inside)) == data


def test_picture_of_tiles_keeps_them_all() -> None:
    tiles = bytes(4) + box(b"dimg", *(one.to_bytes(2) for one in (1, 2, 2, 3)))
    items = infos(entry(1, b"grid"), entry(2), entry(3), entry(4))
    head = b"\0\0\0\0\x44\0" + (4).to_bytes(2)
    places = b"".join(
        b"".join(number.to_bytes(2) for number in (one, 0, 1)) + bytes(3) + b"\4\0\0\0\x0a"
        for one in (1, 2, 3, 4)
    )
    kept = strip_still(with_inside(iinf=items, iref=tiles, iloc=head + places))
    assert kept[1].count(b"infe") == 3
    assert len(kept[2]) == 8 + 3 * 10


def test_animation_without_items_loses_its_metadata_too() -> None:
    data = box(b"ftyp", b"avis") + box(b"moov", b"Exif" + MARK)
    assert moving(data) == data.replace(b"Exif", b"free")


def test_animation_that_claims_very_many_frames_is_refused() -> None:
    sizes = b"stsz" + bytes(8) + (MAX_FRAMES + 1).to_bytes(4)
    with pytest.raises(ValueError, match="frames"):
        moving(box(b"ftyp", b"avis") + box(b"moov", sizes))
