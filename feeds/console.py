"""Output for people: tables and a progress bar on a terminal, plain lines when piped.

With `json` standard output carries one report and nothing else; people read standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import msgspec

from feeds.model import Problem
from feeds.passes import Ears

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Console:
    """Where a command writes."""

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self._out: TextIO = sys.stderr if json else sys.stdout

    def say(self, text: str = "") -> None:
        """Writes a line for people."""
        self._write(self._out, text)

    def warn(self, text: str) -> None:
        """Writes a line that people should see even when output is piped away."""
        self._write(sys.stderr, f"feeds: {text}")

    def problems(self, problems: Sequence[Problem]) -> None:
        """Writes each problem on a line, as compilers do."""
        for problem in problems:
            self._write(sys.stderr, str(problem))

    def report(self, report: object) -> None:
        """Writes the report, where one was asked for."""
        if self.json:
            text = msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
            self._write(sys.stdout, text)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Writes rows under a heading on a terminal, and as lines with tabs when piped."""
        if not self._out.isatty():
            for row in rows:
                self.say("\t".join(row))
            return
        from rich.console import Console as Rich
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        Rich(file=self._out).print(table)

    @contextmanager
    def listening(self) -> Iterator[Ears]:
        """Gives the ears of a pass: a progress bar where standard error is a terminal."""
        if not sys.stderr.isatty():
            yield Ears(warn=self.warn)
            return
        from rich.console import Console as Rich
        from rich.progress import Progress

        with Progress(console=Rich(stderr=True), transient=True) as progress:
            bars = _Bars(progress)
            yield Ears(progress=bars.move, warn=self.warn)

    def _write(self, stream: TextIO, text: str) -> None:
        # A terminal or pipe that cannot show a character gets it escaped, not an exception.
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


class _Bars:
    """One progress bar per stage."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def move(self, stage: str, done: int, total: int) -> None:
        """Moves the bar of a stage."""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage)
        self._progress.update(self._tasks[stage], completed=done, total=total)
