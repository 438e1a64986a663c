"""``feeds state``: looks after the state file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from feeds.cli.console import Console
from feeds.cli.main import add_config, add_json
from feeds.common.errors import ConfigError


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the actions and their options."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    text = "write a backup of the state file, also while passes go on"
    sub = actions.add_parser("backup", help=text, description=text)
    sub.add_argument(
        "target",
        metavar="DEST",
        nargs="?",
        help="a file, or the address of an object (default: state.backup)",
    )
    add_config(sub)
    add_json(sub)


def run(arguments: Namespace) -> int:
    """Writes a backup.

    Raises:
        ConfigError: there is no state.backup, or DEST is no place for a backup.
    """
    # Imported on demand: whoever asks for help needs none of it.
    from feeds.config import load_config
    from feeds.config.sources import backup
    from feeds.pipeline.backup import back_up_state

    console, config = Console.of(arguments), load_config(arguments.config).config
    try:
        target = backup(arguments.target) or config.state.backup
    except ValueError as error:
        raise ConfigError([f"DEST: {error}"]) from None
    if target is None:
        raise ConfigError(["state.backup is not set: name a file or an address to write to"])
    report = back_up_state(config, target)
    console.say(f"wrote a backup of the state to {report.backup} ({report.bytes} bytes)")
    console.report(report)
    return 0
