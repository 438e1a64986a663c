"""Looks at a site on this machine, for `feeds doctor`: folders, disk, clock, state and hubs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from feeds.common.errors import FeedsError
from feeds.common.reports import Finding, HubReport, PassReport, bad, good, odd
from feeds.common.store_protocols import HUBS_MOVED, REPORT
from feeds.common.times import show_time
from feeds.common.urls import is_own_host, shown_url
from feeds.config import Config, Loaded
from feeds.seeds.listing import list_objects
from feeds.seeds.scan import SUFFIXES
from feeds.store import Store
from feeds.store.server_files import with_state

_LOW_BYTES, _LOW_FILES = 200 << 20, 1000
_LATE = timedelta(minutes=1)
_PATIENCE_S = 10.0


def examine_site(loaded: Loaded, now: datetime) -> Iterator[Finding]:
    """Yields what is to be said of the machine's side of a site; writes nothing."""
    config = loaded.config
    yield good("configuration", str(loaded.path))
    if is_own_host(urlsplit(config.site.base_url).hostname):
        text = f"the feeds say that they are at {config.site.base_url}, which nobody else can reach"
        yield odd("configuration", text, "set site.base_url to where out/ is served")
    yield from _folders(config)
    if config.paths.objects:
        yield _bucket(config.paths.objects)
    yield from _disk(config)
    yield from _state(config, now)


def _folders(config: Config) -> Iterator[Finding]:
    paths = config.paths
    yield from _objects(paths.prefixes)
    for folder in paths.folders:
        try:
            next(folder.iterdir(), None)  # os.walk passes over what it cannot list
            files = sum(name.endswith(SUFFIXES) for *_, names in os.walk(folder) for name in names)
        except OSError as error:
            text = f"cannot list {folder}: {error.strerror}"
            yield bad("seeds", text, "make the folder, or change paths.seeds")
            continue
        if files:
            yield good("seeds", f"{files} files in {folder}")
        else:
            advice = "is a disk not mounted? 'feeds new TITLE' makes a first seed"
            yield odd("seeds", f"{folder} has no seed", advice)
    places = {"paths.out": paths.out, "paths.state": paths.state.parent}
    if config.images.fetch != "off":
        places["images.cache"] = config.images.cache
    for key, folder in places.items():
        there = _existing(folder)
        if os.access(there, os.W_OK | os.X_OK):
            yield good("folders", f"{key}: {folder} can be written")
        else:
            advice = f"give {there} to the user that feeds runs as, or run this as that user"
            yield bad("folders", f"{key}: {folder} cannot be written", advice)


def _objects(prefixes: list[str]) -> Iterator[Finding]:
    for prefix in prefixes:
        try:
            listings, problems = list_objects([prefix], Path(), "")
        except FeedsError as error:
            yield bad("seeds", str(error), "see docs/objects.md for addresses and credentials")
            continue
        if count := sum(one.size for one in listings) + len(problems):
            yield good("seeds", f"{count} objects in {prefix}")
        else:
            yield odd("seeds", f"{prefix} has no seed", "are bucket and prefix the right ones?")


def _bucket(address: str) -> Finding:
    """Returns whether the bucket answers; whether it may be written to only a pass finds out."""
    from feeds.common.buckets import Objects
    from feeds.publish.manifest import MANIFEST

    try:
        is_published = Objects(address, patience_s=_PATIENCE_S).look(MANIFEST)
    except FeedsError as error:
        return bad("objects", str(error), "see docs/objects.md for credentials and permissions")
    if is_published:
        return good("objects", f"{address} can be read")
    return odd("objects", f"nothing was published to {address} yet", "run 'feeds export'")


def _disk(config: Config) -> Iterator[Finding]:
    places = (config.paths.out, config.paths.state.parent, config.images.cache)
    # Folders on one disk are one finding.
    for folder in {_existing(one).stat().st_dev: _existing(one) for one in places}.values():
        free, files = shutil.disk_usage(folder).free, os.statvfs(folder)
        if free < _LOW_BYTES or (files.f_files > 0 and files.f_favail < _LOW_FILES):
            text = f"{free >> 20} MiB and {files.f_favail} files are free around {folder}"
            yield bad("disk", text, "make room: a pass needs space for a second copy of changes")
        else:
            yield good("disk", f"{free >> 20} MiB are free around {folder}")


def _state(config: Config, now: datetime) -> Iterator[Finding]:
    def read(store: Store) -> tuple[PassReport | None, list[HubReport], dict[str, str]]:
        hubs = [one.shown() for one in store.hub_reports()]
        return store.get_meta(REPORT), hubs, store.get_meta(HUBS_MOVED) or {}

    path = config.paths.state
    try:
        found = with_state(path, read)
    except FeedsError as error:
        yield bad("state", str(error), "move that file away; the next pass makes another")
        return
    if not found and path.exists():
        text = f"{path} cannot be read"
        yield bad("state", text, "the next pass puts it aside and reads all seeds again")
        return
    report, hubs, moved = found or (None, [], {})
    if report is None:
        yield odd("state", "nothing was published yet", "run 'feeds export'")
        return
    yield good("state", f"{path}, last pass at {show_time(report.started)}")
    if report.started > now + _LATE:
        text = f"the last pass was at {show_time(report.started)}, it is {show_time(now)} now"
        yield bad("clock", text, "set the clock by NTP (systemd-timesyncd, chrony)")
    else:
        yield good("clock", f"it is {show_time(now)}")
    for held in report.held:
        yield bad("state", str(held), "mount what is missing, or allow the removal once")
    yield from _hubs(config, hubs, moved)


def _hubs(config: Config, behind: list[HubReport], moved: dict[str, str]) -> Iterator[Finding]:
    waiting = {one.hub: one for one in behind}
    for hub in map(shown_url, config.site.hub):
        one = waiting.get(hub)
        if hub in moved:
            yield odd("hubs", f"{hub} has moved to {moved[hub]}", "change site.hub")
        if one and one.error:
            text = f"{hub} is still to be told of {one.pending} documents: {one.error}"
            yield bad("hubs", text, f"it is tried again at {show_time(one.next_try)}; is it alive?")
        else:
            yield good("hubs", f"{hub} knows of {'almost ' if one else ''}all that changed")


def _existing(folder: Path) -> Path:
    """Returns the folder, or the nearest one above it that exists."""
    return next(one for one in (folder, *folder.parents) if one.is_dir())
