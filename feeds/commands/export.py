"""``feeds export``: one pass."""

from __future__ import annotations

from argparse import Namespace

from feeds.config import Loaded, load_config
from feeds.console import Console
from feeds.passes import Options
from feeds.pipeline import publish_pass
from feeds.report import PassReport


def run(arguments: Namespace) -> int:
    """Publishes once; with ``--strict`` problems make the exit code 1."""
    console = Console(json=arguments.json)
    loaded = load_config(arguments.config)
    if arguments.out:
        loaded = loaded.with_out(arguments.out)
    options = Options(
        full=arguments.full, allow_empty=arguments.allow_empty, dry_run=arguments.dry_run
    )
    with console.listening() as ears:
        report = publish_pass(loaded, options, ears)
    console.problems(report.problems)
    _summarise(console, report)
    console.report(report)
    if report.pings and not report.dry_run:
        _push(console, loaded)
    return 1 if arguments.strict and report.problems else 0


def _push(console: Console, loaded: Loaded) -> None:
    """Tells hubs what changed; what they do not take is remembered for the next run."""
    from feeds.push import push_once  # on demand: most runs have nothing to tell

    pushed = push_once(loaded)
    for one in pushed.rounds:
        for loss in one.losses:
            console.warn(f"the hub {one.hub} is not told of {loss}")
        if one.sent:
            console.say(f"told {one.hub} of {one.sent} documents")
    errors = {one.hub: one.error for one in pushed.rounds}
    for hub in pushed.left:
        error = errors.get(hub.hub) or hub.error
        why = f" ({error})" if error else ""
        console.say(
            f"{hub.hub} is still to be told of {hub.pending} documents{why}; "
            "the next run tries again"
        )


def _summarise(console: Console, report: PassReport) -> None:
    would = "would be " if report.dry_run else ""
    console.say(
        f"{report.seeds} seeds ({report.read} read, {report.gone} gone, {report.bad} bad), "
        f"{report.items} items"
    )
    if report.dry_run:
        for name in report.written:
            console.say(f"would write {name}")
        for name in report.removed:
            console.say(f"would remove {name}")
    for feed in report.feeds:
        if feed.left_out:
            console.warn(
                f"{feed.address}: {feed.left_out} items qualified lately and found no room "
                "(selection.max_exposed)"
            )
    console.say(
        f"{len(report.feeds)} feeds in {report.out}: {len(report.written)} documents "
        f"{would}written, {len(report.removed)} {would}removed, {report.unchanged} unchanged "
        f"({report.seconds:.2f} s)"
    )
