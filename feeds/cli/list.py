"""``feeds list`` and ``withdrawn``: which feeds there are, and which stories were withdrawn."""

from __future__ import annotations

from argparse import Namespace
from datetime import timedelta

from feeds.cli.console import Console
from feeds.common.model import FeedSummary
from feeds.common.reports import feed_report
from feeds.common.times import show_duration
from feeds.config import load_config
from feeds.select.feeds import longest_kept_s
from feeds.store import open_state


def run_list(arguments: Namespace, console: Console) -> None:
    """Lists each feed, as a pass would publish it now, with entries, newest date and address."""
    # On demand: `withdrawn` needs no selection.
    from feeds.pipeline.guards import too_many_feeds
    from feeds.pipeline.memberships import contents_of, memberships
    from feeds.pipeline.run import Snapshot, with_snapshot

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
    rows = [(feed.title, feed.entries, feed.newest, feed.url) for feed in feeds]
    console.table(("Feed", "Entries", "Newest", "Address"), rows)
    console.report(feeds)


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
