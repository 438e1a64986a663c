"""``feeds list``: the feeds as a pass would publish them now."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from feeds.cli.console import Console
from feeds.cli.main import add_config, add_json

if TYPE_CHECKING:
    from feeds.common.model import FeedSummary
    from feeds.pipeline.run import Snapshot


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    add_config(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    """Lists each feed with its title, entries, newest date and address."""
    # Imported on demand: whoever asks for help needs none of it.
    from feeds.common.reports import feed_report
    from feeds.common.times import show_time
    from feeds.config import load_config
    from feeds.pipeline.memberships import contents_of, memberships, too_many_feeds
    from feeds.pipeline.run import with_snapshot

    console = Console.of(arguments)
    loaded = load_config(arguments.config)
    config = loaded.config

    def read(snapshot: Snapshot) -> tuple[list[FeedSummary], str]:
        run, state, changes, _ = snapshot
        feeds = memberships(run, state, changes).feeds
        summaries = [contents_of(run, feed).summary() for feed in feeds]
        return summaries, too_many_feeds(len(feeds), config, run.store.item_headers)

    with console.listening() as callbacks:
        summaries, too_many = with_snapshot(loaded, callbacks, read)
    if too_many:
        console.warn(too_many)
    feeds = [feed_report(one, config.site.base_url) for one in summaries]
    rows = [
        (feed.title, str(feed.entries), show_time(feed.newest) if feed.newest else "-", feed.url)
        for feed in feeds
    ]
    console.table(("Feed", "Entries", "Newest", "Address"), rows)
    console.report(feeds)
    return 0
