"""The Python library: the names that other programs use by `import feeds` (docs/library.md)."""

from __future__ import annotations

from feeds.common.errors import (
    BusyError,
    ConfigError,
    FeedsError,
    PublishError,
    SeedsFolderError,
    StateError,
    TemplateError,
    UnknownFeedError,
    UnknownSeedError,
)
from feeds.common.media import kind_of
from feeds.common.model import Document, Problem
from feeds.common.reports import (
    NO_CALLBACKS,
    Callbacks,
    FeedReport,
    HeldReport,
    Options,
    PassReport,
)
from feeds.common.text import did_you_mean
from feeds.config import Config, Loaded, load_config
from feeds.pipeline.check import CheckReport, check
from feeds.pipeline.explain_story import Explanation, explain
from feeds.pipeline.memberships import memberships
from feeds.pipeline.plan import planned_feed
from feeds.pipeline.run import Snapshot, with_snapshot
from feeds.pipeline.run import publish_feeds as publish_pass
from feeds.select.reasons import Reason

__all__ = [
    "BusyError",
    "Callbacks",
    "CheckReport",
    "Config",
    "ConfigError",
    "Document",
    "Explanation",
    "FeedReport",
    "FeedsError",
    "HeldReport",
    "Loaded",
    "Options",
    "PassReport",
    "Problem",
    "PublishError",
    "Reason",
    "SeedsFolderError",
    "StateError",
    "TemplateError",
    "UnknownFeedError",
    "UnknownSeedError",
    "check",
    "explain",
    "kind_of",
    "load_config",
    "publish_pass",
    "render_feed",
]


def render_feed(
    loaded: Loaded, address: str, extension: str = "atom", callbacks: Callbacks = NO_CALLBACKS
) -> Document:
    """Returns a document of a feed as a pass would publish it now; writes nothing.

    Images are as the last pass or fetch left them. The address is that of the feed below out/, or
    a former one ("all", "topics/ai"); the extension is atom, rss, json or html.

    Raises:
        UnknownFeedError: there is no such feed, or it has no such document.
        SeedsFolderError: a folder of seeds cannot be listed.
    """
    return with_snapshot(loaded, callbacks, lambda snapshot: _render(snapshot, address, extension))


def _render(snapshot: Snapshot, address: str, extension: str) -> Document:
    from feeds.render.documents import render_job

    run, state, changes, _ = snapshot
    selection = memberships(run, state, changes)
    found = {one: feed for feed in selection.feeds for one in (feed.address, *feed.aliases)}
    if address not in found:
        hint = did_you_mean(address, found, quoted=True)
        raise UnknownFeedError(f"there is no feed at {address!r}{hint}")
    stale = planned_feed(run, state, selection, found[address])
    documents = {one.path: one for one in render_job(stale.job(run.store))}
    path = f"{address}.{extension}"
    if path not in documents:
        raise UnknownFeedError(f"the feed at {address!r} has no document {path!r}")
    return documents[path]
