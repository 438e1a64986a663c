"""One seed file, from its path to what the store keeps of it."""

from __future__ import annotations

import hashlib
import os
import re
import stat

import msgspec

from feeds.model import Card, Item, Problem, Reading, item_digest
from feeds.seeds.frontmatter import MAX_BYTES, split
from feeds.seeds.parse import ParseOptions, parse
from feeds.seeds.yamltext import YamlError
from feeds.times import to_unix

# Raise it whenever the same bytes would give another item or other problems.
PARSER_VERSION = 2

_SECURED = re.compile(rb"secured[\"']?[ \t]*:\s*[\"'|>]?\s*([A-Za-z0-9+/=;_-]{24,})")
# So much of a secret is no coincidence any more.
_TELLING = 12

_encoder = msgspec.msgpack.Encoder()


def read_seed(path: str, shown: str, known_content: bytes, options: ParseOptions) -> Reading:
    """Reads the seed at `path`; `shown` is how the path is written in problems.

    Never raises for what is in the file, nor for a file that cannot be read.
    """
    try:
        data = _read_bytes(path)
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
        return Reading(path, b"", problems=(Problem(shown, 0, 0, "", reason),))
    if data is None:
        reason = f"larger than {MAX_BYTES // 1024} KiB, or not a regular file any more"
        return Reading(path, b"", problems=(Problem(shown, 0, 0, "", reason),))
    content = hashlib.sha256(data).digest()
    if content == known_content:
        return Reading(path, content, same=True)
    reading = _read(path, shown, content, data, options)
    if _tells_secret(data, reading):
        reason = "the value of 'secured' runs into another field: check quotes and indentation"
        return Reading(path, content, problems=(Problem(shown, 0, 0, "secured", reason),))
    return reading


def _read(path: str, shown: str, content: bytes, data: bytes, options: ParseOptions) -> Reading:
    try:
        front = split(data, all_yaml=path.endswith((".yaml", ".yml")))
    except YamlError as error:
        problem = Problem(shown, error.line, error.column, "", error.reason)
        return Reading(path, content, problems=(problem,))
    item, problems = parse(shown, front, options)
    if item is None:
        return Reading(path, content, problems=tuple(problems))
    encoded = _encoder.encode(item)
    return Reading(
        path,
        content,
        card=_card(shown, item, encoded),
        data=encoded,
        images=item.images,
        problems=tuple(problems),
    )


def _card(path: str, item: Item, encoded: bytes) -> Card:
    dated = to_unix(item.published)
    return Card(
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

    The first byte is the digest's own version: raise it with what goes in.
    """
    image = item.image.url if item.image else ""
    shown = (item.title, item.excerpt, item.body, item.url, item.original_url, image)
    return b"\x01" + hashlib.blake2b(_encoder.encode(shown), digest_size=15).digest()


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


def _tells_secret(data: bytes, reading: Reading) -> bool:
    """Tells whether a slip in the YAML made the value of `secured` part of something else."""
    told = b"".join([reading.data, *(problem.reason.encode() for problem in reading.problems)])
    return any(match[1][:_TELLING] in told for match in _SECURED.finditer(data))
