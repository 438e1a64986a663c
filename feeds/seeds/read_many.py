"""ParsedSeed many seeds, in processes where there are enough of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import msgspec

from feeds.common.model import ParsedSeed
from feeds.common.workers import spread
from feeds.seeds.parse import ParseOptions
from feeds.seeds.read import read_seed
from feeds.seeds.yaml_reader import event_reader

# Below this a pool costs more than it saves: a worker takes about 150 ms to start.
_WORTH_A_POOL = 600
_CHUNK = 100
# What is read becomes known chunk by chunk: no slow seed may hold up the others of its chunk.
_CHUNK_SECONDS = 0.5


class ReadRequest(NamedTuple):
    """A seed to read: path, how problems call it, and the digest of the bytes known of it."""

    path: str
    shown: str
    known_content: bytes


def read_seeds(wanted: Iterable[ReadRequest], options: ParseOptions) -> Iterator[ParsedSeed]:
    """Yields a reading for each seed, in the order given."""
    event_reader()  # warns here, where the workers do not
    handed: deque[ReadRequest] = deque()

    def handing() -> Iterator[ReadRequest]:
        for one in wanted:
            handed.append(one)
            yield one

    read = partial(_read_chunk, options)
    for data in spread(read, handing(), chunk=_CHUNK, worth=_WORTH_A_POOL):
        count, readings = _decode(data)
        chunk = [handed.popleft() for _ in range(count)]
        yield from readings
        for one in chunk[len(readings) :]:
            yield read_seed(*one, options)


_decode = msgspec.msgpack.Decoder(tuple[int, list[ParsedSeed]]).decode


def _read_chunk(options: ParseOptions, chunk: list[ReadRequest]) -> bytes:
    """Returns how many seeds the chunk has, and readings of as many as there was time for."""
    end = time.monotonic() + _CHUNK_SECONDS
    readings = []
    for one in chunk:
        readings.append(read_seed(*one, options))
        if time.monotonic() > end:
            break
    return msgspec.msgpack.encode((len(chunk), readings))
