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
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from feeds import __version__
from feeds.cli.console import flush_output, is_colored
from feeds.cli.parser import NORMAL, Parser
from feeds.common.errors import FeedsError
from feeds.common.interrupts import INTERRUPTIONS

if TYPE_CHECKING:
    from feeds.daemon.log import Log

DEFAULT_CONFIG = Path("config.toml")

_INTERRUPTED = 130
# These run until they are stopped, and handle signals themselves.
_RUN_ON = {"run", "serve"}

# Each command and its help. The module of the same name adds the options and does the work.
COMMANDS = {
    "init": "make a new site: config.toml, a first seed and .gitignore",
    "new": "make a new seed that is ready to be written on",
    "export": "publish the feeds once",
    "check": "read everything, write nothing, list all problems",
    "explain": "show why a story is in a feed or not, or what a feed asks for",
    "list": "list the feeds",
    "withdrawn": "list the stories that were withdrawn, when and why",
    "config": "show every key of config.toml, and where its value comes from",
    "schema": "print the JSON Schema of seeds or of config.toml, for editors",
    "run": "run passes on a schedule until stopped",
    "serve": "serve the published feeds over HTTP",
    "preview": "show the site in a browser while you write; publishes nothing",
    "status": "show what the last pass did and when the next is due",
    "doctor": "look at the site, as readers do too, and say what to mend",
    "reach": "show how many read each feed, from access logs",
    "state": "look after the state file: make a backup of it",
    "images": "look after the image cache",
    "completion": "print what makes a shell complete commands, options and feeds",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    given = sys.argv[1:] if argv is None else argv
    typed = typed_command(given)
    try:
        try:
            with _interruptible(run_on=bool(typed & _RUN_ON)):
                arguments = _parse(given, typed)
                return int(arguments.run(arguments))
        finally:
            flush_output()
    except FeedsError as error:
        _complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _complain("interrupted; every published file is whole, the next run does the rest")
        return _INTERRUPTED


def typed_command(given: Sequence[str]) -> set[str]:
    """Returns the command that was typed, if any; options may stand before it."""
    words = iter(given)
    for word in words:
        if word in {"--config", "--color"}:
            next(words, None)
        elif not word.startswith("-"):
            return COMMANDS.keys() & {word}
    return set()


def _parse(given: Sequence[str], typed: set[str]) -> Namespace:
    parser = make_parser(typed)
    arguments = parser.parse_args(given)
    if arguments.config is not DEFAULT_CONFIG and not hasattr(arguments, "reads_config"):
        parser.error(f"{arguments.command} reads no configuration, so --config is not for it")
    return arguments


def run_command() -> NoReturn:
    """Runs a command and ends the process with its exit code.

    If nothing else is at work in it, it ends at once: to take the interpreter down would free every
    object by itself, and takes a tenth of the time of a short command.
    """
    if "_ARGCOMPLETE" in os.environ:
        from feeds.cli.completion import complete  # on demand: a shell asks, nobody else

        begun = os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])]
        complete(make_parser(typed_command(begun.split()[1:])))
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


def make_parser(commands: Collection[str] = COMMANDS) -> ArgumentParser:
    """Returns the parser of the command line, which knows the options of these commands."""
    parser = Parser(
        prog="feeds",
        usage="feeds [OPTION ...] COMMAND ...",
        description="Publishes a curated news site's seed files as Atom, RSS and JSON feeds.",
        epilog="Exit codes: 0 done; 1 problems found; 2 wrong usage or config; 3 not published",
    )
    _add_config(parser)
    parser.set_defaults(config=DEFAULT_CONFIG, loudness=NORMAL, color="auto")
    parser.add_argument("--version", action="version", version=f"feeds {__version__}")
    for action in parser._actions:  # noqa: SLF001 (no other way; all of it stands on one screen)
        action.help = SUPPRESS
    group = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title=SUPPRESS, prog="feeds"
    )
    for name, text in COMMANDS.items():
        sub = group.add_parser(name, help=text, description=text)
        if name in commands:
            module = import_module(f"feeds.cli.{name}")
            sub.set_defaults(run=module.run)
            module.add_arguments(sub)
    return parser


# Options that several commands have


def add_config(parser: ArgumentParser) -> None:
    """Adds --config; what is given before the command holds unless it is given after it, too."""
    _add_config(parser)
    parser.set_defaults(reads_config=True)


def _add_config(parser: ArgumentParser) -> None:
    text = f"the configuration (default: {DEFAULT_CONFIG})"
    parser.add_argument("--config", type=Path, default=SUPPRESS, metavar="PATH", help=text)


def add_out(parser: ArgumentParser) -> None:
    """Adds --out."""
    parser.add_argument("--out", type=_folder, metavar="DIR", help="instead of paths.out")


def _folder(text: str) -> Path:
    from feeds.common.objects import is_address  # on demand: few commands have the option

    if is_address(text):
        raise ArgumentTypeError("wanted a folder; an address of objects stands in paths.out")
    return Path(text)


def add_flags(parser: ArgumentParser, **flags: str) -> None:
    """Adds options without a value, each by its name with its help."""
    for name, text in flags.items():
        parser.add_argument(f"--{name.replace('_', '-')}", action="store_true", help=text)


def add_json(parser: ArgumentParser) -> None:
    """Adds --json."""
    text = "one machine-readable report on standard output, all else on standard error"
    add_flags(parser, json=text)


def add_logging(parser: ArgumentParser) -> None:
    """Adds --log-json and --debug."""
    add_flags(
        parser, log_json="log JSON lines instead of text", debug="log each document written, too"
    )


def start_log(arguments: Namespace) -> Log:
    """Returns the log that the options ask for."""
    from feeds.daemon.log import start_logging  # on demand: whoever asks for help needs none of it

    return start_logging(
        as_json=arguments.log_json,
        debug=arguments.debug or arguments.loudness > NORMAL,
        quiet=arguments.loudness < NORMAL,
        colors=is_colored(sys.stderr, arguments.color),
    )
