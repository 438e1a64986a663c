"""Options and callbacks of a pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock of all that is not a test."""
    return datetime.now(UTC)


class Options(NamedTuple):
    """How a pass is run; `wait` is in seconds, for another run on the same out/ to end."""

    full: bool = False
    allow_empty: bool = False
    dry_run: bool = False
    wait: float = 600.0


class Callbacks(NamedTuple):
    """Callbacks of a running pass: `progress(stage, done, total)`, `warn(message)`."""

    progress: Callable[[str, int, int], None] = lambda *_: None
    warn: Callable[[str], None] = lambda _: None


DEFAULTS = Options()
NO_CALLBACKS = Callbacks()
