"""Watches the folders of seeds and templates for changes, by watchfiles."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from watchfiles import watch

from feeds.seeds.scan import is_below

# A burst of changes ends with 300 ms of quiet, or after 1.2 s at the latest: with the pass itself a
# change is published within two seconds.
_QUIET_MS = 300
_LONGEST_MS = 1200
# A queue of the system that overflows loses changes, and watchfiles those that come while it hands
# a burst over. Neither says so, but changes are many then, or the next burst comes at once.
_MOST_PATHS = 100
_APART_SECONDS = 1.0

Changed = Callable[[frozenset[str] | None], None]


class Watcher:
    """Calls `changed` after each burst of changes, from a thread of its own.

    A burst ends with `quiet_ms` without a change. `changed` gets the paths that came, changed or
    went, None if these may not be all.
    """

    def __init__(
        self, changed: Changed, failed: Callable[[str], None], quiet_ms: int = _QUIET_MS
    ) -> None:
        self._quiet_ms = quiet_ms
        self._changed = changed
        self._failed = failed
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._watched: list[tuple[int, int] | None] = []

    def follow(self, folders: Sequence[Path]) -> None:
        """Watches these folders from now on; call it again whenever they may be others.

        Does nothing if they are the same; a folder that was deleted and made again, or mounted, is
        another one. Without folders it only stops.
        """
        identities = [_identity(folder) for folder in folders]
        if identities == self._watched:
            return
        appeared = bool(self._watched)
        self.close()
        self._watched = identities
        if folders and None not in identities:
            self._stop = threading.Event()
            run = partial(self._run, tuple(folders), self._stop)
            self._thread = threading.Thread(target=run, name="watch", daemon=True)
            self._thread.start()
            if appeared:
                self._changed(None)  # files that were in it already cause no event

    def close(self) -> None:
        """Stops watching; it may follow other folders then."""
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=2)
            self._thread = None
        self._watched = []

    def _run(self, folders: tuple[Path, ...], stop: threading.Event) -> None:
        last = -_APART_SECONDS
        try:
            for changes in watch(
                *folders,
                watch_filter=None,
                stop_event=stop,
                debounce=_LONGEST_MS,
                step=self._quiet_ms,
                rust_timeout=1000,
                yield_on_timeout=False,
                ignore_permission_denied=True,
            ):
                paths, now = frozenset(path for _, path in changes), time.monotonic()
                is_all = len(paths) <= _MOST_PATHS and now - last >= _APART_SECONDS
                last = now
                self._changed(paths if is_all else None)
        except (OSError, RuntimeError) as error:
            self._failed(f"cannot watch the seeds any more: {error}; the schedule goes on")


class PassWish:
    """The pass that is wished for, and what it is to look at; threads may add to it."""

    def __init__(self) -> None:
        self.is_wanted = False
        self._told: frozenset[str] | None = frozenset()
        self._lock = threading.Lock()
        self._added = threading.Event()

    def wait(self, seconds: float) -> None:
        """Waits until a pass is wished for, at most so many seconds."""
        self._added.wait(seconds)

    def add(self, told: frozenset[str] | None) -> None:
        """Wishes for a pass that looks at these paths, too; None for everything."""
        with self._lock:
            self._told = None if told is None or self._told is None else self._told | told
            self.is_wanted = True
            self._added.set()

    def take(self) -> frozenset[str] | None:
        """Returns what the pass that begins now is to look at."""
        with self._lock:
            told, self._told, self.is_wanted = self._told, frozenset(), False
            self._added.clear()
            return told

    def widen(self) -> None:
        """Makes the next pass look at everything, whenever it is wished for."""
        with self._lock:
            self._told = None


def told_paths(paths: frozenset[str] | None, folders: Sequence[Path]) -> frozenset[str] | None:
    """Returns which changed paths a pass is told of; None if it is to look at everything.

    `folders` are those of `paths.seeds`: hidden files in them are no seeds, and others elsewhere,
    such as templates, concern every feed.
    """
    told: set[str] = set()
    for path in paths or ():
        folder = next((one for one in map(str, folders) if is_below(path, one)), None)
        if folder is None:
            return None
        if "/." not in path[len(folder.rstrip("/")) :]:
            told.add(path)
    return None if paths is None else frozenset(told)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
