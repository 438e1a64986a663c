"""The status of a running daemon or server: on a lock file of out/, and to systemd (sd_notify)."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path

import msgspec

from feeds.common.errors import AlreadyRunningError, BusyError
from feeds.common.lock import DAEMON_LOCK, Held, acquire_lock, lock_owner
from feeds.common.reports import utc_now
from feeds.common.times import show_time

# Set by ``feeds run --serve`` to its process id: the server ends when that process is gone.
WATCHED = "FEEDS_WATCHED_BY_DAEMON"

_MAX_REASON = 1000


class DaemonState(msgspec.Struct, frozen=True):
    """A running daemon; `failing` is why its last pass failed, ``""`` if it did not."""

    pid: int
    since: datetime
    next_pass: datetime | None = None
    running: bool = False
    failing: str = ""


def running_daemon(out: Path) -> DaemonState | None:
    """Returns the daemon that looks after an out/, None if there is none."""
    return parse_state(lock_owner(out, DAEMON_LOCK))


def parse_state(text: str) -> DaemonState | None:
    """Returns the state in the text of a lock file, None if it holds none."""
    try:
        return msgspec.json.decode(text, type=DaemonState)
    except msgspec.DecodeError:
        return None


class Notifier:
    """sd_notify(3): sends states to the socket that NOTIFY_SOCKET names, if it is set."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # An address that begins with "@" is in the abstract name space (unix(7)).
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_seconds = _watchdog_seconds(environment)
        self._last_ping = 0.0

    def tell(self, *states: str) -> None:
        """Sends states such as ``READY=1`` or ``STATUS=...``; a deaf systemd stops nothing."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(0)  # the process has better to do than to wait for a listener
                sender.connect(self._address)
                lines = (" ".join(state.splitlines()) for state in states)
                sender.send("\n".join(lines).encode())
        except OSError:
            return

    def ping(self) -> None:
        """Tells systemd that this process is alive, as often as systemd wants to know."""
        if self.watchdog_seconds and time.monotonic() - self._last_ping >= self.watchdog_seconds:
            self._last_ping = time.monotonic()
            self.tell("WATCHDOG=1")

    def reloading(self) -> None:
        """Tells systemd that the configuration is being reloaded; ``READY=1`` ends that."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def _watchdog_seconds(environment: Mapping[str, str]) -> float:
    """Returns the pause between two ``WATCHDOG=1``, half of what systemd allows; 0 for never."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    try:
        return int(environment.get("WATCHDOG_USEC", "0")) / 2_000_000
    except ValueError:
        return 0


class Presence:
    """Holds the daemon's lock on one out/, and tells people and systemd what the daemon does."""

    def __init__(self) -> None:
        self.systemd = Notifier()
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
        self.systemd.tell(f"STATUS={doing}{f'; failing: {failing}' if failing else ''}")


def _owner(text: str, out: Path) -> str:
    """Returns which daemon looks after an out/, by the text of its lock."""
    other = parse_state(text)
    if other is None:
        return f"another daemon already looks after {out}"
    return (
        f"a daemon already looks after {out}: process {other.pid}, "
        f"running since {show_time(other.since)}"
    )
