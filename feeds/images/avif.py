"""Removes metadata from an AVIF file, without encoding the picture again.

The file is built again from what a decoder needs, by lists, so nothing else can be left: of the
items the primary one with its tiles and its transparency, of an animation the picture tracks. Box
names and layouts are those of ISO/IEC 14496-12 (files) and 23008-12 (images).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from feeds.images.formats import MAX_FRAMES

_ITEMS = {b"av01", b"grid"}
# Properties of items; one that is not in the list becomes an empty box, for they go by number.
_PROPERTIES = {
    *(b"ispe", b"pixi", b"av1C", b"colr", b"auxC", b"irot", b"imir", b"clap", b"pasp", b"a1op"),
    *(b"a1lx", b"lsel", b"clli", b"mdcv", b"cclv", b"amve"),
}
_ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"
_REFERENCES = {b"dimg", b"auxl", b"prem"}
_LARGEST_ID = 0xFFFF
# No honest picture has more tiles, or more references between them.
_MOST_ITEMS = 1000
# The box that lists the sizes of all frames: version, flags and a common size, then the number.
_SIZES = re.compile(rb"stsz.{8}(.{4})", re.DOTALL)
_EMPTY = b"\0\0\0\x08free"

_Item = tuple[bytes, bytes]


class Box(NamedTuple):
    """A box: its name, and where its content begins and ends in the file."""

    kind: bytes
    begin: int
    end: int


def boxes(data: bytes, begin: int, end: int) -> Iterator[Box]:
    """Yields the boxes in a part of a file; raises ValueError if one does not fit."""
    while begin < end:
        size, kind = number(data, begin, 4), data[begin + 4 : begin + 8]
        content = begin + 8
        if size == 1:
            size, content = number(data, content, 8), begin + 16
        stop = begin + size if size else end
        if not content <= stop <= end:
            raise ValueError("a box that does not fit")
        yield Box(kind, content, stop)
        begin = stop


def number(data: bytes, at: int, size: int) -> int:
    """Returns an unsigned number; raises ValueError behind the end of the file."""
    if not 0 <= at <= at + size <= len(data):
        raise ValueError("cut off")
    return int.from_bytes(data[at : at + size])


def box(kind: bytes, *content: bytes) -> bytes:
    """Returns a box."""
    return (8 + sum(map(len, content))).to_bytes(4) + kind + b"".join(content)


def top(data: bytes) -> dict[bytes, Box]:
    """Returns the first box of each kind at the top of a file; what follows the last is ignored."""
    found: dict[bytes, Box] = {}
    try:
        for one in boxes(data, 0, len(data)):
            found.setdefault(one.kind, one)
    except ValueError:
        if not {b"ftyp", b"meta"} <= found.keys():
            raise
    return found


def strip_still(data: bytes) -> list[bytes]:
    """Returns the parts of a file with the primary item alone.

    Raises:
        ValueError, IndexError, KeyError: the file is not laid out as is known here.
    """
    ftyp, inside = top(data)[b"ftyp"], _inside_meta(data)
    items, pitm = _items(data, inside[b"iinf"]), inside[b"pitm"].begin
    primary = number(data, pitm + 4, 4 if data[pitm] else 2)
    references = list(_references(data, inside[b"iref"])) if b"iref" in inside else []
    if max(len(items), len(references)) > _MOST_ITEMS:
        raise ValueError(f"more than {_MOST_ITEMS} items")
    associations = dict(_associations(data, inside[b"iprp"]))
    kept = _kept(primary, items, references)
    located = dict(_located(data, inside[b"iloc"], inside.get(b"idat"), kept))
    ordered = sorted(kept)
    # The brand of animations would promise what is not there any more.
    brands = (data[at : at + 4] for at in range(ftyp.begin + 8, ftyp.end, 4))
    kept_brands = (one for one in brands if one not in (b"avis", b"msf1", b"iso8"))
    head = box(b"ftyp", b"avif\0\0\0\0", *kept_brands)
    fixed = [
        box(b"hdlr", bytes(8), b"pict", bytes(13)),
        box(b"pitm", bytes(4), primary.to_bytes(2)),
        _item_entries(items, ordered),
        _reference_entries(references, kept),
        _property_entries(data, inside[b"iprp"], associations, ordered),
    ]
    size_of_iloc = 8 + 8 + 14 * len(ordered)
    begin = len(head) + 8 + 4 + sum(map(len, fixed)) + size_of_iloc + 8
    entries = []
    for item in ordered:
        place = begin.to_bytes(4) + len(located[item]).to_bytes(4)
        entries.append(item.to_bytes(2) + bytes(2) + b"\0\1" + place)
        begin += len(located[item])
    iloc = box(b"iloc", bytes(4), b"\x44\0", len(ordered).to_bytes(2), *entries)
    mdat = box(b"mdat", *(located[item] for item in ordered))
    return [head, box(b"meta", bytes(4), *fixed, iloc), mdat]


def moving(data: bytes) -> bytes | None:
    """Returns an animation with its metadata out of a decoder's sight, None for a still picture.

    Raises:
        ValueError: it claims to have very many frames.
    """
    at_top = top(data)
    if b"moov" not in at_top:
        return None
    hidden = bytearray(data)
    for one in (at_top[b"moov"], at_top.get(b"meta")):
        if one is not None:
            part = data[one.begin : one.end]
            for size in _SIZES.finditer(part):
                if int.from_bytes(size[1]) > MAX_FRAMES:
                    raise ValueError(f"more than {MAX_FRAMES} frames")
            hidden[one.begin : one.end] = part.replace(b"Exif", b"free").replace(b"mime", b"free")
    return bytes(hidden)


def exif_of(data: bytes) -> bytes:
    """Returns the Exif of a file, from its TIFF header on, ``b""`` if it has none.

    Raises what `strip_still` does.
    """
    inside = _inside_meta(data)
    items = _items(data, inside[b"iinf"])
    wanted = next((item for item, one in items.items() if one[0] == b"Exif"), None)
    if wanted is None:
        return b""
    found = dict(_located(data, inside[b"iloc"], inside.get(b"idat"), {wanted}))[wanted]
    return found[4 + number(found, 0, 4) :]


def _inside_meta(data: bytes) -> dict[bytes, Box]:
    meta = top(data)[b"meta"]
    return {one.kind: one for one in boxes(data, meta.begin + 4, meta.end)}


def _items(data: bytes, iinf: Box) -> dict[int, _Item]:
    """Returns the items by number, each as its kind and the flags of its entry."""
    wide = data[iinf.begin] != 0
    found: dict[int, _Item] = {}
    for infe in boxes(data, iinf.begin + (8 if wide else 6), iinf.end):
        version = data[infe.begin]
        size = {2: 2, 3: 4}.get(version)
        if infe.kind == b"infe" and size:
            after = infe.begin + 4 + size
            if number(data, after, 2) == 0:  # else it is encrypted
                flags = data[infe.begin + 1 : infe.begin + 4]
                found[number(data, infe.begin + 4, size)] = data[after + 2 : after + 6], flags
    return found


def _references(data: bytes, iref: Box) -> Iterator[tuple[bytes, int, list[int]]]:
    size = 4 if data[iref.begin] else 2
    for one in boxes(data, iref.begin + 4, iref.end):
        count = number(data, one.begin + size, 2)
        first = one.begin + size + 2
        targets = [number(data, first + size * n, size) for n in range(count)]
        yield one.kind, number(data, one.begin, size), targets


def _kept(
    primary: int, items: dict[int, _Item], references: list[tuple[bytes, int, list[int]]]
) -> set[int]:
    """Returns the primary item, its tiles, and what says how transparent these are."""
    kept, new = set[int](), {primary}
    while new:
        kept |= new
        new = set()
        for kind, source, targets in references:
            if kind == b"dimg" and source in kept:
                new.update(targets)
            elif kind == b"auxl" and kept.intersection(targets):
                new.add(source)
        new -= kept
    if any(items[item][0] not in _ITEMS or item > _LARGEST_ID for item in kept):
        raise ValueError("an item of another kind")
    return kept


def _located(
    data: bytes, iloc: Box, idat: Box | None, kept: set[int]
) -> Iterator[tuple[int, bytes]]:
    """Yields the data of the items that are kept."""
    version, at = data[iloc.begin], iloc.begin + 4
    offset_size, length_size = data[at] >> 4, data[at] & 15
    base_size, index_size = data[at + 1] >> 4, data[at + 1] & 15 if version else 0
    wide = 4 if version == 2 else 2
    count, at = number(data, at + 2, wide), at + 2 + wide
    left = 2 * len(data)  # extents may overlap, and must not add up to more than there is
    for _ in range(count):
        item, method = number(data, at, wide), 0
        at += wide
        if version:
            method = number(data, at, 2) & 15
            at += 2
        base = number(data, at + 2, base_size)
        extents, at = number(data, at + 2 + base_size, 2), at + 4 + base_size
        parts = []
        for _ in range(extents):
            at += index_size
            begin = base + number(data, at, offset_size)
            length = number(data, at + offset_size, length_size)
            at += offset_size + length_size
            if item in kept:
                parts.append(_part(data, idat, method, begin, length))
                left -= len(parts[-1])
                if left < 0:
                    raise ValueError("more data than the file has")
        if item in kept:
            yield item, b"".join(parts)


def _part(data: bytes, idat: Box | None, method: int, begin: int, length: int) -> bytes:
    if method == 1 and idat is not None:
        begin += idat.begin
    elif method:
        raise ValueError("data that is built otherwise")
    if not length or begin + length > len(data):
        raise ValueError("data behind the end")
    return data[begin : begin + length]


def _associations(data: bytes, iprp: Box) -> Iterator[tuple[int, bytes]]:
    """Yields for each item its properties as the file writes them, with 15 bits each."""
    for ipma in boxes(data, iprp.begin, iprp.end):
        if ipma.kind != b"ipma":
            continue
        size = 4 if data[ipma.begin] else 2
        wide = data[ipma.begin + 3] & 1
        at = ipma.begin + 8
        for _ in range(number(data, ipma.begin + 4, 4)):
            item, count = number(data, at, size), number(data, at + size, 1)
            at += size + 1
            found = []
            for _ in range(count):
                value = number(data, at, 2 if wide else 1)
                found.append((value if wide else (value & 0x80) << 8 | value & 0x7F).to_bytes(2))
                at += 2 if wide else 1
            yield item, bytes([count]) + b"".join(found)


def _item_entries(items: dict[int, _Item], ordered: list[int]) -> bytes:
    entries = (
        box(b"infe", b"\2", items[one][1], one.to_bytes(2), bytes(2), items[one][0], b"\0")
        for one in ordered
    )
    return box(b"iinf", bytes(4), len(ordered).to_bytes(2), *entries)


def _reference_entries(references: list[tuple[bytes, int, list[int]]], kept: set[int]) -> bytes:
    entries = []
    for kind, source, targets in references:
        left = [target for target in targets if target in kept]
        if kind in _REFERENCES and source in kept and left:
            numbers = (source, len(left), *left)
            entries.append(box(kind, *(one.to_bytes(2) for one in numbers)))
    return box(b"iref", bytes(4), *entries) if entries else b""


def _property_entries(
    data: bytes, iprp: Box, associations: dict[int, bytes], ordered: list[int]
) -> bytes:
    ipco = {one.kind: one for one in boxes(data, iprp.begin, iprp.end)}[b"ipco"]
    used = {
        int.from_bytes(associations[item][at : at + 2]) & 0x7FFF
        for item in ordered
        for at in range(1, len(associations.get(item, b"")), 2)
    }
    properties = []
    for index, one in enumerate(boxes(data, ipco.begin, ipco.end), 1):
        known = one.kind in _PROPERTIES and index in used
        content = data[one.begin : one.end]
        if one.kind == b"auxC":
            known = known and content[4:].startswith(_ALPHA)
            content = content[: 4 + len(_ALPHA)]
        properties.append(box(one.kind, content) if known else _EMPTY)
    entries = [item.to_bytes(2) + associations[item] for item in ordered if item in associations]
    ipma = box(b"ipma", b"\0\0\0\1", len(entries).to_bytes(4), *entries)
    return box(b"iprp", box(b"ipco", *properties), ipma)
