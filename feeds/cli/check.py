"""``feeds check``: reads everything, writes nothing, lists all problems."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from feeds.cli.console import Console
from feeds.cli.main import add_config, add_json
from feeds.config import load_config
from feeds.pipeline.check import check


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    add_config(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    """Checks configuration and seeds; 1 if a seed, or a part of one, cannot be used."""
    console = Console.of(arguments)
    loaded = load_config(arguments.config)
    with console.listening() as callbacks:
        report = check(loaded, callbacks)
    console.problems(report.problems)
    for hint in report.hints:
        console.warn(f"{arguments.config}: {hint}")
    errors = sum(problem.severity == "error" for problem in report.problems)
    console.say(
        f"{report.seeds} seeds, {report.items} usable: {errors} errors, "
        f"{len(report.problems) - errors} warnings"
    )
    console.report(report)
    return 1 if report.problems or report.too_many_feeds else 0
