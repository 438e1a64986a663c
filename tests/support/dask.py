"""A Dask scheduler and its workers on loopback, each a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from tests.support.ports import HOST, free_port
from tests.support.processes import PATIENCE, wait_until

_ROOT = Path(__file__).parent.parent.parent


class DaskCluster:
    """A scheduler at one address, and workers; each may be killed, and started again."""

    def __init__(self, folder: Path, tls: Sequence[Path] = ()) -> None:
        """Prepares for a cluster; `tls` are the authority, a certificate and its key."""
        self._folder = folder
        self._port = free_port()
        self._tls = [
            one
            for name, path in zip(("ca-file", "cert", "key"), tls, strict=False)
            for one in (f"--tls-{name}", str(path))
        ]
        self.address = f"{'tls' if tls else 'tcp'}://{HOST}:{self._port}"
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    def start_scheduler(self) -> None:
        """Starts the scheduler, and waits until it listens."""
        host, port = ("--host", f"{self.address.partition(':')[0]}://{HOST}"), str(self._port)
        self.scheduler = self._start("scheduler", *host, "--port", port)
        wait_until(self._listens)

    def start_worker(self, name: str, code: str = "") -> None:
        """Starts a worker, which runs some code first."""
        options = ("--name", name, "--nthreads", "1", "--no-nanny", "--death-timeout", "60")
        where = ("--local-directory", str(self._folder))
        self.workers[name] = self._start("worker", self.address, *options, *where, code=code)

    def kill_worker(self, name: str) -> None:
        """Kills a worker."""
        process = self.workers.pop(name)
        process.kill()
        process.wait()

    def kill_workers(self) -> None:
        """Kills all workers."""
        for name in list(self.workers):
            self.kill_worker(name)

    def kill_scheduler(self) -> None:
        """Kills the scheduler."""
        if self.scheduler:
            self.scheduler.kill()
            self.scheduler.wait()

    def close(self) -> None:
        """Ends all processes."""
        for process in self.workers.values():  # in peace, so that what they measured is kept
            process.terminate()
        for process in self.workers.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(3)
        self.kill_workers()
        self.kill_scheduler()

    def log(self) -> str:
        """Returns what all processes wrote."""
        return "".join(one.read_text() for one in sorted(self._folder.glob("dask-*.log")))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, what: str, *arguments: str, code: str = "") -> subprocess.Popen[bytes]:
        run = f"{code}\nfrom distributed.cli.dask_{what} import main; main()"
        command = [
            sys.executable,
            "-c",
            run,
            *arguments,
            "--dashboard-address",
            f"{HOST}:0",
            *self._tls,
        ]
        with (self._folder / f"dask-{time.monotonic_ns()}.log").open("wb") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=_ROOT,
            )

    def _listens(self) -> bool:
        assert self.scheduler is not None
        assert self.scheduler.poll() is None, self.log()
        with suppress(OSError), socket.create_connection((HOST, self._port), PATIENCE):
            return True
        return False


@contextmanager
def two_workers(folder: Path) -> Iterator[DaskCluster]:
    """Runs a cluster of two workers, "one" and "two"."""
    with DaskCluster(folder) as running:
        running.start_scheduler()
        running.start_worker("one")
        running.start_worker("two")
        yield running
