"""One running pass: its store, configuration, options and time."""

from __future__ import annotations

import hashlib
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from feeds import __version__
from feeds.common.files import Templates, read_templates
from feeds.common.reports import Callbacks, Clock, Options
from feeds.common.times import to_unix
from feeds.config import Config, Loaded
from feeds.publish.compressed import copy_recipe
from feeds.render.context import RENDER_VERSION
from feeds.select.membership import SELECTION_VERSION
from feeds.store import Store

# The modules that processes need which read seeds or render feeds.
WORKER_MODULES = ("feeds.seeds.read", "feeds.render.documents", "ftfy", "ryml")


class Pass(NamedTuple):
    """One pass over one open store.

    The pass began at `started`, and at `began_s` by `time.monotonic`. `key` is its `config_key`.
    """

    store: Store
    loaded: Loaded
    options: Options
    callbacks: Callbacks
    started: datetime
    began_s: float
    templates: Templates
    key: bytes

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


def prepare_workers() -> None:
    """Has the processes that read and render start with their modules loaded."""
    # Imported on demand: a pass that changes nothing starts no process.
    from feeds.common.child import preload

    preload(*WORKER_MODULES)


def begin_pass(
    store: Store, loaded: Loaded, options: Options, callbacks: Callbacks, clock: Clock
) -> Pass:
    """Returns a pass that begins now.

    Raises:
        ConfigError: a template cannot be read.
    """
    site, folder = loaded.config.site, loaded.config.paths.templates
    templates = read_templates(folder) if site.pages else ()
    key = config_key(loaded.config, templates)
    return Pass(store, loaded, options, callbacks, clock(), time.monotonic(), templates, key)


def config_key(config: Config, templates: Templates) -> bytes:
    """Returns a digest of all inputs of a pass, except the seeds."""
    versions = f"{__version__} {SELECTION_VERSION} {RENDER_VERSION} {copy_recipe()}"
    key = f"{versions} {config!r} {templates!r}"
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()
