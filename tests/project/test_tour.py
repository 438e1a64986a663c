"""The tour of the tutorial, followed word for word: every command prints what stands there."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.markdown import ROOT, Page, blocks
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.serving import as_served

TOUR = Page("docs/tutorial.md").text

# Where the tutorial says that the clone is, and where it serves out/.
HOME = "/home/ada/feeds"
PORT = "8000"
# These go on until Ctrl-C, and what comes next is done in a second terminal.
GOES_ON = re.compile(r"feeds run$|feeds serve ")

# More than a rescan wants to pass before it trusts the mtime of a file.
_PAUSE_SECONDS = 10

# What is different in every run, or only on a terminal. The real seeds are from August 2021.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_VARYING = (
    (re.compile(r"\b20(?!21-08)\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC)"), "<now>"),
    (re.compile(r"\b\d+\.\d\d s\b"), "<seconds>"),
    (re.compile(r"\bseconds=[\d.]+"), "<seconds>"),
    (re.compile(r"\b(pid=|process )\d+"), "<process>"),
)


class Step(NamedTuple):
    """A command and what it prints; without a command, what the running one goes on to print."""

    command: str
    prints: list[str]


def steps() -> Iterator[Step]:
    """Yields the tour, step by step."""
    for block in blocks(TOUR, "console"):
        command, prints = "", list[str]()
        for line in block.splitlines():
            if line.startswith("$ "):
                if command:
                    yield Step(command, prints)
                command, prints = line.removeprefix("$ "), []
            else:
                prints.append(line)
        yield Step(command, prints)


class Shell:
    """A copy of the repository's seeds and configuration, and a shell in it."""

    def __init__(self, home: Path, port: str) -> None:
        self.home = home
        self.port = port
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("FEEDS_")
        } | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": "120",
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
        }

    def start(self, command: str) -> Command:
        """Starts a command."""
        return Command(command.replace(PORT, self.port), self.home, self._environment)

    def plain(self, text: str) -> list[str]:
        """Returns output as lines, without what differs from run to run."""
        text = _ESCAPES.sub("", text).replace(str(self.home), HOME).replace(self.port, PORT)
        for pattern, instead in _VARYING:
            text = pattern.sub(instead, text)
        lines = [line.rstrip() for line in text.splitlines()]
        return [line for line in lines if line and '"GET ' not in line]

    def age(self) -> None:
        """Makes a seed that was just changed look as if a person had typed the next command."""
        for seed in (self.home / "seeds").iterdir():
            if time.time() - seed.stat().st_mtime < _PAUSE_SECONDS:
                os.utime(seed, (time.time() - _PAUSE_SECONDS,) * 2)


class Command:
    """A running command: standard output is a terminal, standard error a file."""

    def __init__(self, command: str, home: Path, environment: dict[str, str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self._output = b""
        self._ours, theirs = os.openpty()
        self._process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=self._errors,
            start_new_session=True,
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):  # what a terminal gives when the other side has gone
            while part := os.read(self._ours, 65536):
                self._output += part

    def printed(self) -> str:
        """Returns what was printed until now: problems come before results."""
        return os.pread(self._errors.fileno(), 65536, 0).decode() + self._output.decode()

    def interrupt(self) -> None:
        """Types Ctrl-C."""
        os.killpg(self._process.pid, signal.SIGINT)

    def wait(self) -> str:
        """Waits for its end and returns all that it printed."""
        self._process.wait(timeout=60)
        self._reader.join()
        return self.printed()

    def close(self) -> None:
        """Ends it, if it has not ended."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        os.close(self._ours)
        self._errors.close()


@contextmanager
def closing_all(commands: list[Command]) -> Iterator[None]:
    """Ends the commands, whatever happens."""
    try:
        yield
    finally:
        for command in commands:
            command.close()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    home = tmp_path / "clone"
    home.mkdir()
    shutil.copytree(ROOT / "seeds", home / "seeds")
    shutil.copy(ROOT / "config.toml", home)
    shell = Shell(home, str(free_port()))
    shell.age()
    return shell


def test_tour_prints_what_the_tutorial_says(shell: Shell) -> None:
    before = {path: path.read_bytes() for path in (shell.home / "seeds").iterdir()}
    commands: list[Command] = []
    goes_on: Command | None = None
    wanted: list[str] = []
    with closing_all(commands):
        commands.append(shell.start("feeds export"))  # by make, the reader was told
        commands[-1].wait()
        for command, prints in steps():
            if not command and goes_on:
                wanted += shell.plain("\n".join(line for line in prints if line != "^C"))
                goes_on.interrupt()
                assert shell.plain(goes_on.wait()) == wanted
                goes_on = None
                continue
            commands.append(shell.start(command))
            if GOES_ON.search(command):
                goes_on, wanted = commands[-1], shell.plain("\n".join(prints))
                _wait_for_lines(shell, goes_on, len(wanted))
                _fetch_what_the_tour_names(shell, command)
                continue
            assert shell.plain(commands[-1].wait()) == shell.plain("\n".join(prints)), command
            if not command.startswith("sed "):
                continue
            if goes_on:
                _wait_for_lines(shell, goes_on, len(wanted) + 1)
            else:
                shell.age()
    assert goes_on is None
    assert {path: path.read_bytes() for path in (shell.home / "seeds").iterdir()} == before


def _wait_for_lines(shell: Shell, command: Command, count: int) -> None:
    wait_until(lambda: len(shell.plain(command.printed())) >= count)


def _fetch_what_the_tour_names(shell: Shell, command: str) -> None:
    if "feeds serve" not in command:
        return
    paths = re.findall(rf"`http://127\.0\.0\.1:{PORT}(/[^`]+)`", TOUR)
    assert paths
    with closing(HTTPConnection("127.0.0.1", int(shell.port), timeout=60)) as connection:
        for path in paths:
            connection.request("GET", path)
            document = (shell.home / f"out{path}").read_bytes()
            assert connection.getresponse().read() == as_served(document)
