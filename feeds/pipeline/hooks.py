"""Runs the commands of `hooks.after_publish` with the report of a pass, each within 60 seconds."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections import deque
from contextlib import suppress
from typing import IO

import msgspec

from feeds.common.reports import PassReport
from feeds.common.task import cause_of_death
from feeds.config import Loaded

_SECONDS = 60.0
_TICK_SECONDS = 0.05
# Of what a failed command wrote, its last line is told, and so much of that.
_MOST_BYTES = 500


class HookRun:
    """The commands, one after the other; poll it until all have ended, or stop it.

    Each starts in the folder of config.toml, in a process group of its own. It reads the report, as
    `feeds export --json` writes it, from a file: one that reads nothing keeps nobody waiting.
    """

    def __init__(self, loaded: Loaded, report: PassReport) -> None:
        self._folder = loaded.base
        self._left = deque(enumerate(loaded.config.hooks.after_publish))
        self._report = msgspec.json.encode(report)
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._failures: list[str] = []

    def poll(self) -> list[str] | None:
        """Returns a message for each command that failed; None while one runs. It never waits."""
        while self._process is None or self._has_ended(self._process):
            self._process = None
            if not self._left:
                return self._failures
            self._start(*self._left.popleft())
        return None

    def wait(self, seconds: float = float("inf")) -> list[str]:
        """Returns what `poll` returns in the end; what still runs after `seconds` is killed."""
        end = time.monotonic() + seconds
        try:
            while (failures := self.poll()) is None and time.monotonic() < end:
                time.sleep(_TICK_SECONDS)
            if failures is None:
                self._fail("was killed, since feeds stops")
            return self._failures
        finally:
            self._kill()
            self._close_output()

    def _start(self, number: int, command: tuple[str, ...]) -> None:
        # The first word alone: the others may hold credentials.
        self._name = f"hooks.after_publish, command {number + 1} ({command[0]})"
        self._deadline = time.monotonic() + _SECONDS
        try:
            with tempfile.TemporaryFile() as report:
                self._output = tempfile.TemporaryFile()  # noqa: SIM115 (read when the command ends)
                report.write(self._report)
                report.seek(0)
                self._process = subprocess.Popen(  # noqa: S603 (the operator's own command)
                    command,
                    stdin=report,
                    stdout=self._output,
                    stderr=subprocess.STDOUT,
                    cwd=self._folder,
                    process_group=0,
                )
        except (OSError, ValueError) as error:
            self._close_output()
            self._fail(f"could not be started: {getattr(error, 'strerror', None) or error}")

    def _has_ended(self, process: subprocess.Popen[bytes]) -> bool:
        code = process.poll()
        if code is None and time.monotonic() < self._deadline:
            return False
        if code is None:
            self._kill()
            self._fail(f"was killed, since it took more than {_SECONDS:.0f} s")
        elif code:
            self._fail(f"{cause_of_death(code)}{self._last_line()}")
        self._close_output()
        return True

    def _close_output(self) -> None:
        if self._output is not None:
            self._output.close()
            self._output = None

    def _last_line(self) -> str:
        if self._output is None:
            return ""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _MOST_BYTES))
        lines = self._output.read().decode(errors="replace").split("\n")
        said = [" ".join(line.split()) for line in lines if line.strip()]
        return f": {said[-1]}" if said else ""

    def _fail(self, reason: str) -> None:
        self._failures.append(f"{self._name} {reason}")

    def _kill(self) -> None:
        """Ends the running command, if there is one, with all that it started in its group."""
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
