"""Reads seed files, one or many in processes: takes paths, gives what the store keeps of seeds."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from feeds.common.buckets import is_object
from feeds.common.files import Fingerprint, item_digest
from feeds.common.media import shown_image
from feeds.common.model import Item, ItemHeader, ParsedSeed, Problem
from feeds.common.times import to_unix
from feeds.common.workers import Engine, do_here, spread
from feeds.seeds import READER_VERSION, WORTH_PROCESSES
from feeds.seeds.frontmatter import FrontMatter, split
from feeds.seeds.limits import MAX_BYTES, why_too_large
from feeds.seeds.listing import Fetched, fetch_objects
from feeds.seeds.parse import ParseOptions, dotted, parse
from feeds.seeds.quick_reader import QuickReader, quick_reader
from feeds.seeds.schema import Seed, usual_item
from feeds.seeds.secrets import FIELD, REACHES, leak, reaches, tells_secret
from feeds.seeds.yaml_reader import Path, YamlError, event_reader, load

_CHUNK = 100
# A chunk is handed back after this CPU time, so that no seed that is slow to parse holds up the
# others in it; waiting for a disk is not counted.
_CHUNK_SECONDS = 0.5

T = TypeVar("T")
Quick = QuickReader | None
Keep = Callable[["list[ReadRequest]", list[ParsedSeed]], Sequence[ParsedSeed | bool]]

_encoder = msgspec.msgpack.Encoder()
_decode_chunk = msgspec.msgpack.Decoder(tuple[int, list[ParsedSeed | bool]]).decode


class ReadRequest(NamedTuple):
    """A seed to read: its path, its name in problems, and the SHA-256 of the bytes we know.

    `fingerprint` is that of a file, or an object, of the `folder` as it was listed. `data` are the
    bytes of a file, or the reason why it cannot be read; None if it was not opened yet.
    """

    path: str
    shown: str
    known_content: bytes
    fingerprint: Fingerprint = Fingerprint(0, 0, 0)
    folder: str = ""
    data: bytes | str | None = None


def read_seeds(
    requests: Iterable[ReadRequest],
    options: ParseOptions,
    engine: Engine | None = None,
    keep: Keep | None = None,
) -> Iterator[ParsedSeed | bool]:
    """Yields the parsed seed of each request, in order; reads 600 or more in processes.

    An engine is sent the bytes of files, since its workers may be on other machines; objects they
    read themselves. What `keep` makes of readings, where they are made, is yielded instead.

    Raises:
        WorkerError: the processes, or the engine, cannot do the work.
    """
    event_reader()  # warns here, because the workers do not
    pending: deque[ReadRequest] = deque()

    def hand_out() -> Iterator[ReadRequest]:
        for request in requests:
            pending.append(request)
            is_sent = engine and not is_object(request.path)
            yield request._replace(data=_read_bytes(request.path)) if is_sent else request

    read_chunk = partial(_read_chunk, options, 0 if engine else os.getpid(), keep=keep)
    source = hand_out()
    few = list(islice(source, WORTH_PROCESSES))
    # Processes wait for the state file, too; meanwhile a spare one has the core.
    do = do_here if len(few) < WORTH_PROCESSES else engine or partial(spread, spare=1)
    for data in do(read_chunk, chain(few, source), _CHUNK):
        count, parsed = _decode_chunk(data)
        chunk = [pending.popleft() for _ in range(count)]
        yield from parsed
        for request in chunk[len(parsed) :]:
            yield read_seed(request, options)


def _read_chunk(
    options: ParseOptions, caller: int, chunk: list[ReadRequest], keep: Keep | None = None
) -> bytes:
    """Returns the length of the chunk, and the seeds that were parsed within the time.

    `caller` is the process that wants them, 0 if that is on another machine. Only workers use the
    quick reader: it takes time to load, and no other thread may write to stderr beside it.
    """
    quick = None if os.getpid() == caller else quick_reader()
    fetched = fetch_objects(request.path for request in chunk)  # waiting is not work
    end = time.thread_time() + _CHUNK_SECONDS
    # Step by step: the code of all steps does not fit into the cache of a processor, so that one
    # seed after the other takes a fifth longer.
    opened = _until(end, (_open(request, fetched, quick) for request in chunk))
    items = _until(end, (_parse(seed, options, quick) for seed in opened))
    seeds = [_check(item, options, quick) for item in items]
    return _encoder.encode((len(chunk), keep(chunk, seeds) if keep else seeds))


def _until(end: float, results: Iterable[T]) -> list[T]:
    """Returns the results up to the first that comes after a time of `time.thread_time`."""
    found: list[T] = []
    for result in results:
        found.append(result)
        if time.thread_time() > end:
            break
    return found


def read_seed(request: ReadRequest, options: ParseOptions, quick: Quick = None) -> ParsedSeed:
    """Reads one seed; one that cannot be read or used gives a problem.

    Bytes that the store knows are not parsed. `quick` is a faster reader with the same results.

    Raises:
        SeedsFolderError: an object is there, but its server gives it to nobody, or not now.
    """
    fetched = fetch_objects([request.path])
    return _check(_parse(_open(request, fetched, quick), options, quick), options, quick)


def judge_seed(path: str, shown: str, data: bytes, options: ParseOptions) -> ParsedSeed:
    """Reads bytes at hand as `read_seed` does; the file at `path` is not opened, nor need be."""
    request = ReadRequest(path, shown, b"")
    if len(data) > MAX_BYTES:
        return _unreadable(request, f"larger than {MAX_BYTES // 1024} KiB").seed
    return _judge(_Opened(ParsedSeed(path, hashlib.sha256(data).digest()), shown, data), options)


class _Opened(NamedTuple):
    """A seed whose bytes are at hand; without `data` all is said in `seed`.

    `usual` is its front matter, and `item` what that says, both None unless it is a usual seed.
    """

    seed: ParsedSeed
    shown: str
    data: bytes | None = None
    usual: Seed | None = None
    item: Item | None = None


def _open(request: ReadRequest, fetched: Mapping[str, Fetched], quick: Quick) -> _Opened:
    if one := fetched.get(request.path):
        if one.data is None:
            return _unreadable(request, "cannot be read: there is no such object any more")
        if reason := why_too_large(len(one.data)):
            return _unreadable(request, reason)
        opened = _identify(request, one.data, quick)
        if one.tag == request.fingerprint.inode:
            return opened
        # It changed since it was listed, and may change back: the next pass reads it again.
        return opened._replace(seed=replace(opened.seed, content=b""))
    data = _read_bytes(request.path) if request.data is None else request.data
    return _unreadable(request, data) if isinstance(data, str) else _identify(request, data, quick)


def _unreadable(request: ReadRequest, reason: str) -> _Opened:
    problem = Problem(request.shown, 0, 0, "", reason)
    return _Opened(ParsedSeed(request.path, b"", problems=(problem,)), request.shown)


def _identify(request: ReadRequest, data: bytes, quick: Quick) -> _Opened:
    path, shown, known_content, *_ = request
    content = hashlib.sha256(data).digest()
    if content == known_content:
        return _Opened(ParsedSeed(path, content, same=True), shown)
    return _Opened(ParsedSeed(path, content), shown, data, quick.seed(data) if quick else None)


def _parse(opened: _Opened, options: ParseOptions, quick: Quick) -> _Opened:
    if opened.data is None:
        return opened
    if opened.usual and (item := usual_item(opened.usual, repair=options.repair)):
        return opened._replace(item=item)
    return _Opened(_judge(opened, options, quick), opened.shown)


def _check(opened: _Opened, options: ParseOptions, quick: Quick) -> ParsedSeed:
    if opened.usual is None or opened.item is None:
        return opened.seed
    encoded, secret = _encoder.encode(opened.item), opened.usual.secured
    if tells_secret(encoded) or (secret and reaches(secret, encoded)):
        return _judge(opened, options, quick)
    return _finished(opened, opened.item, encoded, [], drafts=options.drafts)


def _judge(opened: _Opened, options: ParseOptions, quick: Quick = None) -> ParsedSeed:
    """Reads a seed that is not a usual one, or has problems."""
    seed, shown, data, *_ = opened
    read_yaml, is_yaml = quick.load if quick else load, seed.path.endswith((".yaml", ".yml"))
    try:
        front = split(data or b"", all_yaml=is_yaml, read_yaml=read_yaml)
    except YamlError as error:
        problem = Problem(shown, error.line, error.column, error.field, error.reason)
        return replace(seed, problems=(problem,))
    item, problems = parse(shown, front, options)
    encoded = _encoder.encode(item) if item else b""
    published = b"\n".join([encoded, *(one.reason.encode() for one in problems)])
    leaking = leak(front.mapping, front.body, published)
    if leaking is not None:
        problems = [_leak_problem(shown, front, leaking)]
    if item is None or leaking is not None:
        return replace(seed, problems=tuple(problems))
    return _finished(opened, item, encoded, problems, drafts=options.drafts)


def _leak_problem(shown: str, front: FrontMatter, field: Path) -> Problem:
    line, column = front.place(field)
    if not field:
        line, column = front.offset + front.source.count("\n") + 1, 1
    return Problem(shown, line, column, dotted(field) or FIELD, REACHES)


def _finished(
    opened: _Opened, item: Item, encoded: bytes, problems: list[Problem], *, drafts: bool
) -> ParsedSeed:
    dated = to_unix(item.published)
    header = ItemHeader(
        number=0,
        path=opened.shown,
        id=item.id,
        dated=dated,
        revised=max(dated, to_unix(item.updated)) if item.updated else dated,
        quality=item.quality,
        heat=item.heat,
        is_published=item.is_published or drafts,
        provider=item.provider,
        topics=item.topics,
        category=item.category,
        digest=item_digest(encoded),
        reader_digest=reader_digest(item),
        tags=item.tags,
        locale=item.locale,
    )
    return replace(
        opened.seed, header=header, data=encoded, images=item.images, problems=tuple(problems)
    )


def reader_digest(item: Item) -> bytes:
    """Returns a digest of what a feed reader shows; a change moves the entry's `updated`.

    The first byte is `READER_VERSION`: digests of two versions cannot be compared.
    """
    shown_first = shown_image(item.images)
    image = shown_first[0].url if shown_first else ""
    shown: tuple[str, ...] = (item.title, item.excerpt, item.body)
    shown += (item.url, item.original_url, image)
    if item.correction:  # without one the digest is what it was before there were corrections
        shown += (item.correction,)
    digest = hashlib.blake2b(_encoder.encode(shown), digest_size=15).digest()
    return bytes([READER_VERSION]) + digest


def _read_bytes(path: str) -> bytes | str:
    """Returns the bytes of a file, or the reason why it cannot be read."""
    try:
        data = _bytes_of(path)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if data is None:
        return f"larger than {MAX_BYTES // 1024} KiB, or not a regular file any more"
    return data


def _bytes_of(path: str) -> bytes | None:
    """Returns the bytes of a file, None if it is larger than `MAX_BYTES` or not regular."""
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
