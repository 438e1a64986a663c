"""``feeds config`` and ``schema``: the keys of config.toml, and JSON Schemas for editors."""

from __future__ import annotations

import json
from argparse import Namespace

from feeds.cli.console import Console
from feeds.config import Config
from feeds.config.load import settings


def _shown(value: object) -> str | None:
    """Returns a value as TOML writes it, on one line."""
    return None if value is None else json.dumps(value, ensure_ascii=False)


def run_config(arguments: Namespace, console: Console) -> None:
    """Shows every key with its value and its origin."""
    found = settings(arguments.config)
    if not console.json:
        rows = [(one.key, _shown(one.value), one.place or one.origin) for one in found]
        console.table(("Key", "Value", "From"), rows)
    console.report(found)


def run_schema(arguments: Namespace, console: Console) -> None:
    """Prints the JSON Schema of seeds, or of config.toml."""
    from feeds.config.schema import json_schema
    from feeds.seeds.json_schema import seed_schema

    schema = seed_schema() if arguments.kind == "seed" else json_schema(Config)
    console.show(json.dumps(schema, indent=2))
