"""``feeds explain``: why a story is, or is not, in each feed."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from feeds.cli.console import Console
from feeds.cli.main import add_config, add_json
from feeds.common.model import Item, ItemHeader
from feeds.common.times import from_unix, show_time
from feeds.config import load_config
from feeds.pipeline.explain import Explained, Explanation, explained


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("story", metavar="SEED|URL|ID", help="a seed's path, URL or urn:uuid id")
    add_config(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    """Explains every seed that the argument names."""
    console = Console.of(arguments)
    loaded = load_config(arguments.config)
    with console.listening() as callbacks:
        found = explained(loaded, arguments.story, callbacks)
    for one in found:
        for line in _lines(one):
            console.show(line)
    console.report([one.explanation for one in found])
    return 0


def _lines(one: Explained) -> Iterator[str]:
    explanation, header, item = one
    if header is None or item is None:
        yield f"{explanation.seed}: no feed can have this story, since its seed cannot be used:"
        yield from (f"  {problem}" for problem in explanation.problems)
        return
    yield from _item_lines(header, item)
    yield from _reason_lines(explanation)


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
    yield from (f"  {problem}" for problem in problems)
    if any(problem.severity == "error" for problem in problems):
        yield "  the seed cannot be used as it is: the feeds keep its last good state"
    yield ""
    width = max(len(reason.address) for reason in reasons)
    for reason in reasons:
        verdict = "in: " if reason.inside else "out:"
        yield f"  {reason.address:<{width}}  {verdict} {reason.words}"
    yield ""
