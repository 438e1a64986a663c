"""``feeds completion``: what a shell needs to complete commands, options, seeds and feeds.

The shell asks the program itself, by argcomplete, so that the parser that makes ``--help`` answers.
That is imported on demand: whoever asks for help needs none of it.
"""

from __future__ import annotations

from argparse import PARSER, Action, ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from typing import Any

from feeds.cli.console import Console
from feeds.common.errors import FeedsError

_SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("shell", choices=_SHELLS, metavar="SHELL", help="bash, zsh or fish")


def run(arguments: Namespace) -> int:
    """Prints the lines that make a shell ask the program."""
    from argcomplete.shell_integration import shellcode

    Console.of(arguments).show(shellcode(["feeds"], shell=arguments.shell).strip("\n"))
    return 0


def complete(parser: ArgumentParser) -> None:
    """Answers the shell, and ends the process; `parser` knows the options of what was typed."""
    from argcomplete import autocomplete

    for action in _actions(parser):
        if completer := _completer(action):
            action.completer = completer  # type: ignore[attr-defined]
    autocomplete(parser, always_complete_options=False, print_suppressed=True)


def _actions(parser: ArgumentParser) -> Iterator[Action]:
    """Yields the options and arguments of a parser, and those of the commands in it."""
    for action in parser._actions:  # noqa: SLF001 (argparse tells in no other way)
        yield action
        if action.nargs == PARSER and isinstance(action.choices, dict):
            for inner in action.choices.values():
                yield from _actions(inner)


def _completer(action: Action) -> Callable[..., object] | None:
    from argcomplete.completers import DirectoriesCompleter, FilesCompleter, SuppressCompleter

    seeds = FilesCompleter(("txt", "md", "markdown", "yaml", "yml"))

    def stories(**asked: Any) -> list[str]:
        return [*seeds(**asked), *_feeds(asked["parsed_args"], asked["prefix"])]

    by_metavar: dict[str, Callable[..., object]] = {
        "DIR": DirectoriesCompleter(),
        "FILE": seeds if action.dest == "files" else FilesCompleter(),
        "PATH": FilesCompleter(("toml",)) if action.dest == "config" else seeds,
        "SEED|URL|ID|FEED": stories,
        "TITLE": SuppressCompleter(),
        "URL": SuppressCompleter(),
    }
    return by_metavar.get(str(action.metavar))


def _feeds(arguments: Namespace, prefix: str) -> Iterator[str]:
    """Yields the addresses of the feeds that the last pass published."""
    from feeds.config import load_config
    from feeds.store import open_state

    try:
        loaded = load_config(arguments.config)
        with open_state(loaded.config.paths.state, "serve") as store:
            known = list(store.feeds()) if store else []
    except FeedsError:  # whoever presses a key is told nothing
        return
    yield from (address for address in known if address.startswith(prefix))
