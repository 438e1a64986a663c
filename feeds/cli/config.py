"""``feeds config``: the configuration as it holds, and where each value comes from."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from feeds.cli.console import Console
from feeds.cli.main import add_config, add_json


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    add_config(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    """Shows every key with its value and its origin."""
    from feeds.config.effective import settings  # on demand: whoever asks for help needs none of it

    console = Console.of(arguments)
    found = settings(arguments.config)
    rows = [
        (one.key, "-" if one.value is None else _shown(one.value), one.place or one.origin)
        for one in found
    ]
    if not arguments.json:
        console.table(("Key", "Value", "From"), rows)
    console.report(found)
    return 0


def _shown(value: object) -> str:
    """Returns a value as TOML writes it, on one line."""
    return json.dumps(value, ensure_ascii=False)
