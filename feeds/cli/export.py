"""``feeds export``: one pass."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from feeds.cli.console import Console
from feeds.cli.options import DEFAULT_CONFIG
from feeds.common.buckets import is_object, split_address
from feeds.common.errors import ConfigError
from feeds.common.reports import Options, PassReport, both_reports
from feeds.common.urls import is_own_host, shown_url
from feeds.config import Config, Loaded, load_config
from feeds.config.model import Paths
from feeds.pipeline.early_start import start_early

# A line of a seed that must not be shown.
_SECRET = re.compile(rb"^[ \t]*secured:", re.IGNORECASE | re.MULTILINE)


def run_export(arguments: Namespace, console: Console) -> int:
    """Publishes once; with ``--strict`` problems and pending removals make the exit code 1."""
    loaded = load_config(arguments.config).with_out(arguments.out)
    options = Options(
        full=arguments.full,
        allow_empty=arguments.allow_empty,
        dry_run=arguments.dry_run,
        changed=_changed(arguments, loaded.config.paths),
    )
    start_early(loaded.config)
    from feeds.pipeline.run import publish_feeds  # takes long: processes load meanwhile

    with console.listening() as callbacks:
        report = publish_feeds(loaded, options, callbacks)
        fetched = None
        if arguments.fetch_images and not options.dry_run:
            from feeds.pipeline.fetch import fetch_images

            fetched = fetch_images(loaded, callbacks=callbacks)
        if fetched and fetched.changed:
            report = both_reports(report, publish_feeds(loaded, options, callbacks))
    if fetched:
        console.fetched(fetched)
    console.problems(report.problems)
    _summarise(console, report)
    base_url = loaded.config.site.base_url
    if is_own_host(urlsplit(base_url).hostname):
        console.say(
            f"hint: the feeds say that they are at {base_url}, which only this machine can reach; "
            "before others subscribe set site.base_url to where out/ will be served"
        )
    if not report.dry_run:
        console.say(_where_to_look(arguments, loaded.config))
    console.report(report)
    if report.changed_out and loaded.config.hooks.after_publish:
        from feeds.pipeline.after_publish import HookRun

        for failure in HookRun(loaded, report).wait():
            console.warn(failure)
    if report.pings and not report.dry_run:
        _push(console, loaded)
    return 1 if arguments.strict and (report.problems or report.held) else 0


def _changed(arguments: Namespace, paths: Paths) -> frozenset[str] | None:
    """Returns what --changed lists, None without it; no message shows a line of a seed."""
    source: Path | None = arguments.changed
    if source is None:
        if arguments.null:
            raise ConfigError(["--null says how --changed lists paths: wanted both or neither"])
        return None
    try:
        data = sys.stdin.buffer.read() if source == Path("-") else source.read_bytes()
    except OSError as error:
        raise ConfigError([f"cannot read {_shown(source)}: {error.strerror or error}"]) from None
    if data.split(b"\n", 1)[0].strip() == b"---" or _SECRET.search(data):
        raise ConfigError(["--changed: found a seed, wanted a list of paths, as by: ls seeds/*"])
    lines = data.split(b"\0" if arguments.null else b"\n")
    return frozenset(one for line in lines if line for one in _named(os.fsdecode(line), paths))


def _named(line: str, paths: Paths) -> list[str]:
    """Returns what a line names: an address, a key in the bucket of an address, or a path."""
    if is_object(line):
        return [line]
    buckets = map(split_address, paths.prefixes)
    found = [f"{bucket}{line}" for bucket, key in buckets if f"{line}/".startswith(key)]
    path = Path.cwd() / line  # whoever looks at it may work in another folder
    if not found or any(map(path.is_relative_to, paths.folders)):
        found.append(str(path))
    return found


def _push(console: Console, loaded: Loaded) -> None:
    """Tells hubs which documents changed; the next run sends what they do not take."""
    from feeds.pipeline.after_publish import (
        deliver_once,  # on demand: most runs have nothing to tell
    )

    delivered = deliver_once(loaded)
    for one in delivered.deliveries:
        hub = shown_url(one.hub)
        if one.moved:
            console.warn(f"the hub {hub} has moved to {one.moved}: change site.hub")
        for loss in one.losses:
            console.warn(f"the hub {hub} will not be told of {loss}")
        if one.sent:
            console.say(f"told {hub} of {one.sent} documents")
    errors = {one.hub: one.error for one in delivered.deliveries}
    for left in delivered.left:
        error = errors.get(left.hub) or left.shown().error
        why = f" ({error})" if error else ""
        console.say(
            f"{shown_url(left.hub)} is still to be told of {left.pending} documents{why}; "
            "the next run tries again"
        )


def _summarise(console: Console, report: PassReport) -> None:
    would = "would be " if report.dry_run else ""
    console.say(
        f"{report.seeds} seeds ({report.read} read, {report.gone} gone, {report.bad} bad), "
        f"{report.items} items"
    )
    tell = console.show if report.dry_run else console.detail
    for name in report.written:
        tell(f"{'would write' if report.dry_run else 'wrote'} {name}")
    for name in report.removed:
        tell(f"{'would remove' if report.dry_run else 'removed'} {name}")
    for held in report.held:
        console.warn(str(held))
    for feed in report.feeds:
        if feed.left_out:
            console.warn(
                f"{feed.address}: {feed.left_out} recently qualified items were left out "
                "(selection.max_exposed)"
            )
    console.say(
        f"{len(report.feeds)} feeds in {report.out}: {len(report.written)} documents "
        f"{would}written, {len(report.removed)} {would}removed, {report.unchanged} unchanged "
        f"({report.seconds:.2f} s)"
    )
    if report.images_added or report.images_removed:
        console.say(
            f"{report.images_added} images {would}added, {report.images_removed} {would}removed"
        )


def _where_to_look(arguments: Namespace, config: Config) -> str:
    """Says how to look at what was published, as a command that can be pasted into a shell."""
    if config.paths.objects:
        return f"look at them: {config.site.base_url}, if that is where the bucket is served"
    command = [_program(), "serve"]
    if arguments.config != DEFAULT_CONFIG:
        command += ["--config", _shown(arguments.config)]
    if arguments.out:
        command += ["--out", _shown(arguments.out)]
    url = urlsplit(config.site.base_url)
    if is_own_host(url.hostname):
        port = url.port or (80 if url.scheme == "http" else 443)
        if port != config.serve.port:
            command += ["--port", str(port)]
    serve = f"serve them here: {shlex.join(command)}"
    if not config.site.pages:
        return serve
    out = config.paths.out
    with suppress(OSError, ValueError):  # out/ is not below the current folder, or that is gone
        out = out.relative_to(Path.cwd())
    return f"look at them: {shlex.quote(_shown(out))}/index.html; {serve}"


def _program() -> str:
    """Returns what was typed to run this program: in a clone it need not be on the PATH."""
    typed = sys.argv[0]
    if Path(typed).name != "feeds" or shutil.which("feeds") == typed:
        return "feeds"
    return typed


def _shown(path: Path) -> str:
    return os.fsencode(path).decode(errors="backslashreplace")
