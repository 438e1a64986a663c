"""``feeds run``: the daemon."""

from __future__ import annotations

from argparse import Namespace

from feeds.daemon.logs import start_logging
from feeds.daemon.service import Daemon


def run(arguments: Namespace) -> int:
    """Runs passes on the schedule until SIGTERM or SIGINT."""
    log = start_logging(as_json=arguments.log_json, debug=arguments.debug)
    Daemon(arguments.config, arguments.out, log).run()
    return 0
