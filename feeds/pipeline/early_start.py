"""Loads early what a first pass needs later, on a core that would be idle else.

The server from which its processes are forked loads their modules, which takes as long as the pass
takes to begin. This process loads what renders feeds while SQLite works.
"""

from __future__ import annotations

import os
from importlib import import_module
from itertools import islice
from threading import Thread

from feeds.common.child import fork_context, preload
from feeds.config import Config
from feeds.seeds import WORTH_PROCESSES

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
    names = (name for folder in paths.folders for *_, files in os.walk(folder) for name in files)
    if any(islice(names, WORTH_PROCESSES - 1, None)):
        preload(*WORKER_MODULES)
        fork_context(())


def load_renderers() -> None:
    """Loads what renders feeds in a thread; whoever imports it meanwhile waits for that."""
    Thread(target=import_module, args=("feeds.render.overviews",), daemon=True).start()
