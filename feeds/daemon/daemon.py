"""The daemon: waits for whatever makes a pass due, and runs one at a time.

    timer, watcher, signals ──> wishes ──> loop ──> a pass, or another configuration

Wishes are flags, not a queue: however many come while a pass runs, one more pass follows. It looks
at the paths that changed, if only the watcher wished for it; else at everything.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import Empty, SimpleQueue

import structlog

from feeds.common.daemon_status import Presence
from feeds.common.errors import AlreadyRunningError, ConfigError, FeedsError
from feeds.common.files import Fingerprint
from feeds.common.schedule import Timer, trigger_of
from feeds.config import Loaded, load_config
from feeds.daemon.log import DaemonLog
from feeds.daemon.passes import PassRunner
from feeds.daemon.processes import Deliveries, FetchTask, Hooks, ServerProcess
from feeds.daemon.triggers import PassWish, Watcher, told_paths

# systemd and people are promised ten seconds; the rest is for tidying up.
_GRACE_SECONDS = 8.0
_TICK_SECONDS = 0.5
# A fetch that was killed, or could not begin, is worth another one before the next pass.
_FETCH_AGAIN_SECONDS = 60
# More than this between two ticks, by one clock and not the other: somebody set the clock.
_CLOCK_JUMP_SECONDS = 30.0


class Daemon:
    """Looks after one out/ until a signal stops it."""

    def __init__(
        self,
        path: Path,
        out: Path | None,
        log: structlog.typing.FilteringBoundLogger,
        server: ServerProcess | None = None,
    ) -> None:
        self._path = path
        self._out = out
        self._log = log
        self._server = server
        self._ends = DaemonLog(log)
        self._runner = PassRunner()
        self._fetch = FetchTask()
        self._next_fetch: int | None = None
        self._deliveries = Deliveries(self._ends.delivered)
        self._hooks = Hooks(self._ends.hooked)
        self._presence = Presence()
        # A signal may come while the loop begins to wait: an Event would hold its own lock then.
        self._wake = SimpleQueue[None]()
        self._wish = PassWish()
        self._wants_reload = False
        self._stop_at: float | None = None
        self._usurper: AlreadyRunningError | None = None
        self._timer = Timer(self.want_pass)
        self._watcher = Watcher(self._want_part, log.error)
        self._config_seen: Fingerprint | None = None

    def run(self) -> None:
        """Runs until SIGTERM or SIGINT.

        Raises:
            ConfigError: the configuration cannot be used to begin with.
            AlreadyRunningError: another daemon holds out/, or took it over after it was removed.
            PublishError: out/ cannot be written.
        """
        self._loaded = self._load()
        with ExitStack() as stack:
            stack.callback(self._presence.release)
            self._presence.claim(self._loaded.config.paths.out)
            self._listen_to_signals()
            self._start_timer()
            self._watch()
            self._presence.systemd.tell("READY=1", "STATUS=first pass")
            self._log.info("started", pid=os.getpid(), out=self._loaded.config.paths.published_to)
            self.want_pass()
            try:
                self._loop()
            finally:
                self._presence.systemd.tell("STOPPING=1")
                if self._server:
                    self._server.stop()
                self._timer.stop()
                self._watcher.close()
                self._runner.stop()
                self._deliveries.stop()
                self._fetch.stop()
                self._hooks.stop((self._stop_at or 0) - time.monotonic())
                if self._server:
                    self._server.wait()
                self._log.info("stopped")
        if self._usurper:
            raise self._usurper

    def want_pass(self) -> None:
        """Asks for a pass over everything as soon as none is running."""
        self._wish.add(None)
        self._wake.put(None)

    def _want_part(self, paths: frozenset[str] | None) -> None:
        """Asks for a pass over what changed."""
        self._wish.add(told_paths(paths, self._loaded.config.paths.folders))
        self._wake.put(None)

    def _want_reload(self) -> None:
        self._wants_reload = True
        self._wake.put(None)

    def _want_stop(self) -> None:
        if self._stop_at is None:
            self._stop_at = time.monotonic() + _GRACE_SECONDS
        self._wake.put(None)

    def _listen_to_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._want_stop())
        signal.signal(signal.SIGHUP, lambda *_: self._want_reload())

    def _loop(self) -> None:
        wall, steady = time.time(), time.monotonic()
        while self._stop_at is None:
            self._wait()
            jump = (time.time() - wall) - (time.monotonic() - steady)
            wall, steady = time.time(), time.monotonic()
            if abs(jump) > _CLOCK_JUMP_SECONDS:
                self._log.warning("the clock was set", seconds=round(jump))
                self._start_timer()
                self.want_pass()
            if self._wants_reload or Fingerprint.of(self._path) != self._config_seen:
                self._reload()
            self._watch()
            self._keep_out()
            self._keep_serving()
            if self._wish.is_wanted and self._stop_at is None:
                self._pass()
            self._look_after_images()
            self._deliveries.tend(self._loaded)
            self._hooks.tend(self._loaded)
            self._presence.systemd.ping()

    def _wait(self) -> None:
        """Waits until somebody wishes for something, but no longer than a tick."""
        with suppress(Empty):
            self._wake.get(timeout=_TICK_SECONDS)
            while True:
                self._wake.get_nowait()

    def _pass(self) -> None:
        told = self._wish.take()
        self._presence.show(self._timer.next_due, running=True, failing=self._ends.failing)
        outcome = self._runner.run(
            self._loaded,
            self._log.warning,
            timeout=self._loaded.config.schedule.timeout.total_seconds(),
            leave=self._leave,
            changed=told,
        )
        if outcome.report is None:
            self._wish.widen()  # what the pass was told of is not published
        self._ends.passed(outcome)
        if outcome.report and outcome.report.changed_out:
            self._hooks.want(outcome.report)
        self._next_fetch = outcome.report.next_fetch if outcome.report else None
        if outcome.report is None or outcome.report.pings:
            self._deliveries.want(self._loaded)
        self._presence.show(self._timer.next_due, running=False, failing=self._ends.failing)

    def _look_after_images(self) -> None:
        """Fetches the images that were due after the last pass; the next pass publishes them."""
        fetched = self._fetch.ended()
        if fetched:
            self._ends.fetched(fetched)
            if fetched.report is None and self._next_fetch is None:
                self._next_fetch = int(time.time()) + _FETCH_AGAIN_SECONDS
            if fetched.report and (fetched.report.changed or fetched.report.postponed):
                self.want_pass()
        if self._next_fetch is not None and self._next_fetch <= time.time():
            self._next_fetch = None
            if self._stop_at is None:
                self._fetch.start(self._loaded)

    def _leave(self) -> float | None:
        """Does what cannot wait for a running pass; returns when that must end, None for never."""
        self._presence.systemd.ping()
        self._keep_out()
        self._keep_serving()
        self._deliveries.tend(self._loaded)
        self._hooks.tend(self._loaded)
        return self._stop_at

    def _keep_out(self) -> None:
        """Publishes again if out/ was removed; stops if another daemon took it over since."""
        try:
            if self._presence.keep():
                out = str(self._loaded.config.paths.out)
                self._log.warning("out/ was removed; it is published again", out=out)
                self.want_pass()
        except AlreadyRunningError as error:
            self._usurper = error
            self._want_stop()

    def _keep_serving(self) -> None:
        if self._server and self._stop_at is None:
            self._server.check()
        elif self._server:
            self._server.stop()

    # Configuration

    def _load(self) -> Loaded:
        self._config_seen = Fingerprint.of(self._path)
        return load_config(self._path).with_out(self._out)

    def _reload(self) -> None:
        self._wants_reload = False
        self._presence.systemd.reloading()
        old = self._loaded
        try:
            loaded = self._load()
            if loaded.config.paths.out != old.config.paths.out:
                self._presence.claim(loaded.config.paths.out)
        except FeedsError as error:
            faults = error.faults if isinstance(error, ConfigError) else [str(error)]
            for fault in faults:
                self._log.error("configuration not reloaded, the old one stays", fault=fault)
        else:
            self._loaded = loaded
            self._start_timer()
            self._watch()
            self._log.info("configuration reloaded")
            self.want_pass()
        self._presence.systemd.tell("READY=1")

    def _start_timer(self) -> None:
        config = self._loaded.config
        times, ends = config.schedule, [(one.at, one.weekday) for one in config.digests]
        due = trigger_of(times.cron, times.every, times.jitter, config.site.timezone, ends)
        self._timer.start(due)

    def _watch(self) -> None:
        config = self._loaded.config
        templates = config.paths.templates if config.site.pages else None
        # Seeds are watched without the folder of templates, too.
        more = [templates] if templates and templates.is_dir() else []
        self._watcher.follow([*config.paths.folders, *more] if config.schedule.watch else [])
