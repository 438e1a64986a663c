"""``feeds preview``: shows the site in a browser while seeds are written; publishes nothing."""

from __future__ import annotations

import tempfile
import webbrowser
from argparse import Namespace
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from msgspec.structs import replace

from feeds.cli.console import Console
from feeds.common.errors import ConfigError, FeedsError
from feeds.common.files import Fingerprint
from feeds.common.reports import Options
from feeds.config import Loaded, load_config
from feeds.daemon.triggers import PassWish, Watcher, told_paths
from feeds.pipeline.run import publish_feeds
from feeds.serve.preview import PreviewServer

# So often the configuration is looked at, in seconds.
_LOOK_S = 0.2
# An editor has saved a file when nothing changes for so long.
_QUIET_MS = 60


def run_preview(arguments: Namespace, console: Console) -> None:
    """Shows the site until it is interrupted; nothing of it reaches out/ or the state file."""
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
    config = loaded.config
    paths = replace(config.paths, out=folder / "out", objects="", state=folder / "state.db")
    site = replace(config.site, base_url=url, pages=True, hub=())
    there = replace(config, paths=paths, site=site, state=replace(config.state, backup=None))
    try:
        report = publish_feeds(loaded._replace(config=there), options)
    except FeedsError as error:
        return str(error).splitlines()
    return [str(problem) for problem in report.problems]
