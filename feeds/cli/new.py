"""``feeds init`` and ``feeds new``: a new site, ready to be published, and a new seed for it."""

from __future__ import annotations

import json
import os
import shlex
from argparse import Namespace
from pathlib import Path

from feeds.cli.console import Console
from feeds.common.errors import InitError
from feeds.common.reports import utc_now
from feeds.common.slugs import slug
from feeds.common.times import rfc3339
from feeds.common.urls import host_of, normal_url
from feeds.config import Config, load_config
from feeds.seeds.parse import ParseOptions
from feeds.seeds.read import judge_seed

_FILES = Path(__file__).with_name("starter")
_CONFIG = Path("config.toml")
_SEED = Path("seeds/hello.md")


def run_init(arguments: Namespace, console: Console) -> None:
    """Writes the missing files, and nothing over existing ones; asks nothing."""
    folder: Path = arguments.folder
    texts = {_CONFIG: _text("config.toml"), Path(".gitignore"): _text("gitignore")}
    # An example must not turn up in the feeds of a site that is already there.
    if not any(os.path.lexists(folder / path) for path in (_CONFIG, _SEED.parent)):
        texts[_SEED] = _text("seed.md").replace("{now}", _now())
    try:
        for path, text in texts.items():
            written = _write(folder / path, text.encode())
            console.say(f"{'wrote' if written else 'kept '} {folder / path}")
    except OSError as error:
        raise InitError(
            f"cannot make a site in {folder}: {error.filename}: {error.strerror or error}"
        ) from None
    there = "" if folder == Path() else f"cd {shlex.quote(str(folder))} && "
    console.say(f"next: {there}feeds export")


def _now() -> str:
    return rfc3339(utc_now().replace(microsecond=0))


def _text(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")


def _write(path: Path, data: bytes) -> bool:
    """Writes a new file; returns False, and touches nothing, if the file exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = path.open("xb")
    except FileExistsError:
        return False
    try:
        with file:
            file.write(data)
    except (OSError, KeyboardInterrupt) as error:
        path.unlink(missing_ok=True)  # half of it would be kept the next time
        if isinstance(error, OSError):
            error.filename = path
        raise
    return True


def run_new(arguments: Namespace, console: Console) -> None:
    """Writes a draft into the first folder of seeds, and nothing over an existing file."""
    config = load_config(arguments.config).config
    name = slug(arguments.title)
    if not config.paths.folders:
        reason = f"paths.seeds names no folder, but {config.paths.prefixes[0]}"
        raise InitError(f"{reason}: write the seed there by the tools of the object store")
    path = config.paths.folders[0] / f"{name}.md"
    data = _seed(arguments, config, name).encode("utf-8", "surrogateescape")
    if problems := judge_seed(str(path), "", data, ParseOptions.of(config)).problems:
        faults = "; ".join(f"{one.field or 'seed'}: {one.reason}" for one in problems)
        raise InitError(f"no seed can be made of this: {faults}")
    try:
        is_new = _write(path, data)
    except OSError as error:
        raise InitError(f"cannot write {path}: {error.strerror or error}") from None
    if not is_new:
        raise InitError(f"{path} exists already; 'feeds new' changes no file")
    console.say(f"wrote {os.path.relpath(path)}")
    console.say("it is a draft: write below its last line, then set published to true")


def _seed(arguments: Namespace, config: Config, name: str) -> str:
    url = arguments.url or f"{config.site.home.rstrip('/')}/{name}"
    provider = arguments.provider or host_of(normal_url(url) or "http://example.org/").removeprefix(
        "www."
    )
    lines = {
        "title": _quoted(arguments.title),
        "excerpt": '""',
        "publishedDateTime": _now(),
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
