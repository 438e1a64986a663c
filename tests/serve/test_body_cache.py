"""Bodies in memory: made once, within a limit, and the same each time."""

from __future__ import annotations

import zlib

import pytest

from feeds.serve.body_cache import _OVERHEAD, BodyCache, digest_of
from feeds.serve.negotiation import CODINGS


def never() -> bytes:
    pytest.fail("read again")


def test_bodies_are_made_once_and_stay_within_the_limit() -> None:
    bodies, evicted = BodyCache(20_000), []
    bodies.on_evict = lambda: evicted.append(1)
    data = bytes(range(256)) * 20
    digest = digest_of(data)
    for coding in CODINGS:
        assert bodies.get(digest, coding, lambda: data) == bodies.get(digest, coding, never)
    assert zlib.decompress(bodies.get(digest, "gzip", never), 31) == data
    assert not evicted
    for number in range(10):
        bodies.put(str(number), "", data)
        assert bodies.size <= bodies.limit
    assert evicted
    assert bodies.look("9", "") == data
    assert bodies.look(digest, "gzip") is None
    bodies.put("large", "", bytes(30_000))
    assert bodies.look("large", "") is None
    bodies.drop({str(number) for number in range(10)})
    assert bodies.size == 0


def test_bodies_fill_their_limit_to_the_byte_and_the_least_used_goes() -> None:
    bodies = BodyCache(3 * (_OVERHEAD + 10))
    for name in ("a", "b", "c"):
        bodies.put(name, "", bytes(10))
    assert bodies.size == bodies.limit
    assert bodies.look("a", "") is not None  # so b is the one that was not used for longest
    bodies.put("d", "", bytes(10))
    assert [name for name in "abcd" if bodies.look(name, "") is not None] == ["a", "c", "d"]
    bodies.put("d", "", bytes(5))
    assert bodies.size == bodies.limit - 5
    whole = BodyCache(_OVERHEAD + 10)
    whole.put("x", "", bytes(10))
    assert whole.size == whole.limit
    whole.put("x", "", bytes(11))  # takes the place of the old, and has no room itself
    assert (whole.look("x", ""), whole.size) == (None, 0)
