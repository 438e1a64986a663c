"""Rescans of a site into a store, pass after pass."""

from __future__ import annotations

import os
from pathlib import Path

from feeds.common.model import ItemHeader
from feeds.common.reports import DEFAULTS, NO_CALLBACKS, Callbacks, Options, utc_now
from feeds.pipeline.context import Pass, begin_pass
from feeds.pipeline.rescan import Changes, read_ahead, rescan
from feeds.pipeline.state import LAST, LastPass
from feeds.store import Store
from tests.support.site import Site


class Scanner:
    """One store, and rescans of a site into it."""

    def __init__(self, site: Site, store: Store) -> None:
        self.site = site
        self.store = store

    def __call__(self, *, full: bool = False) -> tuple[int, int, int, int]:
        """Returns how many seeds there were, were read, had changed, and were gone."""
        found = self.scan(full=full)
        return found.seeds, found.read, found.changed, found.gone

    def scan(self, *, full: bool = False) -> Changes:
        run = self.begin(Options(full=full))
        ahead = read_ahead(run)
        with self.store.transaction():
            changes = rescan(run, ahead)
            if not self.store.has_meta(LAST):  # else each rescan is that of a first pass
                self.store.set_meta(LAST, LastPass(0, None, b"", b"", [], (), {}))
            return changes

    def begin(self, options: Options = DEFAULTS, callbacks: Callbacks = NO_CALLBACKS) -> Pass:
        return begin_pass(self.store, self.site.load(), options, callbacks, utc_now)

    def headers(self) -> dict[str, ItemHeader]:
        return {header.path: header for header in self.store.item_headers()}

    def qualities(self) -> dict[str, int]:
        return {
            path.removeprefix("seeds/"): header.quality for path, header in self.headers().items()
        }

    def problems(self) -> list[str]:
        return [f"{one.path} {one.field}" for one in self.store.seed_problems()]


def rewrite(path: Path, old: bytes, new: bytes) -> None:
    """Changes a file in place and leaves its mtime as it was."""
    times = path.stat()
    path.write_bytes(path.read_bytes().replace(old, new))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
