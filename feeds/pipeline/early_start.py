"""Loads early what a first pass needs later, on a core that would be idle else.

The server from which its processes are forked loads their modules, which takes as long as the pass
takes to begin. This process loads what renders feeds while SQLite works.
"""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import import_module
from itertools import islice
from threading import Thread

from feeds.common.child_process import fork_context, preload
from feeds.config import Config
from feeds.seeds import WORTH_PROCESSES
from feeds.seeds.scan import SUFFIXES

# The modules that processes need which read seeds or render feeds.
WORKER_MODULES = (
    *("feeds.seeds.read", "feeds.pipeline.first_pass", "ryml"),
    *("feeds.render.documents", "feeds.pipeline.rendering"),
)


def start_early(config: Config) -> None:
    """Starts the server that processes are forked from, if a first pass is to read many seeds."""
    paths = config.paths
    if config.engine.kind == "dask" or os.cpu_count() == 1 or paths.state.exists():
        return
    files = (name for folder in paths.folders for *_, names in os.walk(folder) for name in names)
    seeds = (name for name in files if name.endswith(SUFFIXES))
    if any(islice(seeds, WORTH_PROCESSES - 1, None)):
        preload(*WORKER_MODULES)
        # Whoever needs a process tries again, and says what is wrong.
        with suppress(EOFError, OSError):
            fork_context(())


def load_renderers() -> None:
    """Loads what renders feeds in a thread; whoever imports it meanwhile waits for that."""

    def load() -> None:
        # An interrupt may leave an import of the main thread half done, which meets a fault itself.
        with suppress(Exception):
            import_module("feeds.render.overviews")

    Thread(target=load, daemon=True).start()
