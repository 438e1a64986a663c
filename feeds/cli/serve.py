"""``feeds run``, ``serve`` and ``preview``: what goes on until it is stopped.

What only one of them needs is imported by it: a daemon that serves nothing stays small.
"""

from __future__ import annotations

import os
import sys
import tempfile
import webbrowser
from argparse import Namespace
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from feeds.cli.console import Console, is_colored
from feeds.cli.options import NORMAL, QUIET, VERBOSE
from feeds.common.errors import ConfigError, FeedsError
from feeds.common.files import Fingerprint
from feeds.common.reports import Options
from feeds.common.schedule import WATCHED
from feeds.config import Loaded, load_config
from feeds.daemon.log import Log, start_logging

if TYPE_CHECKING:
    from feeds.serve.preview import PreviewServer

_LOUDNESS = {QUIET: ["--quiet"], NORMAL: [], VERBOSE: ["--verbose"]}
# So often the configuration is looked at, in seconds.
_LOOK_S = 0.2
# An editor has saved a file when nothing changes for so long.
_QUIET_MS = 60


def _start_log(arguments: Namespace) -> Log:
    """Returns the log that the options ask for."""
    return start_logging(
        as_json=arguments.log_json,
        debug=arguments.debug or arguments.loudness > NORMAL,
        quiet=arguments.loudness < NORMAL,
        colors=is_colored(sys.stderr, arguments.color),
    )


def run_run(arguments: Namespace, _: Console) -> None:
    """Runs passes on the schedule until SIGTERM or SIGINT."""
    from feeds.daemon.daemon import Daemon
    from feeds.daemon.processes import ServerProcess

    log, server = _start_log(arguments), None
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


def run_serve(arguments: Namespace, _: Console) -> None:
    """Serves until SIGTERM or SIGINT."""
    from feeds.serve.server import run_server

    watched = WATCHED in os.environ
    log = _start_log(arguments)
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


def run_preview(arguments: Namespace, console: Console) -> None:
    """Shows the site until it is interrupted; nothing of it reaches out/ or the state file."""
    from feeds.serve.preview import PreviewServer

    with tempfile.TemporaryDirectory(prefix="feeds-preview-") as name:
        folder, port = Path(name).resolve(), arguments.port or 0
        try:
            server = PreviewServer(folder / "out", port)
        except OSError as error:
            raise ConfigError([f"--port {port}: {error.strerror or error}"]) from None
        with suppress(KeyboardInterrupt), closing(server):
            _show(arguments, console, folder, server)


def _show(arguments: Namespace, console: Console, folder: Path, server: PreviewServer) -> None:
    """Publishes to the folder whenever something is saved."""
    from feeds.daemon.triggers import PassWish, Watcher, told_paths

    wish = PassWish()
    loaded, seen = load_config(arguments.config), Fingerprint.of(arguments.config)
    faults: Sequence[str] = ()
    is_open = arguments.no_open
    wish.add(None)
    with closing(Watcher(wish.add, console.warn, _QUIET_MS)) as watcher:
        while True:
            if Fingerprint.of(arguments.config) != seen:
                seen = Fingerprint.of(arguments.config)
                wish.add(None)
                try:
                    loaded, faults = load_config(arguments.config), ()
                except ConfigError as error:
                    faults = error.faults
            paths = loaded.config.paths
            watcher.follow([*paths.folders, *filter(None, [paths.templates])])
            if wish.is_wanted:
                told = told_paths(wish.take(), paths.folders)
                options = Options(allow_empty=True, drafts=arguments.drafts, changed=told)
                problems = faults or _publish(loaded, folder, server.url, options)
                server.tell(problems)
                console.say(f"preview at {server.url}, problems: {len(problems)}")
                if not is_open:
                    is_open = True
                    webbrowser.open(server.url)
            wish.wait(_LOOK_S)


def _publish(loaded: Loaded, folder: Path, url: str, options: Options) -> Sequence[str]:
    """Publishes to the folder, as the site at this URL; returns what is wrong, in lines."""
    from feeds.pipeline.run import publish_feeds

    config = loaded.config
    paths = replace(config.paths, out=folder / "out", objects="", state=folder / "state.db")
    site = replace(config.site, base_url=url, pages=True, hub=())
    there = replace(config, paths=paths, site=site, state=replace(config.state, backup=None))
    try:
        report = publish_feeds(loaded._replace(config=there), options)
    except FeedsError as error:
        return str(error).splitlines()
    return [str(problem) for problem in report.problems]
