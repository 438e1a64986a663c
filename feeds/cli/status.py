"""``feeds status``: what the last pass did, and when the next is due."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from feeds.cli.console import Console
from feeds.common.daemon_status import DaemonState, running_daemon
from feeds.common.reports import HubReport, PassReport
from feeds.common.store_protocols import HUBS_MOVED, REPORT
from feeds.common.times import show_time
from feeds.common.urls import shown_url
from feeds.config import load_config
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
