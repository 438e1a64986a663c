"""The ``feeds`` command: arguments in, one line per error and an exit code out.

Exit codes: 0 done; 1 done, but there were problems and ``--strict`` was given, or ``check`` found
some; 2 wrong usage or configuration; 3 could not publish. Commands are imported when they are
called, so that ``feeds --version`` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from feeds import __version__
from feeds.cli.streams import flush_output
from feeds.common.errors import FeedsError

_INTERRUPTED = 130
_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_RUNS_ON = {"run", "serve"}


class _Command(NamedTuple):
    name: str
    help: str
    flags: tuple[str, ...]
    out: bool = False
    config: bool = True


_COMMANDS = (
    _Command("init", "make a new site: config.toml, a first seed and .gitignore", (), config=False),
    _Command(
        "export",
        "publish the feeds once",
        ("strict", "dry-run", "json", "full", "allow-empty", "fetch-images"),
        out=True,
    ),
    _Command("check", "read everything, write nothing, list all problems", ("json",)),
    _Command("explain", "say why a story is, or is not, in each feed", ("json",)),
    _Command("list", "list the feeds", ("json",)),
    _Command(
        "run",
        "run passes on a schedule until told to stop",
        ("serve", "log-json", "debug"),
        out=True,
    ),
    _Command("serve", "serve the published feeds over HTTP", ("log-json", "debug"), out=True),
    _Command("status", "tell what the last pass did and when the next is due", ("json",), out=True),
    _Command("images fetch", "fetch the images that are due into the cache", ("digests", "json")),
    _Command("images status", "tell what the cache holds, and what it could not get", ("json",)),
    _Command("images gc", "remove copies that no seed has named for 30 days", ("json",)),
    _Command("images path", "print the name of an image's copy, below the cache as below out/", ()),
)
# Commands that consist of others.
_GROUPS = {"images": "look after the image cache"}

_FLAGS = {
    "strict": "exit with 1 if a seed, or a part of one, could not be used",
    "dry-run": "say what would be done, and write nothing",
    "json": "one machine-readable report on standard output, all else on standard error",
    "full": "read every seed, changed or not",
    "log-json": "log JSON lines instead of text",
    "serve": "serve the published feeds over HTTP, too",
    "debug": "log each document written, too",
    "allow-empty": "let all stories go whose files are gone, however many",
    "fetch-images": "then fetch images that are due, and publish again if that brought something",
    "digests": "read every copy, to notice damage that left size and time as they were",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        try:
            with _interruptible(arguments.command):
                module = importlib.import_module(f"feeds.cli.{arguments.command}")
                return int(module.run(arguments))
        finally:
            flush_output()
    except FeedsError as error:
        _complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _complain("interrupted; every published file is whole, the next run does the rest")
        return _INTERRUPTED


@contextmanager
def _interruptible(command: str) -> Iterator[None]:
    """Lets SIGTERM and SIGHUP end a command as Ctrl-C does; after the first it only tidies up.

    Commands that run until they are told to stop see to that themselves. What whoever started us
    has set to be ignored (nohup) stays ignored.
    """
    if command in _RUNS_ON or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _INTERRUPTIONS}
    ours = [number for number, handler in before.items() if handler != signal.SIG_IGN]

    told: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        told.append(number)
        if len(told) == 1:
            raise KeyboardInterrupt

    try:
        for number in ours:
            signal.signal(number, interrupt)
        yield
    finally:
        # Python gives its own handlers up before the process ends; what is ignored stays ignored.
        for number in ours:
            signal.signal(number, signal.SIG_IGN if told else before[number])


def _complain(text: str) -> None:
    with suppress(OSError, AttributeError):  # standard error is closed, or nobody reads it
        sys.stderr.write(f"feeds: {text}\n")
        sys.stderr.flush()


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted a number from 1 to 65535")
    return int(text)


class _Parser(argparse.ArgumentParser):
    """A parser that takes options by their whole names only; those of subcommands are of it, too.

    An abbreviation that scripts use would change its meaning with the next option.
    """

    def __init__(self, **keywords: Any) -> None:
        super().__init__(allow_abbrev=False, **keywords)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="feeds",
        description="Publishes a curated news site's seed files as Atom, RSS and JSON feeds.",
        epilog="Exit codes: 0 done; 1 problems found (check, --strict); 2 wrong usage or "
        "configuration; 3 could not publish.",
    )
    parser.add_argument("--version", action="version", version=f"feeds {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    groups = {"": commands}
    for command in _COMMANDS:
        name, _, action = command.name.rpartition(" ")
        if name not in groups:
            group = commands.add_parser(name, help=_GROUPS[name], description=_GROUPS[name])
            groups[name] = group.add_subparsers(dest="action", required=True, metavar="ACTION")
        sub = groups[name].add_parser(action, help=command.help, description=command.help)
        if command.name == "explain":
            sub.add_argument(
                "story", metavar="SEED|URL|ID", help="a seed's path, URL or urn:uuid id"
            )
        if command.name == "images path":
            sub.add_argument("url", metavar="URL", help="the image's URL, as in the seed")
        if command.name == "init":
            sub.add_argument(
                "folder",
                type=Path,
                nargs="?",
                default=Path(),
                metavar="DIR",
                help="where, made if missing (default: the current folder)",
            )
        if command.config:
            sub.add_argument(
                "--config",
                type=Path,
                default=Path("config.toml"),
                metavar="PATH",
                help="the configuration (default: config.toml)",
            )
        if command.out:
            sub.add_argument("--out", type=Path, metavar="DIR", help="instead of paths.out")
        if command.name == "serve":
            sub.add_argument("--host", metavar="HOST", help="instead of serve.host")
            sub.add_argument("--port", type=_port, metavar="PORT", help="instead of serve.port")
        for flag in command.flags:
            sub.add_argument(f"--{flag}", action="store_true", help=_FLAGS[flag])
    return parser
