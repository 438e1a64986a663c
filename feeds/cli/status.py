"""``feeds status``: what the last pass did, and when the next is due."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import datetime

import msgspec

from feeds.cli.console import Console
from feeds.cli.main import add_config, add_json, add_out
from feeds.common.protocols import HUBS_MOVED, REPORT
from feeds.common.reports import HubReport, PassReport
from feeds.common.schedule import DaemonState, running_daemon
from feeds.common.times import show_time
from feeds.common.urls import shown_url
from feeds.config import load_config
from feeds.store import open_state


class Status(msgspec.Struct, omit_defaults=True):
    """The last pass and the daemon; None if there was no pass, or no daemon is running.

    `hubs` are those with pings still to be sent; `moved` maps hubs of the configuration to the new
    addresses that they named.
    """

    last_pass: PassReport | None
    daemon: DaemonState | None
    hubs: list[HubReport]
    moved: dict[str, str] = {}


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    add_config(parser)
    add_out(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    """Shows the state of things, with the daemon running or not."""
    console = Console.of(arguments)
    loaded = load_config(arguments.config).with_out(arguments.out)
    paths = loaded.config.paths
    with open_state(paths.state, "serve") as store:
        report = store.get_meta(REPORT) if store else None
        hubs = [one.shown() for one in store.hub_reports()] if store else []
        known = (store.get_meta(HUBS_MOVED) if store else None) or {}
    configured = map(shown_url, loaded.config.site.hub)
    moved = {hub: known[hub] for hub in configured if hub in known}
    daemon = running_daemon(paths.out)
    if daemon is None:
        console.show("daemon     not running")
    else:
        doing = "a pass is running" if daemon.running else f"next pass {_when(daemon.next_pass)}"
        console.show(f"daemon     process {daemon.pid} since {_when(daemon.since)}, {doing}")
        if daemon.failing:
            console.show(f"failing    {daemon.failing}")
    if report is None:
        console.show("last pass  none yet")
    else:
        _show(console, report, hubs)
    for hub, place in moved.items():
        console.show(f"hub        {hub} has moved to {place}: change site.hub")
    console.report(Status(report, daemon, hubs, moved))
    return 0


def _show(console: Console, report: PassReport, hubs: list[HubReport]) -> None:
    errors = len(report.problems) - report.warnings
    console.show(f"last pass  {_when(report.started)}, took {report.seconds:.2f} s")
    console.show(
        f"read       {report.read} seeds, {report.changed} changed, {report.gone} gone; "
        f"wrote {len(report.written)} documents, removed {len(report.removed)}"
    )
    console.show(f"seeds      {report.seeds - report.bad} good, {report.bad} bad")
    console.show(f"problems   {errors} errors, {report.warnings} warnings")
    for problem in report.problems:
        console.show(f"  {problem}")
    for held in report.held:
        console.show(f"pending    {held}")
    for hub in hubs:
        why = f": {hub.error}" if hub.error else ""
        console.show(
            f"hub        {hub.hub}: {hub.pending} documents pending, the oldest since "
            f"{_when(hub.oldest)}, next try {_when(hub.next_try)}{why}"
        )
    rows = [(feed.address, str(feed.entries), _when(feed.newest)) for feed in report.feeds]
    console.table(("Feed", "Entries", "Newest"), rows)


def _when(time: datetime | None) -> str:
    return show_time(time) if time else "-"
