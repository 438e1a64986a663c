"""Watches the folders of seeds and templates for changes, by watchfiles."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from watchfiles import watch

# A burst of changes ends with 300 ms of quiet, or after 1.2 s at the latest: with the pass itself a
# change is published within two seconds.
_QUIET_MS = 300
_LONGEST_MS = 1200


class Watcher:
    """Calls `changed` after each burst of changes, from a thread of its own."""

    def __init__(self, changed: Callable[[], None], failed: Callable[[str], None]) -> None:
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
        self.stop()
        self._watched = identities
        if folders and None not in identities:
            self._stop = threading.Event()
            arguments = (tuple(folders), self._stop)
            self._thread = threading.Thread(
                target=self._run, args=arguments, name="watch", daemon=True
            )
            self._thread.start()
            if appeared:
                self._changed()  # files that were in it already cause no event

    def stop(self) -> None:
        """Stops watching."""
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=2)
            self._thread = None
        self._watched = []

    def _run(self, folders: tuple[Path, ...], stop: threading.Event) -> None:
        try:
            for _ in watch(
                *folders,
                watch_filter=None,
                stop_event=stop,
                debounce=_LONGEST_MS,
                step=_QUIET_MS,
                rust_timeout=1000,
                yield_on_timeout=False,
                ignore_permission_denied=True,
            ):
                self._changed()
        except (OSError, RuntimeError) as error:
            self._failed(f"cannot watch the seeds any more: {error}; the schedule goes on")


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
