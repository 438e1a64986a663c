"""What tests put into a store."""

from __future__ import annotations

from typing import Any

from feeds.common.files import Fingerprint
from feeds.common.model import ParsedSeed, Problem
from feeds.store import Store
from feeds.store.readings import ReadSeed
from tests.support.site import header

MARK = Fingerprint(10, 20, 30)
PROBLEM = Problem("a.txt", 3, 1, "quality", "found 'x'")
WARNING = Problem("a.txt", 4, 1, "heat", "found 'y'", "warning")


def record(
    store: Store,
    path: str = "a",
    *,
    fingerprint: Fingerprint = MARK,
    settled: bool = True,
    parser: str = "1",
    folder: str = "/seeds",
    **reading: Any,
) -> set[str]:
    """Records a reading of the seed at `path`; returns the ids of items that changed."""
    read = ParsedSeed(path, **{"content": b"digest"} | reading)
    return store.record([ReadSeed(folder, fingerprint, read, settled)], parser)


def good(path: str = "a", **changes: Any) -> dict[str, Any]:
    """Returns what reading a good seed gives."""
    return {"header": header(**{"path": path} | changes), "data": b"item of " + path.encode()}
