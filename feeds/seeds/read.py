"""One seed file, from its path to what the store keeps of it."""

from __future__ import annotations

import hashlib
import os
import stat

import msgspec

from feeds.common.image_types import shown_image
from feeds.common.model import Item, ItemHeader, ParsedSeed, Problem, item_digest
from feeds.common.times import to_unix
from feeds.seeds.frontmatter import MAX_BYTES, FrontMatter, split
from feeds.seeds.leaks import FIELD, REACHES, leak
from feeds.seeds.parse import ParseOptions, dotted, parse
from feeds.seeds.yaml_reader import Path, YamlError

# Raise it whenever the same bytes would give another item or other problems.
PARSER_VERSION = 2
# Raise it with what goes into the reader digest, whose first byte it is.
READER_VERSION = 1

_encoder = msgspec.msgpack.Encoder()


def read_seed(path: str, shown: str, known_content: bytes, options: ParseOptions) -> ParsedSeed:
    """Reads the seed at `path`; `shown` is how the path is written in problems.

    Never raises for what is in the file, nor for a file that cannot be read.
    """
    try:
        data = _read_bytes(path)
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
        return ParsedSeed(path, b"", problems=(Problem(shown, 0, 0, "", reason),))
    if data is None:
        reason = f"larger than {MAX_BYTES // 1024} KiB, or not a regular file any more"
        return ParsedSeed(path, b"", problems=(Problem(shown, 0, 0, "", reason),))
    content = hashlib.sha256(data).digest()
    if content == known_content:
        return ParsedSeed(path, content, same=True)
    return _read(path, shown, content, data, options)


def _read(path: str, shown: str, content: bytes, data: bytes, options: ParseOptions) -> ParsedSeed:
    try:
        front = split(data, all_yaml=path.endswith((".yaml", ".yml")))
    except YamlError as error:
        problem = Problem(shown, error.line, error.column, error.field, error.reason)
        return ParsedSeed(path, content, problems=(problem,))
    item, problems = parse(shown, front, options)
    encoded = _encoder.encode(item) if item else b""
    told = "\n".join([encoded.decode(errors="replace"), *(one.reason for one in problems)])
    found = leak(front.mapping, front.body, told)
    if found is not None:
        return ParsedSeed(path, content, problems=(_leaking(shown, front, found),))
    if item is None:
        return ParsedSeed(path, content, problems=tuple(problems))
    return ParsedSeed(
        path,
        content,
        card=_card(shown, item, encoded),
        data=encoded,
        images=item.images,
        problems=tuple(problems),
    )


def _leaking(shown: str, front: FrontMatter, found: Path) -> Problem:
    line, column = front.place(found)
    if not found:
        line, column = front.offset + front.source.count("\n") + 1, 1
    return Problem(shown, line, column, dotted(found) or FIELD, REACHES)


def _card(path: str, item: Item, encoded: bytes) -> ItemHeader:
    dated = to_unix(item.published)
    return ItemHeader(
        number=0,
        path=path,
        id=item.id,
        dated=dated,
        stamp=max(dated, to_unix(item.updated)) if item.updated else dated,
        quality=item.quality,
        heat=item.heat,
        is_published=item.is_published,
        provider=item.provider,
        topics=item.topics,
        category=item.category,
        digest=item_digest(encoded),
        reader_digest=reader_digest(item),
    )


def reader_digest(item: Item) -> bytes:
    """Returns a digest of what a reader would care about: another one moves the entry's `updated`.

    The first byte is `READER_VERSION`: digests of two versions say nothing of each other.
    """
    shown_first = shown_image(item.images)
    image = shown_first[0].url if shown_first else ""
    shown = (item.title, item.excerpt, item.body, item.url, item.original_url, image)
    return (
        bytes([READER_VERSION]) + hashlib.blake2b(_encoder.encode(shown), digest_size=15).digest()
    )


def _read_bytes(path: str) -> bytes | None:
    # A file may be replaced between scan and read: O_NONBLOCK keeps a FIFO from blocking us.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return None
        data = os.read(descriptor, status.st_size + 1)
        while len(data) > status.st_size and len(data) <= MAX_BYTES:  # it is growing
            more = os.read(descriptor, MAX_BYTES + 1 - len(data))
            if not more:
                break
            data += more
    finally:
        os.close(descriptor)
    return data if len(data) <= MAX_BYTES else None
