"""``feeds status``, ``config``, ``doctor``, ``withdrawn`` and ``reach``: what there is to know.

What only one of them needs is imported by it: ``status`` is asked often.
"""

from __future__ import annotations

import gzip
import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

from feeds.cli.console import Console
from feeds.common.errors import ConfigError
from feeds.common.protocols import HUBS_MOVED, REPORT
from feeds.common.reports import Finding, HubReport, PassReport, bad, good, odd, utc_now
from feeds.common.schedule import DaemonState, running_daemon
from feeds.common.times import show_duration, show_time
from feeds.common.urls import shown_url
from feeds.config import Config, Loaded, load_config
from feeds.config.load import settings
from feeds.select.feeds import longest_kept_s
from feeds.store import open_state


def run_status(arguments: Namespace, console: Console) -> None:
    """Shows the state of things, with the daemon running or not."""
    loaded = load_config(arguments.config).with_out(arguments.out)
    paths = loaded.config.paths
    with open_state(paths.state, "serve") as store:
        report = store.get_meta(REPORT) if store else None
        hubs = [one.shown() for one in store.hub_reports()] if store else []
        known = (store.get_meta(HUBS_MOVED) if store else None) or {}
    hub_urls = map(shown_url, loaded.config.site.hub)
    moved = {hub: known[hub] for hub in hub_urls if hub in known}
    daemon = running_daemon(paths.out)
    for line in chain(_of_daemon(daemon), _of_pass(report), map(_of_hub, hubs if report else ())):
        console.show(line)
    if report:
        rows = [(feed.address, feed.entries, feed.newest) for feed in report.feeds]
        console.table(("Feed", "Entries", "Newest"), rows)
    for hub, place in moved.items():
        console.show(f"hub        {hub} has moved to {place}: change site.hub")
    told = {"last_pass": report, "daemon": daemon, "hubs": hubs}
    console.report({**told, "moved": moved} if moved else told)


def _of_daemon(daemon: DaemonState | None) -> Iterator[str]:
    if daemon is None:
        yield "daemon     not running"
        return
    doing = "a pass is running" if daemon.running else f"next pass {_when(daemon.next_pass)}"
    yield f"daemon     process {daemon.pid} since {_when(daemon.since)}, {doing}"
    if daemon.failing:
        yield f"failing    {daemon.failing}"


def _of_pass(report: PassReport | None) -> Iterator[str]:
    if report is None:
        yield "last pass  none yet"
        return
    wrote = f"wrote {len(report.written)} documents, removed {len(report.removed)}"
    errors = len(report.problems) - report.warnings
    yield f"last pass  {_when(report.started)}, took {report.seconds:.2f} s"
    yield f"read       {report.read} seeds, {report.changed} changed, {report.gone} gone; {wrote}"
    yield f"seeds      {report.seeds - report.bad} good, {report.bad} bad"
    yield f"problems   {errors} errors, {report.warnings} warnings"
    yield from (f"  {problem}" for problem in report.problems)
    yield from (f"pending    {held}" for held in report.held)


def _of_hub(hub: HubReport) -> str:
    since, due = _when(hub.oldest), _when(hub.next_try)
    pending = f"{hub.pending} documents pending, the oldest since {since}, next try {due}"
    return f"hub        {hub.hub}: {pending}" + (f": {hub.error}" if hub.error else "")


def _when(time: datetime | None) -> str:
    return show_time(time) if time else "-"


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


def run_withdrawn(arguments: Namespace, console: Console) -> None:
    """Lists the withdrawn stories that are remembered, the last first."""
    config = load_config(arguments.config).config
    with open_state(config.paths.state, "serve") as store:
        stories = [one.told() for one in store.withdrawals()] if store else []
    if not stories:
        keep = show_duration(timedelta(seconds=longest_kept_s(config)))
        console.show(f"no story was withdrawn in the last {keep} (site.withdrawn_keep)")
    rows = [
        (one.at, f"{one.why}: {one.reason}" if one.reason else one.why, one.title)
        for one in stories
    ]
    if rows:
        console.table(("Withdrawn", "Why", "Story"), rows)
    console.report(stories)


def run_doctor(arguments: Namespace, console: Console) -> int:
    """Tells what was found; 1 if something does not work."""
    from feeds.pipeline.doctor import examine_site
    from feeds.publish.visit import visit

    loaded = load_config(arguments.config).with_out(arguments.out)
    found: list[Finding] = []
    config = loaded.config
    site, seen = examine_site(loaded, utc_now()), visit(config, arguments.site or "")
    for one in chain(site, _passes(config), seen):
        found.append(one)
        console.show(f"{one.severity:<7}  {one.subject}: {one.text}")
        if one.advice:
            console.show(f"         do: {one.advice}")
    console.report(found)
    return 1 if any(one.severity == "error" for one in found) else 0


def _passes(config: Config) -> Iterator[Finding]:
    from feeds.serve.monitoring import health_of

    daemon, health = running_daemon(config.paths.out), health_of(config, utc_now())
    if health.ok:
        text = f"process {daemon.pid} runs passes" if daemon else "passes come as scheduled"
        yield good("daemon", text)
    elif daemon is None:
        advice = "start 'feeds run', or let cron run 'feeds export'"
        yield odd("daemon", f"none is running; {health.reason}", advice)
    else:
        yield bad("daemon", health.reason, f"look at the log of process {daemon.pid}")


def run_reach(arguments: Namespace, console: Console) -> None:
    """Shows the reach of each feed."""
    from feeds.serve.access_log import read_line
    from feeds.serve.reach import Reach

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
