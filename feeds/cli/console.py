"""Output for people: tables and a progress bar on a terminal, plain lines when piped.

With `json` standard output carries one report and nothing else; people read standard error. What is
slow to import is imported by what needs it: ``feeds --version`` uses this module, too.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from feeds.common.errors import OutputError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from feeds.common.model import Problem
    from feeds.common.reports import Callbacks, FetchReport

_LAST_COLUMN = 20
_PATIENCE_SECONDS = 0.5


class Console:
    """The output of a command.

    The reader of the output may go at any time ("feeds list | head"), or be missing from the start:
    the command does its work all the same.
    """

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self._out = _present(sys.stderr if json else sys.stdout)

    def say(self, text: str = "") -> None:
        """Writes a line for people."""
        _write(self._out, text)

    def warn(self, text: str) -> None:
        """Writes a line that people should see even when output is piped away."""
        _write(_present(sys.stderr), f"feeds: {text}")

    def problems(self, problems: Sequence[Problem]) -> None:
        """Writes each problem on a line, as compilers do."""
        for problem in problems:
            _write(_present(sys.stderr), str(problem))

    def fetched(self, report: FetchReport) -> None:
        """Tells people what a fetch of images did."""
        if report.asked == 0:
            self.say(f"no image is due ({report.seconds:.2f} s)")
            return
        counts = {
            "fetched": report.fetched,
            "not modified": report.same,
            "missing": report.missing,
            "refused": report.refused,
            "failed": report.failed,
            "left alone": report.left_alone,
        }
        said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        self.say(f"{report.asked} images asked for: {said} ({report.seconds:.2f} s)")

    def report(self, report: object) -> None:
        """Writes the report as JSON if --json was given; in ASCII, for any pipe."""
        if self.json:
            import msgspec

            plain = msgspec.json.decode(msgspec.json.encode(report))
            _write(_present(sys.stdout), json.dumps(plain, indent=2))

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
            table.add_row(*(Text(_showable(cell, self._out)) for cell in row))
        rich = Rich(file=self._out)
        rich.width = max(rich.width - 1, _width(columns, rows) + _LAST_COLUMN)
        rich.print(table)

    @contextmanager
    def listening(self) -> Iterator[Callbacks]:
        """Gives the callbacks of a pass: a progress bar if standard error is a terminal."""
        from feeds.common.reports import Callbacks

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


def flush_output() -> None:
    """Writes what is still in the buffers of standard output and error.

    Raises:
        OutputError: they could not be written.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with _forgiving(stream):
                stream.flush()


def _present(stream: TextIO | None) -> TextIO:
    """Returns the stream, or one to nowhere for a stream that the shell has closed (``>&-``)."""
    return stream if stream is not None else io.StringIO()


def _write(stream: TextIO, text: str) -> None:
    """Writes a line; does nothing if its reader has gone.

    Raises:
        OutputError: it could not be written.
    """
    with _forgiving(stream):
        stream.write(_showable(text, stream) + "\n")


def _showable(text: str, stream: TextIO) -> str:
    """Escapes characters that the terminal or pipe cannot show."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


@contextmanager
def _forgiving(stream: TextIO) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        _silence(stream)
    except OSError as error:
        _silence(stream)
        raise OutputError(f"cannot write the output: {error.strerror or error}") from None


def _silence(stream: TextIO) -> None:
    """Redirects a stream that nobody reads, and what its buffer holds, to /dev/null."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
