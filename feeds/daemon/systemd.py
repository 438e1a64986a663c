"""sd_notify(3): tells systemd that we are ready, alive, and what we do."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends states to the socket named by NOTIFY_SOCKET; does nothing where there is none."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # An address that begins with "@" is in the abstract name space (unix(7)).
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_seconds = _watchdog_seconds(environment)

    def tell(self, *states: str) -> None:
        """Sends states such as ``READY=1`` or ``STATUS=...``; a deaf systemd stops nothing."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(0)  # the daemon has better to do than to wait for a listener
                sender.connect(self._address)
                lines = (" ".join(state.splitlines()) for state in states)
                sender.send("\n".join(lines).encode())
        except OSError:
            return


def _watchdog_seconds(environment: Mapping[str, str]) -> float:
    """Returns how often to say ``WATCHDOG=1``, 0 for never: half of what systemd allows."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    try:
        return int(environment.get("WATCHDOG_USEC", "0")) / 2_000_000
    except ValueError:
        return 0
