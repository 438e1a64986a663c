"""``feeds list``: the feeds as a pass would publish them now."""

from __future__ import annotations

from argparse import Namespace

from feeds.cli.console import Console
from feeds.common.callbacks import utc_now
from feeds.common.reports import feed_report
from feeds.common.times import show_time, to_unix
from feeds.config import load_config
from feeds.pipeline.limits import too_many_feeds
from feeds.pipeline.output import past_of
from feeds.pipeline.run import Snapshot, with_snapshot
from feeds.select.membership import Choice, choose


def run(arguments: Namespace) -> int:
    """Lists each feed with its title, entries, newest date and address."""
    console = Console(json=arguments.json)
    loaded = load_config(arguments.config)
    config = loaded.config

    def see(now_there: Snapshot) -> tuple[Choice, str]:
        store = now_there.store
        choice = choose(store.item_headers(), config, past_of(store, config), to_unix(utc_now()))
        return choice, too_many_feeds(len(choice.feeds), config, store.item_headers)

    with console.listening() as callbacks:
        choice, too_many = with_snapshot(loaded, callbacks, see)
    if too_many:
        console.warn(too_many)
    feeds = [feed_report(one.summary(), config.site.base_url) for one in choice.feeds]
    rows = [
        (feed.title, str(feed.entries), show_time(feed.newest) if feed.newest else "-", feed.url)
        for feed in feeds
    ]
    console.table(("Feed", "Entries", "Newest", "Address"), rows)
    console.report(feeds)
    return 0
