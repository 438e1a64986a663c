"""``feeds init``: a new site, ready to be published."""

from __future__ import annotations

import os
import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

from feeds.cli.console import Console
from feeds.common.errors import InitError
from feeds.common.reports import utc_now
from feeds.common.times import rfc3339

_FILES = Path(__file__).with_name("starter")
_CONFIG = Path("config.toml")
_SEED = Path("seeds/hello.md")


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path(),
        metavar="DIR",
        help="the folder, made if missing (default: the current one)",
    )


def run(arguments: Namespace) -> int:
    """Writes the missing files, and nothing over existing ones; asks nothing."""
    console = Console.of(arguments)
    folder: Path = arguments.folder
    now = utc_now().replace(microsecond=0)
    texts = {_CONFIG: _text("config.toml"), Path(".gitignore"): _text("gitignore")}
    # An example must not turn up in the feeds of a site that is already there.
    if not any(os.path.lexists(folder / path) for path in (_CONFIG, _SEED.parent)):
        texts[_SEED] = _text("seed.md").replace("{now}", rfc3339(now))
    try:
        for path, text in texts.items():
            written = _write(folder / path, text)
            console.say(f"{'wrote' if written else 'kept '} {folder / path}")
    except OSError as error:
        raise InitError(
            f"cannot make a site in {folder}: {error.filename}: {error.strerror or error}"
        ) from None
    there = "" if folder == Path() else f"cd {shlex.quote(str(folder))} && "
    console.say(f"next: {there}feeds export")
    return 0


def _text(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")


def _write(path: Path, text: str) -> bool:
    """Writes a new file; returns False, and touches nothing, if the file exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = path.open("x", encoding="utf-8")
    except FileExistsError:
        return False
    try:
        with file:
            file.write(text)
    except (OSError, KeyboardInterrupt) as error:
        path.unlink(missing_ok=True)  # half of it would be kept the next time
        if isinstance(error, OSError):
            error.filename = path
        raise
    return True
