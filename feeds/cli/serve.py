"""``feeds serve``: out/ over HTTP."""

from __future__ import annotations

from argparse import Namespace

from feeds.common.errors import ConfigError
from feeds.common.files import Fingerprint
from feeds.config import Loaded, load_config
from feeds.daemon.log import start_logging
from feeds.serve.server import run_server


def run(arguments: Namespace) -> int:
    """Serves until SIGTERM or SIGINT."""
    log = start_logging(as_json=arguments.log_json, debug=arguments.debug)
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
        for fault in faults:
            log.error("configuration not reloaded, the old one stays", fault=fault)
        return None

    run_server(config, reload, log)
    return 0


def _load(arguments: Namespace) -> Loaded:
    loaded = load_config(arguments.config)
    if arguments.out:
        loaded = loaded.with_out(arguments.out)
    given = {name: value for name in ("host", "port") if (value := getattr(arguments, name))}
    serve = loaded.config.serve.model_copy(update=given)
    return loaded._replace(config=loaded.config.model_copy(update={"serve": serve}))
