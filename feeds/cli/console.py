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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from feeds.cli.parser import NORMAL
from feeds.common.errors import OutputError

if TYPE_CHECKING:
    from argparse import Namespace

    from rich.console import Console as RichConsole
    from rich.progress import Progress, TaskID

    from feeds.common.model import Problem
    from feeds.common.reports import Callbacks, FetchReport

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
                self.show("\t".join(row))
            return
        from rich.table import Table  # costs 60 ms, and is for terminals only
        from rich.text import Text

        table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
        # Nothing is cut off: only the last column may be folded, and that between words, so that an
        # address can be copied.
        last = _last_width(rows)
        for column in columns[:-1]:
            table.add_column(column, no_wrap=True)
        table.add_column(columns[-1], overflow="fold", min_width=last)
        for row in rows:
            table.add_row(*(Text(_showable(cell, self._out)) for cell in row))
        rich = self._rich(self._out)
        rich.width = max(rich.width - 1, _width(columns, rows) + last)
        rich.print(table)

    @contextmanager
    def listening(self) -> Iterator[Callbacks]:
        """Gives the callbacks of a pass: a progress bar if standard error is a terminal."""
        from feeds.common.reports import Callbacks

        if sys.stderr is None or not sys.stderr.isatty() or self.loudness < NORMAL:
            yield Callbacks(warn=self.warn)
            return
        bars = _Bars(lambda: self._rich(sys.stderr))
        try:
            yield Callbacks(progress=bars.move, warn=self.warn)
        finally:
            bars.close()

    def _rich(self, stream: TextIO) -> RichConsole:
        from rich.console import Console as Rich

        if is_colored(stream, self._color):
            return Rich(file=stream)
        return Rich(file=stream, color_system=None)


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Returns how wide all columns but the last are, with the space after each."""
    from rich.cells import cell_len

    cells = zip(columns, *rows, strict=True)
    return sum(max(map(cell_len, column)) + 1 for column in list(cells)[:-1])


def _last_width(rows: Sequence[Sequence[str]]) -> int:
    """Returns how wide the last column is at least: as its longest word."""
    from rich.cells import cell_len

    return max([_LAST_COLUMN, *(cell_len(word) for row in rows for word in row[-1].split())])


class _Bars:
    """One progress bar per stage, shown once something takes longer than a moment."""

    def __init__(self, rich: Callable[[], RichConsole]) -> None:
        self._rich = rich
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
        from rich.progress import Progress

        progress = Progress(console=self._rich(), transient=True)
        progress.start()
        return progress


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
