"""Keeps what a first pass reads, and judges it, in the processes that read it.

Nobody looks at a state file before its first pass has ended, so readings go where they are to stay.
What the pass finds of each item waits beside them until all are read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache, cached_property
from pathlib import Path
from secrets import randbits
from typing import TYPE_CHECKING

from feeds.common.model import ParsedSeed
from feeds.pipeline.context import Pass
from feeds.pipeline.state import LAST
from feeds.select.qualify import Past, qualify
from feeds.select.thresholds import Thresholds
from feeds.store import Store, open_state
from feeds.store.feed_items import Found
from feeds.store.readings import ReadSeed

if TYPE_CHECKING:
    from feeds.seeds.read import ReadRequest

# The tables that it fills.
TABLES = ("seed", "image", "image_use")

# The state file of a worker, which is open until that is killed.
_opened = ExitStack()


class OvertakenError(Exception):
    """Another pass used the state file since this one looked at the seeds: look again."""


class Recorder:
    """Keeps what a pass read, and judges it; `key` tells the pass from others."""

    def __init__(self, run: Pass, parser: str) -> None:
        self.key = randbits(62)
        self._config, self._now, self._parser = run.config, run.now, parser
        self._pid, self._began_ns = os.getpid(), time.time_ns()

    def __call__(
        self, requests: Sequence[ReadRequest], readings: Sequence[ParsedSeed]
    ) -> Sequence[ParsedSeed | bool]:
        """Keeps readings, if this is a worker, and tells of each whether it is settled."""
        if os.getpid() == self._pid:
            return readings
        seeds = [
            ReadSeed.of(request.folder, request.fingerprint, reading, self._began_ns)
            for request, reading in zip(requests, readings, strict=False)
        ]
        found = self._judge(seeds)  # first: another worker may wait for the transaction
        store = _open(self._config.paths.state)
        with store.transaction():
            self._keep(store, seeds, found)
        return [seed.settled for seed in seeds]

    def record(self, store: Store, seeds: Sequence[ReadSeed]) -> None:
        """Keeps what was read, in a transaction.

        Raises:
            OvertakenError: this is a first pass no more: another one ended.
        """
        self._keep(store, seeds, self._judge(seeds))

    def _keep(self, store: Store, seeds: Sequence[ReadSeed], found: Sequence[Found]) -> None:
        if not is_first(store):
            raise OvertakenError
        store.drop_indexes(*TABLES)
        readings = [seed.reading for seed in seeds]
        # Nobody was shown the item of a seed that is bad by now: it does not stay.
        bad = [one.path for one in readings if one.problems and not one.header]
        store.forget(store.stories(bad))
        store.record(seeds, self._parser)
        store.keep_judged(self.key, found)

    def _judge(self, seeds: Sequence[ReadSeed]) -> list[Found]:
        config, thresholds, now = self._config, self._thresholds, self._now
        return [
            (seed.reading.path, qualify(item, config, thresholds, Past(), now).history)
            for seed in seeds
            if (item := seed.reading.header)
        ]

    @cached_property
    def _thresholds(self) -> Thresholds:
        return Thresholds(self._config)


def is_first(store: Store) -> bool:
    """Tells whether no pass has ended, nor one of a release that kept all readings apart begun."""
    return not store.has_meta(LAST) and not store.has_readings()


def kept_items(path: Path, numbers: Sequence[int]) -> dict[int, bytes]:
    """Returns the items of these numbers that were kept before the last step of the pass."""
    return _open(path).items(numbers)


@cache
def _open(path: Path) -> Store:
    return _opened.enter_context(open_state(path, "work"))
