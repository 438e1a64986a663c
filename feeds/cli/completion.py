"""``feeds completion``: what a shell needs to complete what is typed.

The shell asks the program itself, by argcomplete, so that the parser that makes ``--help`` answers.
Few keys that are pressed need more than that, so the rest is imported on demand.
"""

from __future__ import annotations

from argparse import PARSER, Action, ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from typing import Any

from argcomplete import autocomplete
from argcomplete.completers import DirectoriesCompleter, FilesCompleter, SuppressCompleter
from argcomplete.shell_integration import shellcode

from feeds.cli.console import Console
from feeds.common.errors import FeedsError

_SEEDS = FilesCompleter(("txt", "md", "markdown", "yaml", "yml"))


def run_completion(arguments: Namespace, console: Console) -> None:
    """Prints the lines that make a shell ask the program."""
    console.show(shellcode(["feeds"], shell=arguments.shell).strip("\n"))


def complete(parser: ArgumentParser) -> None:
    """Answers the shell, and ends the process; `parser` knows the options of what was typed."""
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
    by_metavar: dict[str, Callable[..., object]] = {
        "DIR": DirectoriesCompleter(),
        "FILE": _SEEDS if action.dest == "files" else FilesCompleter(),
        "PATH": FilesCompleter(("toml",)) if action.dest == "config" else _SEEDS,
        "SEED|URL|ID|FEED": _stories,
        "TITLE": SuppressCompleter(),
        "URL": SuppressCompleter(),
    }
    return by_metavar.get(str(action.metavar))


def _stories(**asked: Any) -> list[str]:
    """Returns seeds, and the addresses of the feeds that the last pass published."""
    from feeds.config import load_config
    from feeds.store import open_state

    try:
        loaded = load_config(asked["parsed_args"].config)
        with open_state(loaded.config.paths.state, "serve") as store:
            known = list(store.feeds()) if store else []
    except FeedsError:  # whoever presses a key is told nothing
        known = []
    feeds = [address for address in known if address.startswith(asked["prefix"])]
    return [*_SEEDS(**asked), *feeds]
