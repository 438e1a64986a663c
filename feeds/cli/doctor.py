"""``feeds doctor``: looks at the site on this machine, and at the running one as readers do."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from urllib.parse import urlsplit

from feeds.cli.console import Console
from feeds.cli.main import add_config, add_json, add_out
from feeds.common.reports import Finding, bad, good, odd, utc_now
from feeds.common.schedule import running_daemon
from feeds.config import Config, load_config

_MARKS = {"ok": "ok     ", "warning": "warning", "error": "error  "}


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    text = "the address of the running site (default: site.base_url)"
    parser.add_argument("url", nargs="?", type=_url, metavar="URL", help=text)
    add_config(parser)
    add_out(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    """Tells what was found; 1 if something does not work."""
    from feeds.pipeline.doctor import examine_site
    from feeds.publish.visit import visit

    console = Console.of(arguments)
    loaded = load_config(arguments.config).with_out(arguments.out)
    found: list[Finding] = []
    for some in (
        examine_site(loaded, utc_now()),
        _passes(loaded.config),
        visit(loaded.config, arguments.url or ""),
    ):
        for one in some:
            found.append(one)
            console.show(f"{_MARKS[one.severity]}  {one.subject}: {one.text}")
            if one.advice:
                console.show(f"         do: {one.advice}")
    console.report(found)
    return 1 if any(one.severity == "error" for one in found) else 0


def _passes(config: Config) -> Iterator[Finding]:
    from feeds.serve.monitoring import health_of

    daemon, health = running_daemon(config.paths.out), health_of(config, utc_now())
    if health.ok:
        text = f"process {daemon.pid} runs passes" if daemon else "passes come as scheduled"
        yield good("daemon", text)
    elif daemon is None:
        advice = "start 'feeds run', or let cron run 'feeds export'"
        yield odd("daemon", f"none is running; {health.reason}", advice)
    else:
        yield bad("daemon", health.reason, f"look at the log of process {daemon.pid}")


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 (raises)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ArgumentTypeError(f"found {text!r}, wanted an address such as https://example.org/")
    return text
