"""``feeds doctor``: looks at the site, as readers do too, and says what to mend."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from itertools import chain

from feeds.cli.console import Console
from feeds.common.daemon_status import running_daemon
from feeds.common.reports import Finding, bad, good, odd, utc_now
from feeds.config import Config, load_config
from feeds.pipeline.doctor import examine_site
from feeds.publish.live_site import visit
from feeds.serve.monitoring import health_of


def run_doctor(arguments: Namespace, console: Console) -> int:
    """Tells what was found; 1 if something does not work."""
    loaded = load_config(arguments.config).with_out(arguments.out)
    found: list[Finding] = []
    config = loaded.config
    site, seen = examine_site(loaded, utc_now()), visit(config, arguments.site or "")
    for one in chain(site, _passes(config), seen):
        found.append(one)
        console.show(f"{one.severity:<7}  {one.subject}: {one.text}")
        if one.advice:
            console.show(f"         do: {one.advice}")
    console.report(found)
    return 1 if any(one.severity == "error" for one in found) else 0


def _passes(config: Config) -> Iterator[Finding]:
    daemon, health = running_daemon(config.paths.out), health_of(config, utc_now())
    if health.ok:
        text = f"process {daemon.pid} runs passes" if daemon else "passes come as scheduled"
        yield good("daemon", text)
    elif daemon is None:
        advice = "start 'feeds run', or let cron run 'feeds export'"
        yield odd("daemon", f"none is running; {health.reason}", advice)
    else:
        yield bad("daemon", health.reason, f"look at the log of process {daemon.pid}")
