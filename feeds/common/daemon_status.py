"""What a running daemon tells others: in its lock file, and in the environment of its server."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from feeds.common.lock import DAEMON_LOCK, lock_owner

# Set by ``feeds run --serve`` to its process id: the server ends when that process is gone.
WATCHED = "FEEDS_WATCHED_BY_DAEMON"


class DaemonState(msgspec.Struct, frozen=True):
    """A running daemon; `failing` is why its last pass failed, ``""`` where it did not."""

    pid: int
    since: datetime
    next_pass: datetime | None = None
    running: bool = False
    failing: str = ""


def running_daemon(out: Path) -> DaemonState | None:
    """Returns the daemon that looks after an out/, None where there is none."""
    return parse_state(lock_owner(out, DAEMON_LOCK))


def parse_state(text: str) -> DaemonState | None:
    """Returns what a lock file says, None where it says nothing sensible."""
    try:
        return msgspec.json.decode(text, type=DaemonState)
    except msgspec.DecodeError:
        return None
