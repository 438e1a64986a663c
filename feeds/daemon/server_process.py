"""``feeds run --serve``: the web server as a process of its own beside the passes.

So a pass that works hard slows no reader down, and a server that dies is started anew.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

import structlog

from feeds.common.daemon_status import WATCHED

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
# One that ran for so long did not die of how it was started.
_STEADY_SECONDS = 60.0
# The server gives answers under way 5 seconds; people are promised ten in all.
_GRACE_SECONDS = 9.0


class ServerProcess:
    """Keeps ``feeds serve`` running with these arguments, until it is told to stop."""

    def __init__(
        self, arguments: Sequence[str], log: structlog.typing.FilteringBoundLogger
    ) -> None:
        self._command = [sys.executable, "-m", "feeds", "serve", *arguments]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._began = self._due = 0.0
        self._pause = _FIRST_PAUSE_SECONDS

    def check(self) -> None:
        """Starts the server if none is running and it is time to."""
        now = time.monotonic()
        if self._process is not None and self._process.poll() is not None:
            code, self._process = self._process.returncode, None
            if now - self._began > _STEADY_SECONDS:
                self._pause = _FIRST_PAUSE_SECONDS
            self._log.error("the server ended", code=code, next_try_in=f"{self._pause:.0f} s")
            self._due = now + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
        if self._process is None and now >= self._due:
            self._begin(now)

    def stop(self) -> None:
        """Asks the server to end; returns at once."""
        self._due = float("inf")
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Waits until the server has ended, and ends it if it does not."""
        if self._process is not None:
            try:
                self._process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _begin(self, now: float) -> None:
        self._began = now
        try:
            # In a group of its own: Ctrl-C is for the daemon, which then stops the server.
            self._process = subprocess.Popen(  # noqa: S603 (our own command)
                self._command,
                stdin=subprocess.DEVNULL,
                env={**os.environ, WATCHED: str(os.getpid())},
                process_group=0,
            )
        except OSError as error:
            self._log.error("the server could not be started", reason=str(error))
            self._due = now + self._pause
