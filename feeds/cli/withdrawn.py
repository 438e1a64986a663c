"""``feeds withdrawn``: which stories were withdrawn, when and why."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import datetime

import msgspec

from feeds.cli.console import Console
from feeds.cli.main import add_config, add_json
from feeds.common.times import from_unix, show_time
from feeds.config import load_config
from feeds.store import open_state


class WithdrawnStory(msgspec.Struct):
    """A story that was withdrawn; `reason` is the seed's own, perhaps empty."""

    id: str
    title: str
    url: str
    at: datetime
    why: str
    reason: str


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    add_config(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    """Lists the withdrawn stories whose notices are kept, the last first."""
    console = Console.of(arguments)
    config = load_config(arguments.config).config
    stories = []
    with open_state(config.paths.state, "serve") as store:
        for one in store.withdrawals() if store else ():
            item = one.notice
            at, reason = from_unix(one.at), item.withdrawn_reason
            stories.append(WithdrawnStory(one.id, item.title, item.url, at, one.why, reason))
    if not stories:
        console.show('no story is known that was withdrawn; withdrawn = "drop" keeps none')
    rows = [
        (show_time(one.at), f"{one.why}: {one.reason}" if one.reason else one.why, one.title)
        for one in stories
    ]
    if rows:
        console.table(("Withdrawn", "Why", "Story"), rows)
    console.report(stories)
    return 0
