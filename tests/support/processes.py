"""Real processes: waiting for what they do, finding and ending them, and the daemon as one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from feeds.common.daemon_status import running_daemon
from tests.support.site import Site

# What is waited for comes at once, but for a machine that has much else to do.
PATIENCE = 60.0
_PEACE_SECONDS = 3.0


def wait_until(true: Callable[[], object], seconds: float = PATIENCE) -> float:
    """Waits until something is true, and returns how long it took; fails after `seconds`."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, f"not so within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - began


def processes_of(session: int) -> list[int]:
    """Returns all living processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, its_session = stat.read_text().rpartition(")")[2].split()[:4]
            if int(its_session) == session and state != "Z":
                found.append(int(stat.parent.name))
    return found


def has_taken_signals(pid: int) -> bool:
    """Tells whether no signal waits to be delivered to a process, or the process has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return True
    masks = [line.split() for line in status.splitlines() if line.startswith(("SigPnd", "ShdPnd"))]
    return all(int(mask, 16) == 0 for _, mask in masks)


def watches(pid: int, *folders: Path) -> bool:
    """Tells whether the kernel tells a process of changes in these folders."""
    told: set[str] = set()
    for descriptor in Path(f"/proc/{pid}/fdinfo").iterdir():
        with suppress(OSError):
            told.update(descriptor.read_text(encoding="ascii").split())
    return told >= {f"ino:{folder.stat().st_ino:x}" for folder in folders}


def kill_all(session: int) -> None:
    """Kills all processes of a session of ours."""
    for pid in processes_of(session):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Daemon:
    """A real ``feeds run --log-json`` on a site, in a session of its own."""

    def __init__(self, site: Site, *arguments: str, **environment: str) -> None:
        self._log = site.root / f"daemon-{time.monotonic_ns()}.log"
        config = ["--config", str(site.root / "config.toml")]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "feeds", "run", "--log-json", *arguments, *config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        self.pid = self._process.pid

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """Returns the log lines with this event, or all, oldest first."""
        log = self._log.read_bytes()
        assert b"Traceback" not in log, log.decode()
        lines = log.splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith(b"\n")]
        return [event for event in events if name in ("", event["event"])]

    def log(self) -> str:
        """Returns all that it wrote, also what is no log line."""
        return self._log.read_text(encoding="utf-8")

    def wait_for(
        self, name: str, count: int = 1, seconds: float = PATIENCE
    ) -> list[dict[str, Any]]:
        """Waits until there are at least `count` such events, and returns them."""
        wait_until(lambda: self._is_over() or len(self.events(name)) >= count, seconds)
        events = self.events(name)
        assert len(events) >= count, f"the daemon ended: {self.events()}"
        return events

    def send(self, number: int) -> None:
        """Sends a signal to the daemon alone."""
        self._process.send_signal(number)

    def wait(self, seconds: float = PATIENCE) -> int:
        """Waits until the daemon has ended, and returns its exit code."""
        return self._process.wait(seconds)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and returns the exit code."""
        self.send(number)
        return self.wait()

    def others(self) -> list[int]:
        """Returns all living processes of its session but the daemon itself."""
        return [pid for pid in processes_of(self.pid) if pid != self.pid]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # In peace, so that what it measured is kept; not if a test has stopped it, or left it busy.
        self.send(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.wait(_PEACE_SECONDS)
        kill_all(self.pid)
        self._process.wait()

    def _is_over(self) -> bool:
        return self._process.poll() is not None


def let_passes_come_due(site: Site, count: int) -> None:
    """Waits until the daemon of a site tells so many times that its next pass is a later one."""

    def due() -> datetime | None:
        state = running_daemon(site.out)
        return state.next_pass if state else None

    for _ in range(count):
        before = due()
        wait_until(lambda: due() not in {None, before})  # noqa: B023 (it is over before the next)


def wait_for_a_pause(site: Site) -> None:
    """Waits until the daemon of a site does nothing, and will not for a moment."""

    def is_pause() -> bool:
        state = running_daemon(site.out)
        if state is None or state.running or state.next_pass is None:
            return False
        return state.next_pass - datetime.now(UTC) > timedelta(seconds=0.3)

    wait_until(is_pause)


# Exports once, and with all that was imported for it forks whenever it is told to: the child does
# the command it is given over and over.
FORKS = """
import ctypes, os, sys
import feeds.daemon.daemon, feeds.images.download
from feeds.cli.main import main
def die_with_parent():
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
die_with_parent()
os.dup2(os.open(os.devnull, os.O_RDWR), 3)
config = ["--config", sys.argv[1]]
sys.stdout = open(os.devnull, "w")
main(["export", *config])
for command in sys.stdin:
    pid = os.fork()
    if not pid:
        die_with_parent()
        os.setsid()
        os.dup2(3, 0)
        os.dup2(3, 1)
        while True:
            main([*command.split(), *config])
    os.write(1, b"%d\\n" % pid)
    os.write(1, b"%d\\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


class Forks:
    """Processes that do a command over and over, until they are killed."""

    def __init__(self, site: Site) -> None:
        self._errors = site.root / "errors"
        with self._errors.open("wb") as errors:
            self._parent = subprocess.Popen(
                [sys.executable, "-c", FORKS, str(site.root / "config.toml")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def start(self, *command: str) -> int:
        """Returns the pid of a process that does a command in a session of its own."""
        assert self._parent.stdin is not None
        self._parent.stdin.write(" ".join(command) + "\n")
        self._parent.stdin.flush()
        return self._read()

    def kill(self, pid: int) -> None:
        """Kills a process, and waits until all that it started have gone with it."""
        os.kill(pid, signal.SIGKILL)
        assert self._read() == -signal.SIGKILL
        wait_until(lambda: not processes_of(pid))

    def errors(self) -> list[str]:
        """Returns what the processes wrote to standard error."""
        return self._errors.read_text(encoding="utf-8").splitlines()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._parent as parent:
            parent.kill()

    def _read(self) -> int:
        assert self._parent.stdout is not None
        return int(self._parent.stdout.readline())
