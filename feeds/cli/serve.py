"""``feeds serve``: serves the published feeds over HTTP."""

from __future__ import annotations

import os
from argparse import Namespace

from msgspec.structs import replace

from feeds.cli.console import Console, start_log
from feeds.common.daemon_status import WATCHED
from feeds.common.errors import ConfigError
from feeds.common.files import Fingerprint
from feeds.config import Loaded, load_config
from feeds.serve.server import run_server


def run_serve(arguments: Namespace, _: Console) -> None:
    """Serves until SIGTERM or SIGINT."""
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


def _load(arguments: Namespace) -> Loaded:
    loaded = load_config(arguments.config).with_out(arguments.out)
    loaded.refuse_objects()
    given = {name: value for name in ("host", "port") if (value := getattr(arguments, name))}
    serve = replace(loaded.config.serve, **given)
    return loaded._replace(config=replace(loaded.config, serve=serve))
