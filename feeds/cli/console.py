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
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

from feeds.cli.options import NORMAL
from feeds.common.errors import OutputError

if TYPE_CHECKING:
    from argparse import Namespace

    from rich.console import Console as RichConsole
    from rich.progress import Progress, TaskID

    from feeds.common.model import Problem
    from feeds.common.reports import Callbacks, FetchReport
    from feeds.daemon.log import Log

_LAST_COLUMN = 20
# Of the word that says how bad a problem is: bold red, bold yellow.
_COLORS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m"}
_PATIENCE_SECONDS = 0.5


class Console:
    """The output of a command.

    The reader of the output may go at any time ("feeds list | head"), or be missing from the start:
    the command does its work all the same. `loudness` is what -q and -v say, `color` is "auto",
    "always" or "never".
    """

    def __init__(self, *, json: bool = False, loudness: int = NORMAL, color: str = "auto") -> None:
        self.json = json
        self.loudness = loudness
        self._color = color

    @classmethod
    def of(cls, arguments: Namespace) -> Console:
        """Returns the output that the options of a command ask for."""
        json = getattr(arguments, "json", False)
        return cls(json=json, loudness=arguments.loudness, color=arguments.color)

    @property
    def _out(self) -> TextIO:
        return _present(sys.stderr if self.json else sys.stdout)

    def show(self, text: str = "") -> None:
        """Writes a line of what was asked for."""
        _write(self._out, text)

    def say(self, text: str) -> None:
        """Writes a line about what was done; nothing with --quiet."""
        if self.loudness >= NORMAL:
            self.show(text)

    def detail(self, text: str) -> None:
        """Writes a line that only --verbose wants."""
        if self.loudness > NORMAL:
            self.show(text)

    def warn(self, text: str) -> None:
        """Writes a line that people should see even when output is piped away."""
        _write(_present(sys.stderr), f"feeds: {text}")

    def problems(self, problems: Sequence[Problem]) -> None:
        """Writes each problem on a line, as compilers do."""
        stream = _present(sys.stderr)
        colored = is_colored(stream, self._color)
        for problem in problems:
            text, word = str(problem), f" {problem.severity}: "
            if colored:
                text = text.replace(word, f"{_COLORS[problem.severity]}{word}\x1b[0m", 1)
            _write(stream, text)

    def fetched(self, report: FetchReport) -> None:
        """Tells people what a fetch of images did."""
        if report.narrowed:
            self.say(f"{report.narrowed} images have narrower copies for pages now")
        if report.asked == 0:
            self.say(f"no image is due ({report.seconds:.2f} s)")
            return
        counts = (report.fetched, report.same, report.missing, report.refused, report.failed)
        words = ("fetched", "not modified", "missing", "refused", "failed", "left alone")
        told = zip((*counts, report.left_alone), words, strict=True)
        said = ", ".join(f"{count} {what}" for count, what in told if count)
        self.say(f"{report.asked} images asked for: {said} ({report.seconds:.2f} s)")

    def report(self, report: object) -> None:
        """Writes the report as JSON if --json was given; in ASCII, for any pipe."""
        if self.json:
            import msgspec

            plain = msgspec.json.decode(msgspec.json.encode(report))
            _write(_present(sys.stdout), json.dumps(plain, indent=2))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Writes rows under a heading on a terminal, and as lines with tabs when piped.

        Times are written for people, and None as "-".
        """
        cells = [[_cell(value) for value in row] for row in rows]
        if not self._out.isatty():
            for row in cells:
                self.show("\t".join(row))
            return
        # They cost 60 ms, and are for terminals only.
        from rich.cells import cell_len
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
        # Nothing is cut off: only the last column may be folded, and that between words, so that an
        # address can be copied.
        widths = [max(map(cell_len, column)) + 1 for column in zip(columns, *cells, strict=True)]
        words = (word for row in cells for word in row[-1].split())
        last = max([_LAST_COLUMN, *map(cell_len, words)])
        for column in columns[:-1]:
            table.add_column(column, no_wrap=True)
        table.add_column(columns[-1], overflow="fold", min_width=last)
        for row in cells:
            table.add_row(*(Text(_showable(cell, self._out)) for cell in row))
        rich = self._rich(self._out)
        rich.width = max(rich.width - 1, sum(widths[:-1]) + last)
        rich.print(table)

    @contextmanager
    def listening(self) -> Iterator[Callbacks]:
        """Gives the callbacks of a pass: on a terminal with a progress bar for each stage.

        Bars are shown once something takes longer than a moment.
        """
        from feeds.common.reports import Callbacks

        if sys.stderr is None or not sys.stderr.isatty() or self.loudness < NORMAL:
            yield Callbacks(warn=self.warn)
            return
        begin = time.monotonic() + _PATIENCE_SECONDS
        bars: Progress | None = None
        tasks: dict[str, TaskID] = {}

        def move(stage: str, done: int, total: int) -> None:
            nonlocal bars
            if bars is None:
                if time.monotonic() < begin:
                    return
                from rich.progress import Progress

                bars = stack.enter_context(Progress(console=self._rich(sys.stderr), transient=True))
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage)
            bars.update(tasks[stage], completed=done, total=total)

        with ExitStack() as stack:
            yield Callbacks(progress=move, warn=self.warn)

    def _rich(self, stream: TextIO) -> RichConsole:
        from rich.console import Console as Rich

        return Rich(file=stream, color_system="auto" if is_colored(stream, self._color) else None)


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        from feeds.common.times import show_time

        return show_time(value)
    return "-" if value is None else str(value)


def start_log(arguments: Namespace) -> Log:
    """Returns the log that the options of `run` or `serve` ask for."""
    from feeds.daemon.log import start_logging

    return start_logging(
        as_json=arguments.log_json,
        debug=arguments.debug or arguments.loudness > NORMAL,
        quiet=arguments.loudness < NORMAL,
        colors=is_colored(sys.stderr, arguments.color),
    )


def is_colored(stream: TextIO | None, color: str) -> bool:
    """Tells whether colors are wanted: "auto", "always" or "never" (NO_COLOR: no-color.org)."""
    if color != "auto":
        return color == "always"
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream is not None and stream.isatty() and not plain


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
    except OSError as error:
        # What nobody reads, and what its buffer holds, goes to /dev/null.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        if not isinstance(error, BrokenPipeError):
            raise OutputError(f"cannot write the output: {error.strerror or error}") from None
