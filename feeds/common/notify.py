"""Tells systemd how a service of ours is: sd_notify(3), without its library."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping


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
