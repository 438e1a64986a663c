"""One running pass: its store, configuration, options and time."""

from __future__ import annotations

import hashlib
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from feeds import __version__
from feeds.common.files import Templates, read_templates
from feeds.common.reports import Callbacks, Clock, Options
from feeds.common.times import to_unix
from feeds.config import Config, Loaded
from feeds.config.model import TLS_FILES, EngineConfig
from feeds.publish.compression import copy_recipe
from feeds.render.context import RENDER_VERSION
from feeds.select.qualify import SELECTION_VERSION
from feeds.store import Store

if TYPE_CHECKING:
    from feeds.common.dask_cluster import Cluster
    from feeds.common.workers import Engine


class Pass(NamedTuple):
    """One pass over one open store.

    The pass began at `started`, and at `began_s` by `time.monotonic`. `key` is its `config_key`.
    Without a `cluster` work is spread over processes of this machine.
    """

    store: Store
    loaded: Loaded
    options: Options
    callbacks: Callbacks
    started: datetime
    began_s: float
    templates: Templates
    key: bytes
    cluster: Cluster | None = None

    @property
    def config(self) -> Config:
        """The configuration."""
        return self.loaded.config

    @property
    def base(self) -> Path:
        """The folder from which people see the seeds."""
        return self.loaded.base

    @property
    def now(self) -> int:
        """When the pass began, in seconds since 1970."""
        return to_unix(self.started)

    @property
    def out(self) -> Path:
        """The folder that is published to."""
        return self.config.paths.out


def engine_of(run: Pass, kind: str) -> Engine | None:
    """Prepares for one kind of work, and returns what it is spread over; None for processes."""
    if run.cluster:
        return run.cluster.doing(kind)
    # Imported on demand: a pass that changes nothing starts no process.
    from feeds.common.child_process import preload
    from feeds.pipeline.early_start import WORKER_MODULES

    preload(*WORKER_MODULES)
    return None


def _cluster_of(engine: EngineConfig) -> Cluster | None:
    """Returns the cluster of a pass that begins, None for processes of this machine."""
    if engine.kind != "dask":
        return None
    from feeds.common.dask_cluster import ClusterAddress, cluster_at

    files = (str(getattr(engine, name) or "") for name in TLS_FILES)
    limit = engine.no_workers.total_seconds()
    cluster = cluster_at(ClusterAddress(engine.address, limit, *files))
    cluster.counts.clear()
    return cluster


def begin_pass(
    store: Store, loaded: Loaded, options: Options, callbacks: Callbacks, clock: Clock
) -> Pass:
    """Returns a pass that begins now.

    Raises:
        ConfigError: a template cannot be read, or what the engine needs is not installed.
    """
    cluster = _cluster_of(loaded.config.engine)
    site, folder = loaded.config.site, loaded.config.paths.templates
    templates = read_templates(folder) if site.pages else ()
    key = config_key(loaded.config, templates)
    began = clock(), time.monotonic()
    return Pass(store, loaded, options, callbacks, *began, templates, key, cluster)


def config_key(config: Config, templates: Templates) -> bytes:
    """Returns a digest of all inputs of a pass, except the seeds."""
    versions = f"{__version__} {SELECTION_VERSION} {RENDER_VERSION} {copy_recipe()}"
    key = f"{versions} {config!r} {templates!r}"
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()
