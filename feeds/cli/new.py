"""``feeds new``: a new seed that is ready to be written on."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from feeds.cli.console import Console
from feeds.cli.main import add_config
from feeds.common.errors import InitError

if TYPE_CHECKING:
    from feeds.config import Config


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("title", metavar="TITLE", help="the story's title; in quotes")
    add_config(parser)
    text = "where the story stands (default: below the site's own address)"
    parser.add_argument("--url", metavar="URL", help=text)
    text = "who published it, by domain (default: the host of its URL)"
    parser.add_argument("--provider", metavar="DOMAIN", help=text)
    parser.add_argument(
        "--topic", metavar="NAME", action="append", default=[], help="a topic; may be repeated"
    )


def run(arguments: Namespace) -> int:
    """Writes a draft into the first folder of seeds, and nothing over an existing file."""
    # Imported on demand: whoever asks for help needs none of it.
    from feeds.common.slugs import slug
    from feeds.config import load_config

    console = Console.of(arguments)
    config = load_config(arguments.config).config
    name = slug(arguments.title)
    if not config.paths.folders:
        reason = f"paths.seeds names no folder, but {config.paths.prefixes[0]}"
        raise InitError(f"{reason}: write the seed there by the tools of the object store")
    path = config.paths.folders[0] / f"{name}.md"
    data = _seed(arguments, config, name).encode("utf-8", "surrogateescape")
    _refuse_faults(path, data, config)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise InitError(f"{path} exists already; 'feeds new' changes no file") from None
    except OSError as error:
        raise InitError(f"cannot write {path}: {error.strerror or error}") from None
    console.say(f"wrote {os.path.relpath(path)}")
    console.say("it is a draft: write below its last line, then set published to true")
    return 0


def _seed(arguments: Namespace, config: Config, name: str) -> str:
    from feeds.common.reports import utc_now
    from feeds.common.times import rfc3339
    from feeds.common.urls import host_of, normal_url

    url = arguments.url or f"{config.site.home.rstrip('/')}/{name}"
    provider = arguments.provider or host_of(normal_url(url) or "http://example.org/").removeprefix(
        "www."
    )
    lines = {
        "title": _quoted(arguments.title),
        "excerpt": '""',
        "publishedDateTime": rfc3339(utc_now().replace(microsecond=0)),
        "originalUrl": _quoted(url),
        "quality": str(max(50, config.selection.min_quality)),
        "published": "false",
        "provider": f"\n  domain: {_quoted(provider)}",
        "topics": "".join(f"\n  - {_quoted(topic)}" for topic in arguments.topic),
    }
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in lines.items()) + "---\n"


def _quoted(text: str) -> str:
    """Returns a text as YAML reads it back, whatever is in it: JSON is a part of YAML."""
    return json.dumps(text, ensure_ascii=False)


def _refuse_faults(path: Path, data: bytes, config: Config) -> None:
    """Refuses what `feeds check` would find wrong.

    Raises:
        InitError: an argument cannot stand in a seed.
    """
    from feeds.seeds.parse import ParseOptions
    from feeds.seeds.read import judge_seed

    problems = judge_seed(str(path), "", data, ParseOptions.of(config)).problems
    if problems:
        faults = "; ".join(f"{one.field or 'seed'}: {one.reason}" for one in problems)
        raise InitError(f"no seed can be made of this: {faults}")
