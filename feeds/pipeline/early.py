"""Starts early what the processes of a first pass are forked from.

That loads their modules, which takes as long as a pass takes to begin, so both happen at once.
"""

from __future__ import annotations

import os
from itertools import islice

from feeds.common.child import fork_context, preload
from feeds.config import Config
from feeds.seeds import WORTH_PROCESSES

# The modules that processes need which read seeds or render feeds.
WORKER_MODULES = (
    *("feeds.seeds.read", "feeds.pipeline.first", "ryml"),
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
