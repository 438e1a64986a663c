"""``feeds serve``: out/ over HTTP."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from feeds.cli.main import add_config, add_logging, add_out, start_log
from feeds.cli.parser import port
from feeds.common.errors import ConfigError
from feeds.common.files import Fingerprint
from feeds.common.schedule import WATCHED

if TYPE_CHECKING:
    from feeds.config import Loaded


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    add_config(parser)
    add_out(parser)
    parser.add_argument("--host", metavar="HOST", help="instead of serve.host")
    parser.add_argument("--port", type=port, metavar="PORT", help="instead of serve.port")
    add_logging(parser)


def run(arguments: Namespace) -> int:
    """Serves until SIGTERM or SIGINT."""
    # Imported on demand: whoever asks for help needs none of it.
    from feeds.serve.server import run_server

    watched = WATCHED in os.environ
    log = start_log(arguments)
    if watched:
        log = log.bind(process="server")
    seen = Fingerprint.of(arguments.config)
    config = _load(arguments).config

    def reload(*, asked: bool) -> Loaded | None:
        nonlocal seen
        if Fingerprint.of(arguments.config) == seen and not asked:
            return None
        seen = Fingerprint.of(arguments.config)
        try:
            return _load(arguments)
        except ConfigError as error:
            faults = error.faults
        for fault in () if watched else faults:  # the daemon logs them, too
            log.error("configuration not reloaded, the old one stays", fault=fault)
        return None

    run_server(config, reload, log)
    return 0


def _load(arguments: Namespace) -> Loaded:
    from msgspec.structs import replace

    from feeds.config import load_config

    loaded = load_config(arguments.config).with_out(arguments.out)
    loaded.refuse_objects()
    given = {name: value for name in ("host", "port") if (value := getattr(arguments, name))}
    serve = replace(loaded.config.serve, **given)
    return loaded._replace(config=replace(loaded.config, serve=serve))
