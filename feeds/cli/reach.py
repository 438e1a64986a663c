"""``feeds reach``: how many readers each feed has, counted from access logs."""

from __future__ import annotations

import gzip
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from feeds.cli.console import Console
from feeds.common.errors import ConfigError
from feeds.config import Loaded, load_config
from feeds.serve.access_log import read_line
from feeds.serve.reach import Reach


def run_reach(arguments: Namespace, console: Console) -> None:
    """Shows the reach of each feed."""
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
            one.subscribers,
            one.readers,
            one.polls,
            f"{one.unchanged / one.polls:.0%}",
            f"{one.deltas / one.polls:.0%}",
            ", ".join(f"{name} {count}" for name, count in (one.services | one.programs).items()),
        )
        for one in found
    ]
    console.table(("Feed", "Subscribers", "Readers", "Polls", "304", "226", "By"), rows)
    console.report(found)


def _logs(given: list[Path], loaded: Loaded) -> list[Path]:
    """Returns the logs to read, the oldest first, since days are counted one after the other."""
    log = loaded.config.serve.access_log
    if not given and log in ("off", "stdout"):
        hint = "name a log, as in feeds reach /var/log/nginx/access.log"
        raise ConfigError([f"serve.access_log is {log!r}, so there is no file to read: {hint}"])
    stdin = Path("-")
    try:
        return sorted(given or [Path(log)], key=lambda one: one != stdin and one.stat().st_mtime)
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
