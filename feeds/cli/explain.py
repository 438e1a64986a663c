"""``feeds explain``: why a story is in a feed or not, or what a feed asks of stories."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator

from feeds.cli.console import Console
from feeds.cli.options import NORMAL
from feeds.common.model import Item, ItemHeader
from feeds.common.times import from_unix, show_time
from feeds.config import load_config
from feeds.pipeline.explain_feed import NEAREST, FeedExplanation, StoryNote, explained_any
from feeds.pipeline.explain_story import Explained, Explanation
from feeds.store.withdrawals import WithdrawnStory

_ALL = 1_000_000


def run_explain(arguments: Namespace, console: Console) -> None:
    """Explains every seed, or else every feed, that the argument names."""
    loaded = load_config(arguments.config)
    nearest = _ALL if console.loudness > NORMAL else NEAREST
    with console.listening() as callbacks:
        found = explained_any(loaded, arguments.name, callbacks, nearest)
    for one in found:
        for line in _feed_lines(one) if isinstance(one, FeedExplanation) else _lines(one):
            console.show(line)
    console.report([one.explanation if isinstance(one, Explained) else one for one in found])


def _feed_lines(feed: FeedExplanation) -> Iterator[str]:
    yield feed.title
    yield f"  address   {feed.address}"
    yield f"  link      {feed.url}"
    more = f", {feed.exposed} of them because they qualified recently (exposure)"
    yield f"  entries   {feed.entries}{more if feed.exposed else ''}; max_items {feed.max_items}"
    if feed.left_out:
        yield f"  left out  {feed.left_out} that qualified recently (max_exposed)"
    for one in feed.thresholds:
        needs = "is excluded" if one.excluded else f"needs quality {one.min_quality}"
        yield f"  {one.stories} {needs}, set by {one.source}"
    yield ""
    if feed.last_pass is None:
        yield "  no pass has run yet"
    else:
        yield from _changes(feed, show_time(feed.last_pass))
    yield "  nearest misses:" if feed.missed else "  no story misses it by its quality"
    yield from (f"    {_story(one)}" for one in feed.missed)
    yield ""


def _changes(feed: FeedExplanation, time: str) -> Iterator[str]:
    """Yields what came and went with the last pass that changed anything."""
    if not feed.came and feed.went == []:
        yield f"  the pass of {time} moved no story in or out"
        return
    anew = " judged every story anew, so what went is not known" if feed.went is None else ""
    yield f"  the pass of {time}{anew}{':' if feed.came or feed.went else ''}"
    yield from (f"    came: {_story(one)}" for one in feed.came)
    yield from (f"    went: {_story(one)}" for one in feed.went or ())


def _story(one: StoryNote) -> str:
    name = f"{one.title} ({one.seed})" if one.seed else one.id
    return f"{name}: {one.why}" if one.why else name


def _lines(one: Explained) -> Iterator[str]:
    explanation, header, item = one
    if explanation.withdrawn and header is None:
        yield explanation.title
        yield f"  id        {explanation.id}"
        yield f"  {_withdrawn(explanation.withdrawn)}"
        return
    if header is None or item is None:
        yield f"{explanation.seed}: no feed can have this story, since its seed cannot be used:"
        yield from (f"  {problem}" for problem in explanation.problems)
        return
    yield from _item_lines(header, item)
    yield from _reason_lines(explanation)


def _withdrawn(story: WithdrawnStory) -> str:
    why = f": {story.reason}" if story.reason else ""
    return f"withdrawn {show_time(story.at)}, {story.why}{why}"


def _item_lines(header: ItemHeader, item: Item) -> Iterator[str]:
    heat = "unknown" if header.heat == -1 else str(header.heat)
    yield item.title
    yield f"  seed      {header.path}"
    yield f"  id        {header.id}"
    yield f"  link      {item.url}"
    yield f"  dated     {show_time(from_unix(header.dated))}"
    if header.history and header.history.published != header.dated:
        shown_as = show_time(from_unix(header.history.published))
        yield f"  shown as  {shown_as} (the date that readers saw first; it never moves)"
    provider = f"{item.provider.name} ({item.provider.domain})"
    yield f"  quality   {header.quality}, heat {heat}, provider {provider}"


def _reason_lines(explanation: Explanation) -> Iterator[str]:
    problems, reasons = explanation.problems, explanation.feeds
    if explanation.withdrawn:
        yield f"  {_withdrawn(explanation.withdrawn)}"
    yield from (f"  {problem}" for problem in problems)
    if any(problem.severity == "error" for problem in problems):
        yield "  the seed cannot be used as it is: the feeds keep its last good state"
    yield ""
    width = max(len(reason.address) for reason in reasons)
    for reason in reasons:
        verdict = "in: " if reason.inside else "out:"
        yield f"  {reason.address:<{width}}  {verdict} {reason.words}"
    yield ""
