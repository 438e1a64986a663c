"""``feeds schema``: the JSON Schema of seeds or of config.toml, for editors."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from feeds.cli.console import Console


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "kind", choices=("seed", "config"), metavar="seed|config", help="what an editor is to know"
    )


def run(arguments: Namespace) -> int:
    """Prints the schema."""
    # Imported on demand: whoever asks for help needs none of it.
    if arguments.kind == "seed":
        from feeds.seeds.json_schema import seed_schema

        schema = seed_schema
    else:
        from feeds.config.json_schema import config_schema as schema
    Console.of(arguments).show(json.dumps(schema(), indent=2))
    return 0
