"""Reading many seeds, in processes where there are enough of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import msgspec

from feeds.model import Reading
from feeds.processes import spread
from feeds.seeds.parse import ParseOptions
from feeds.seeds.read import read_seed
from feeds.seeds.yamltext import event_reader

# Below this a pool costs more than it saves: a worker takes about 150 ms to start.
_WORTH_A_POOL = 600
_CHUNK = 100


class Wanted(NamedTuple):
    """A seed to read: path, how problems call it, and the digest of the bytes known of it."""

    path: str
    shown: str
    known_content: bytes


def read_seeds(wanted: Iterable[Wanted], options: ParseOptions) -> Iterator[Reading]:
    """Yields a reading for each seed, in the order given."""
    event_reader()  # warns here, where the workers do not
    read = partial(_read_chunk, options)
    for data in spread(read, wanted, chunk=_CHUNK, worth=_WORTH_A_POOL):
        yield from _decode(data)


_decode = msgspec.msgpack.Decoder(list[Reading]).decode


def _read_chunk(options: ParseOptions, chunk: list[Wanted]) -> bytes:
    return msgspec.msgpack.encode([read_seed(*one, options) for one in chunk])
