"""``feeds preview``: how the site would look, in a browser, while one writes."""

from __future__ import annotations

import tempfile
import webbrowser
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from feeds.cli.console import Console
from feeds.cli.main import add_config, add_flags
from feeds.cli.parser import port
from feeds.common.errors import ConfigError, FeedsError

if TYPE_CHECKING:
    from feeds.common.reports import Options
    from feeds.config import Loaded
    from feeds.serve.preview import PreviewServer

# So often the configuration is looked at, in seconds.
_LOOK_S = 0.2
# An editor has saved a file when nothing changes for so long.
_QUIET_MS = 60


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the options."""
    add_config(parser)
    parser.add_argument(
        "--port", type=port, default=0, metavar="PORT", help="where to serve (default: a free one)"
    )
    add_flags(
        parser,
        drafts="show stories that are not published, too, marked as drafts",
        no_open="do not open a browser",
    )


def run(arguments: Namespace) -> int:
    """Shows the site until it is interrupted; nothing of it reaches out/ or the state file."""
    # Imported on demand, as below: whoever asks for help needs none of it.
    from feeds.serve.preview import PreviewServer

    with tempfile.TemporaryDirectory(prefix="feeds-preview-") as name:
        folder = Path(name).resolve()
        try:
            server = PreviewServer(folder / "out", arguments.port)
        except OSError as error:
            raise ConfigError([f"--port {arguments.port}: {error.strerror or error}"]) from None
        with suppress(KeyboardInterrupt), closing(server):
            _show(arguments, folder, server)
    return 0


def _show(arguments: Namespace, folder: Path, server: PreviewServer) -> None:
    """Publishes to the folder whenever something is saved."""
    from feeds.common.files import Fingerprint
    from feeds.common.reports import Options
    from feeds.config import load_config
    from feeds.daemon.triggers import PassWish, Watcher, told_paths

    console, wish = Console.of(arguments), PassWish()
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
            watcher.follow(_folders(loaded))
            if wish.is_wanted:
                told = told_paths(wish.take(), loaded.config.paths.folders)
                options = Options(allow_empty=True, drafts=arguments.drafts, changed=told)
                problems = faults or _publish(loaded, folder, server.url, options)
                server.tell(problems)
                console.say(f"preview at {server.url}, problems: {len(problems)}")
                if not is_open:
                    is_open = True
                    webbrowser.open(server.url)
            wish.wait(_LOOK_S)


def _folders(loaded: Loaded) -> list[Path]:
    paths = loaded.config.paths
    return [*paths.folders, *([paths.templates] if paths.templates else [])]


def _publish(loaded: Loaded, folder: Path, url: str, options: Options) -> Sequence[str]:
    """Publishes to the folder, as the site at this URL; returns what is wrong, in lines."""
    from msgspec.structs import replace

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
