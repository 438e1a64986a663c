"""``feeds withdrawn``: which stories were withdrawn, when and why."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import timedelta

from feeds.cli.console import Console
from feeds.cli.main import add_config, add_json
from feeds.common.times import show_duration, show_time
from feeds.config import load_config
from feeds.select.withdrawals import longest_kept_s
from feeds.store import open_state


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    add_config(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    """Lists the withdrawn stories that are remembered, the last first."""
    console = Console.of(arguments)
    config = load_config(arguments.config).config
    with open_state(config.paths.state, "serve") as store:
        stories = [one.told() for one in store.withdrawals()] if store else []
    if not stories:
        keep = show_duration(timedelta(seconds=longest_kept_s(config)))
        console.show(f"no story was withdrawn in the last {keep} (site.withdrawn_keep)")
    rows = [
        (show_time(one.at), f"{one.why}: {one.reason}" if one.reason else one.why, one.title)
        for one in stories
    ]
    if rows:
        console.table(("Withdrawn", "Why", "Story"), rows)
    console.report(stories)
    return 0
