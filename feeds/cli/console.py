"""Output for people: tables and a progress bar on a terminal, plain lines when piped.

With `json` standard output carries one report and nothing else; people read standard error.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from feeds.cli.streams import present, showable, write
from feeds.common.callbacks import Callbacks
from feeds.common.model import Problem

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_LAST_COLUMN = 20
_PATIENCE_SECONDS = 0.5


class Console:
    """Where a command writes.

    Whoever reads our output may go at any time ("feeds list | head"), or not be there at all: that
    never stops a command from doing its work.
    """

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self._out = present(sys.stderr if json else sys.stdout)

    def say(self, text: str = "") -> None:
        """Writes a line for people."""
        write(self._out, text)

    def warn(self, text: str) -> None:
        """Writes a line that people should see even when output is piped away."""
        write(present(sys.stderr), f"feeds: {text}")

    def problems(self, problems: Sequence[Problem]) -> None:
        """Writes each problem on a line, as compilers do."""
        for problem in problems:
            write(present(sys.stderr), str(problem))

    def report(self, report: object) -> None:
        """Writes the report, where one was asked for: JSON, in ASCII for any pipe."""
        if self.json:
            plain = msgspec.json.decode(msgspec.json.encode(report))
            write(present(sys.stdout), json.dumps(plain, indent=2))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Writes rows under a heading on a terminal, and as lines with tabs when piped."""
        if not self._out.isatty():
            for row in rows:
                self.say("\t".join(row))
            return
        from rich.console import Console as Rich  # costs 60 ms, and is for terminals only
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
        # Nothing is cut off: only the last column may be folded, and is never narrower than this.
        for column in columns[:-1]:
            table.add_column(column, no_wrap=True)
        table.add_column(columns[-1], overflow="fold", min_width=_LAST_COLUMN)
        for row in rows:
            table.add_row(*(Text(showable(cell, self._out)) for cell in row))
        rich = Rich(file=self._out)
        rich.width = max(rich.width - 1, _width(columns, rows) + _LAST_COLUMN)
        rich.print(table)

    @contextmanager
    def listening(self) -> Iterator[Callbacks]:
        """Gives the callbacks of a pass: a progress bar where standard error is a terminal."""
        if sys.stderr is None or not sys.stderr.isatty():
            yield Callbacks(warn=self.warn)
            return
        bars = _Bars()
        try:
            yield Callbacks(progress=bars.move, warn=self.warn)
        finally:
            bars.close()


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Returns how wide all columns but the last are, with the space after each."""
    from rich.cells import cell_len

    cells = zip(columns, *rows, strict=True)
    return sum(max(map(cell_len, column)) + 1 for column in list(cells)[:-1])


class _Bars:
    """One progress bar per stage, shown once something takes longer than a moment."""

    def __init__(self) -> None:
        self._begin = time.monotonic() + _PATIENCE_SECONDS
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def move(self, stage: str, done: int, total: int) -> None:
        """Moves the bar of a stage."""
        if self._progress is None:
            if time.monotonic() < self._begin:
                return
            self._progress = self._start()
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage)
        self._progress.update(self._tasks[stage], completed=done, total=total)

    def close(self) -> None:
        """Removes the bars."""
        if self._progress is not None:
            self._progress.stop()

    def _start(self) -> Progress:
        from rich.console import Console as Rich
        from rich.progress import Progress

        progress = Progress(console=Rich(stderr=True), transient=True)
        progress.start()
        return progress
