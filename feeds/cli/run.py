"""``feeds run``: runs passes on a schedule until it is stopped, with a server beside if wanted."""

from __future__ import annotations

from argparse import Namespace

from feeds.cli.console import Console, start_log
from feeds.cli.options import NORMAL, QUIET, VERBOSE
from feeds.config import load_config
from feeds.daemon.daemon import Daemon
from feeds.daemon.processes import ServerProcess

_LOUDNESS = {QUIET: ["--quiet"], NORMAL: [], VERBOSE: ["--verbose"]}


def run_run(arguments: Namespace, _: Console) -> None:
    """Runs passes on the schedule until SIGTERM or SIGINT."""
    log, server = start_log(arguments), None
    if arguments.serve:
        load_config(arguments.config).with_out(arguments.out).refuse_objects()
        # Two processes write to one log.
        log = log.bind(process="daemon")
        server = ServerProcess(_server_arguments(arguments), log)
    Daemon(arguments.config, arguments.out, log, server).run()


def _server_arguments(arguments: Namespace) -> list[str]:
    given = ["--config", str(arguments.config)]
    if arguments.out:
        given += ["--out", str(arguments.out)]
    given += ["--color", arguments.color, *_LOUDNESS[arguments.loudness]]
    for flag in ("log_json", "debug"):
        if getattr(arguments, flag):
            given.append(f"--{flag.replace('_', '-')}")
    return given
