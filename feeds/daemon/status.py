"""Shows a running daemon to others: a lock on out/ that holds its status, and systemd messages."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path

import msgspec

from feeds.common.errors import AlreadyRunningError, BusyError
from feeds.common.files import DAEMON_LOCK, Held, acquire_lock
from feeds.common.reports import utc_now
from feeds.common.schedule import DaemonState, Notifier, parse_state
from feeds.common.times import show_time

_MAX_REASON = 1000


class Presence:
    """Holds the daemon's lock on one out/, and tells people and systemd what the daemon does."""

    def __init__(self) -> None:
        self._notifier = Notifier()
        self._since = utc_now()
        self._locks = ExitStack()
        self._held: Held | None = None
        self._out = Path()

    def claim(self, out: Path) -> None:
        """Takes the lock on an out/, and only then releases the one that was held before.

        Raises:
            AlreadyRunningError: another daemon holds it; the lock of before stays held.
            PublishError: out/ cannot be written.
        """
        state = msgspec.json.encode(DaemonState(os.getpid(), self._since)).decode()
        with ExitStack() as locks:
            lock = acquire_lock(out, state, wait=1, on_wait=lambda _: None, name=DAEMON_LOCK)
            try:
                self._held = locks.enter_context(lock)
            except BusyError as error:
                raise AlreadyRunningError(_owner(str(error), out)) from None
            before, self._locks, self._out = self._locks, locks.pop_all(), out
        before.close()

    def release(self) -> None:
        """Releases the lock."""
        self._locks.close()

    def keep(self) -> bool:
        """Takes the lock again if out/ was removed; returns whether that was so.

        Raises:
            AlreadyRunningError: another daemon was faster.
        """
        try:
            return self._held is not None and self._held.look_again()
        except BusyError as error:
            raise AlreadyRunningError(_owner(str(error), self._out)) from None
        except OSError:
            return False  # out/ cannot be made: the next pass reports that

    def show(self, next_pass: datetime | None, *, running: bool, failing: str) -> None:
        """Shows when the next pass is due, whether one is running, and why the last one failed."""
        failing = failing[:_MAX_REASON]
        state = DaemonState(os.getpid(), self._since, next_pass, running, failing)
        if self._held is not None:
            with suppress(OSError):  # a full disk: others see an older state of ours
                self._held(msgspec.json.encode(state).decode())
        when = show_time(next_pass) if next_pass else "never"
        doing = "pass running" if running else f"next pass {when}"
        self._notifier.tell(f"STATUS={doing}{f'; failing: {failing}' if failing else ''}")

    def ready(self, *states: str) -> None:
        """Tells systemd that the daemon has started, or has reloaded its configuration."""
        self._notifier.tell("READY=1", *states)

    def reloading(self) -> None:
        """Tells systemd that the daemon reloads its configuration."""
        self._notifier.reloading()

    def stopping(self) -> None:
        """Tells systemd that the daemon is about to end."""
        self._notifier.tell("STOPPING=1")

    def ping(self) -> None:
        """Tells systemd that the daemon is alive, as often as systemd wants to know."""
        self._notifier.ping()


def _owner(text: str, out: Path) -> str:
    """Returns which daemon looks after an out/, by the text of its lock."""
    other = parse_state(text)
    if other is None:
        return f"another daemon already looks after {out}"
    return (
        f"a daemon already looks after {out}: process {other.pid}, "
        f"running since {show_time(other.since)}"
    )
