"""The ``feeds`` command: arguments in, one line per error and an exit code out.

Exit codes: 0 done; 1 done, but there were problems and ``--strict`` was given, or ``check`` found
some; 2 wrong usage or configuration; 3 could not publish. Only the module of the command that was
typed is imported, so that ``feeds --version`` answers at once.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from types import FrameType
from typing import NoReturn

from feeds.cli.console import Console, flush_output
from feeds.cli.options import DEFAULT_CONFIG, make_parser
from feeds.common.errors import FeedsError
from feeds.common.interrupts import INTERRUPTIONS

_INTERRUPTED = 130
# These run until they are stopped, and handle signals themselves.
_RUN_ON = {"run", "serve"}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    try:
        try:
            arguments = _parse(argv)
            with _interruptible(run_on=arguments.command in _RUN_ON):
                module = import_module(f"feeds.cli.{arguments.module}")
                run = getattr(module, arguments.function)
                return run(arguments, Console.of(arguments)) or 0
        finally:
            flush_output()
    except FeedsError as error:
        _complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _complain("interrupted; every published file is whole, the next run does the rest")
        return _INTERRUPTED


def _parse(argv: Sequence[str] | None) -> Namespace:
    given = sys.argv[1:] if argv is None else argv
    parser = make_parser(given)
    arguments = parser.parse_args(given)
    if arguments.config is not DEFAULT_CONFIG and not arguments.reads_config:
        parser.error(f"{arguments.command} reads no configuration, so --config is not for it")
    return arguments


def run_command() -> NoReturn:
    """Runs a command and ends the process with its exit code.

    If nothing else is at work in it, it ends at once: to take the interpreter down would free every
    object by itself, and takes a tenth of the time of a short command.
    """
    if "_ARGCOMPLETE" in os.environ:
        from feeds.cli.completion import complete  # on demand: a shell asks, nobody else

        complete(make_parser())
    code = main()
    if threading.active_count() > 1:
        sys.exit(code)
    atexit._run_exitfuncs()  # noqa: SLF001 (no other way)
    os._exit(code)


@contextmanager
def _interruptible(*, run_on: bool) -> Iterator[None]:
    """Lets SIGTERM and SIGHUP end a command as Ctrl-C does; while it tidies up, more are ignored.

    What whoever started us has set to be ignored (nohup) stays ignored.
    """
    if run_on or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in INTERRUPTIONS}
    ours = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    told = over = False
    late: list[int] = []  # another thread took them: they are for the handlers of before

    def interrupt(number: int, _: FrameType | None) -> None:
        nonlocal told
        if over:
            late.append(number)
        elif not told or not _is_tidying():
            told = True
            raise KeyboardInterrupt

    try:
        with _blocked():
            for number in ours:
                signal.signal(number, interrupt)
        yield
    finally:
        over = True
        with _blocked():
            # Python resets its own handlers before the process ends; what is ignored stays ignored.
            for number in ours:
                signal.signal(number, signal.SIG_IGN if told else before[number])
        for one in late:
            signal.raise_signal(one)


def _is_tidying() -> bool:
    """Tells whether an interrupt is on its way up.

    One that came in a callback, such as a finaliser, is lost, and the next one must do.
    """
    error = sys.exception()
    while error and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


@contextmanager
def _blocked() -> Iterator[None]:
    """Lets signals wait: one that comes while its handler is changed can get lost or loud."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        # This runs the handler of a signal that came just before, which may raise.
        signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTIONS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _complain(text: str) -> None:
    with suppress(OSError, AttributeError):  # standard error is closed, or nobody reads it
        sys.stderr.write(f"feeds: {text}\n")
        sys.stderr.flush()
