"""``feeds list``: the feeds as a pass would publish them now."""

from __future__ import annotations

from argparse import Namespace

from feeds.config import load_config
from feeds.console import Console
from feeds.passes import utc_now
from feeds.pipeline import Refreshed, look
from feeds.renewal import past_of
from feeds.report import feed_report
from feeds.select.choose import Choice, choose
from feeds.times import show_time, to_unix


def run(arguments: Namespace) -> int:
    """Lists each feed with its title, entries, newest date and address."""
    console = Console(json=arguments.json)
    loaded = load_config(arguments.config)
    config = loaded.config

    def see(now_there: Refreshed) -> Choice:
        store = now_there.store
        return choose(store.cards(), config, past_of(store, config), to_unix(utc_now()))

    with console.listening() as ears:
        choice = look(loaded, ears, see)
    feeds = [feed_report(one.summary(), config.site.base_url) for one in choice.feeds]
    rows = [
        (feed.title, str(feed.entries), show_time(feed.newest) if feed.newest else "-", feed.url)
        for feed in feeds
    ]
    console.table(("Feed", "Entries", "Newest", "Address"), rows)
    console.report(feeds)
    return 0
