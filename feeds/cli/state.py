"""``feeds state``: looks after the state file."""

from __future__ import annotations

from argparse import Namespace

from feeds.cli.console import Console
from feeds.common.errors import ConfigError
from feeds.config import load_config
from feeds.config.types import backup
from feeds.store.backup import back_up_state


def run_state_backup(arguments: Namespace, console: Console) -> None:
    """Writes a backup of the state file.

    Raises:
        ConfigError: there is no state.backup, or DEST is no place for a backup.
    """
    config = load_config(arguments.config).config
    try:
        target = backup(arguments.target) or config.state.backup
    except ValueError as error:
        raise ConfigError([f"DEST: {error}"]) from None
    if target is None:
        raise ConfigError(["state.backup is not set: name a file or an address to write to"])
    report = back_up_state(config, target)
    console.say(f"wrote a backup of the state to {report.backup} ({report.bytes} bytes)")
    console.report(report)
