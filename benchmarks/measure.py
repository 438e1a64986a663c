"""What a command costs: wall time, CPU time and peak memory of all its processes together.

The numbers must be right for a program that works in several processes:

- CPU time is that of the child and of all its descendants. Linux counts a process once it has been
  waited for, and some are never waited for by their parent (the fork server of multiprocessing), so
  this process takes in orphans and waits for them itself.
- Memory is the proportional set size (PSS), so that pages which processes share count once. It is
  sampled, since the kernel keeps no peak of a sum: every 50 ms, or less often where that would
  take more than a twentieth of a core. A shorter peak can be missed. Sampling takes a core that the
  measured program may need, most of all one with many processes, so `in_turn` samples in a round
  of its own, whose times do not count.

Linux only. Contains nothing that is about feeds.
"""

import ctypes
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from statistics import median

SAMPLING_PAUSE = 0.05
SAMPLING_SHARE = 1 / 20
MEBIBYTE = 1024 * 1024
_PR_SET_CHILD_SUBREAPER = 36

_is_sampled = ContextVar("_is_sampled", default=True)


@dataclass(frozen=True)
class Measurement:
    """What one command cost, in seconds and bytes; `parent_cpu` is that of its first process.

    `largest` is the peak memory of the largest process, `written` what was written to disks.
    """

    wall: float
    cpu: float
    peak_memory: int
    parent_cpu: float = 0.0
    largest: int = 0
    written: int = 0


@dataclass(frozen=True)
class Bar:
    """A value, the most that it may be, and what it is hoped to be."""

    what: str
    value: float
    limit: float
    unit: str = ""
    aim: float | None = None

    @property
    def reached(self) -> bool:
        """Whether the value is at most the limit."""
        return self.value <= self.limit

    def __str__(self) -> str:
        verdict = "ok" if self.reached else "NOT REACHED"
        value, limit = (f"{number:.3g}{self.unit}" for number in (self.value, self.limit))
        aim = "" if self.aim is None else f", aim {self.aim:.3g}{self.unit}"
        return f"{self.what}: {value}, bar {limit}{aim}: {verdict}"


def _environment() -> dict[str, str]:
    """Return the environment, in which Python keeps compiled modules as it does unless told not."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(argv: Sequence[str], cwd: Path) -> Measurement:
    """Run a command to its end, and return what it and all its descendants cost.

    In the timed rounds of `in_turn` memory is not sampled, and counts as 0.

    Raises RuntimeError with what the command wrote to stderr if it fails.
    """
    _adopt_orphans()
    with tempfile.TemporaryFile() as errors:
        peak = _PeakMemory()
        before, written = _cpu_of_descendants(), _written()
        start = time.perf_counter()
        child = subprocess.Popen(
            argv, cwd=cwd, env=_environment(), stdout=subprocess.DEVNULL, stderr=errors
        )
        with peak if _is_sampled.get() else nullcontext():
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = code = os.waitstatus_to_exitcode(status)
            wall = time.perf_counter() - start
        _wait_for_orphans()
        if code != 0:
            errors.seek(0)
            message = errors.read().decode(errors="replace")
            raise RuntimeError(f"{shlex.join(argv)} ended with {code}:\n{message}")
    cpu = _cpu_of_descendants() - before
    parent_cpu = usage.ru_utime + usage.ru_stime
    return Measurement(wall, cpu, peak.bytes, parent_cpu, peak.largest, _written() - written)


def in_turn(
    rounds: int, contestants: Mapping[str, Callable[[], Measurement]]
) -> dict[str, Measurement]:
    """Measure the contestants in turn (A, B, A, B, ...), so that noise falls on all of them.

    Returns for each the median of the times, and the memory of one round more, before the others.
    """
    memory = {name: _told(f"memory: {name}", one) for name, one in contestants.items()}
    runs: dict[str, list[Measurement]] = {name: [] for name in contestants}
    token = _is_sampled.set(False)
    for number in range(1, rounds + 1):
        for name, one in contestants.items():
            runs[name].append(_told(f"round {number} of {rounds}: {name}", one))
    _is_sampled.reset(token)
    return {
        name: Measurement(
            wall=median(one.wall for one in measured),
            cpu=median(one.cpu for one in measured),
            peak_memory=memory[name].peak_memory,
            parent_cpu=median(one.parent_cpu for one in measured),
            largest=memory[name].largest,
            written=max(one.written for one in measured),
        )
        for name, measured in runs.items()
    }


def _told(what: str, contestant: Callable[[], Measurement]) -> Measurement:
    print(what, file=sys.stderr)
    return contestant()


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table whose first column is text and whose others are numbers."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        first, *others = (
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join((first, *others)))


def print_bars(bars: Sequence[Bar]) -> bool:
    """Print each bar with its verdict; return whether all are reached."""
    for bar in bars:
        print(bar)
    return all(bar.reached for bar in bars)


class _PeakMemory:
    """Samples, while entered, the memory of all descendants of this process."""

    def __init__(self) -> None:
        self.bytes = self.largest = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        pause = SAMPLING_PAUSE
        while not self._done.wait(pause):
            start = time.thread_time()
            sizes = [*map(_pss, _descendants(os.getpid()))]
            self.bytes = max(self.bytes, sum(sizes))
            self.largest = max(self.largest, *sizes, 0)
            pause = max(SAMPLING_PAUSE, (time.thread_time() - start) / SAMPLING_SHARE)


def _descendants(pid: int) -> list[int]:
    """Return the ids of the children of a process, of their children, and so on."""
    children = [
        int(child)
        for path in Path(f"/proc/{pid}/task").glob("*/children")
        for child in _read(path).split()
    ]
    return children + [below for child in children for below in _descendants(child)]


def _pss(pid: int) -> int:
    """Return the resident memory of a process, its share of shared pages only, 0 if it is gone."""
    for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _read(path: Path) -> str:
    """Return the text of a file in /proc, empty if its process is gone."""
    try:
        return path.read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _cpu_of_descendants() -> float:
    """Return the CPU seconds of all processes that have been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _written() -> int:
    """Return the bytes that all processes which have been waited for wrote to disks."""
    (line,) = re.findall(r"^write_bytes: (\d+)$", _read(Path("/proc/self/io")), re.MULTILINE)
    return int(line)


def _adopt_orphans() -> None:
    """Have descendants that lose their parent become children of this process, not of init."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _wait_for_orphans() -> None:
    """Wait until no descendant is left, so that their CPU time is counted."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return
