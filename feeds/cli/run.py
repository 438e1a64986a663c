"""``feeds run``: the daemon."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from feeds.cli.main import add_config, add_flags, add_logging, add_out, start_log
from feeds.cli.parser import NORMAL, QUIET, VERBOSE

_LOUDNESS = {QUIET: ["--quiet"], NORMAL: [], VERBOSE: ["--verbose"]}


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    add_config(parser)
    add_out(parser)
    add_flags(parser, serve="serve the published feeds over HTTP, too")
    add_logging(parser)


def run(arguments: Namespace) -> int:
    """Runs passes on the schedule until SIGTERM or SIGINT."""
    # Imported on demand: whoever asks for help needs none of it.
    from feeds.config import load_config
    from feeds.daemon.daemon import Daemon
    from feeds.daemon.processes import ServerProcess

    log, server = start_log(arguments), None
    if arguments.serve:
        load_config(arguments.config).with_out(arguments.out).refuse_objects()
        # Two processes write to one log.
        log = log.bind(process="daemon")
        server = ServerProcess(_server_arguments(arguments), log)
    Daemon(arguments.config, arguments.out, log, server).run()
    return 0


def _server_arguments(arguments: Namespace) -> list[str]:
    given = ["--config", str(arguments.config)]
    if arguments.out:
        given += ["--out", str(arguments.out)]
    given += ["--color", arguments.color, *_LOUDNESS[arguments.loudness]]
    for flag in ("log_json", "debug"):
        if getattr(arguments, flag):
            given.append(f"--{flag.replace('_', '-')}")
    return given
