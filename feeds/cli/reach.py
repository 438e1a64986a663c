"""``feeds reach``: how many read each feed, from access logs."""

from __future__ import annotations

import gzip
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from urllib.parse import urlsplit

from feeds.cli.console import Console
from feeds.cli.main import add_config, add_json
from feeds.common.errors import ConfigError
from feeds.common.reports import utc_now
from feeds.common.times import WANTED_DURATION, parse_date, parse_duration, to_unix
from feeds.config import Loaded, load_config


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    text = "access logs of feeds serve, nginx or Caddy (default: serve.access_log); - for stdin"
    parser.add_argument("log", nargs="*", type=Path, metavar="LOG", help=text)
    add_config(parser)
    parser.add_argument(
        "--since", type=_since, default=0, metavar="TIME", help="a date, or how long ago (7d)"
    )
    add_json(parser)


def run(arguments: Namespace) -> int:
    """Shows the reach of each feed."""
    from feeds.serve.access_log import read_line
    from feeds.serve.reach import Reach

    console = Console.of(arguments)
    loaded = load_config(arguments.config)
    reach = Reach(urlsplit(loaded.config.site.base_url).path)
    unknown = 0
    for path in _logs(arguments.log, loaded):
        with _lines(path) as lines:
            for line in lines:
                hit = read_line(line)
                unknown += hit is None
                if hit is not None and hit.unix >= arguments.since:
                    reach.add([hit])
    if unknown:
        console.warn(f"{unknown} lines are of no format that is known, and were passed over")
    found = reach.report()
    rows = [
        (
            one.address,
            str(one.subscribers),
            str(one.readers),
            str(one.polls),
            f"{one.unchanged / one.polls:.0%}",
            f"{one.deltas / one.polls:.0%}",
            ", ".join(f"{name} {count}" for name, count in (one.services | one.programs).items()),
        )
        for one in found
    ]
    console.table(("Feed", "Subscribers", "Readers", "Polls", "304", "226", "By"), rows)
    console.report(found)
    return 0


def _logs(given: list[Path], loaded: Loaded) -> list[Path]:
    """Returns the logs to read, the oldest first, since days are counted one after the other."""
    log = loaded.config.serve.access_log
    if not given and log in ("off", "stdout"):
        hint = "name a log, as in feeds reach /var/log/nginx/access.log"
        raise ConfigError([f"serve.access_log is {log!r}, so there is no file to read: {hint}"])
    try:
        return sorted(
            given or [Path(log)], key=lambda one: 0 if one == Path("-") else one.stat().st_mtime
        )
    except OSError as error:
        raise ConfigError([f"cannot read {error.filename}: {error.strerror}"]) from None


@contextmanager
def _lines(path: Path) -> Iterator[Iterable[str]]:
    """Opens a log, which may be compressed by gzip; what is no UTF-8 is replaced."""
    if path == Path("-"):
        yield sys.stdin
        return
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8", errors="replace") as file:
            yield file
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError([f"cannot read {path}: {reason}"]) from None


def _since(text: str) -> int:
    """Returns seconds since 1970."""
    try:
        return to_unix(utc_now() - parse_duration(text))
    except (ValueError, OverflowError):
        date = parse_date(text, UTC)
    if date is None:
        wanted = f"wanted a date such as 2026-03-01, or {WANTED_DURATION}"
        raise ArgumentTypeError(f"found {text!r}, {wanted}")
    return to_unix(date)
