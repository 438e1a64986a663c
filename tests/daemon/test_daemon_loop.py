"""The daemon's loop in this process: real passes, fetches and a real server; a thread looks on."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from feeds.common.errors import AlreadyRunningError
from feeds.common.lock import DAEMON_LOCK, acquire_lock
from feeds.common.media import image_key
from feeds.daemon.daemon import Daemon
from feeds.daemon.processes import ServerProcess
from tests.support.imaging import configure, picture, seed_with, serving
from tests.support.ports import HOST, free_port
from tests.support.processes import PATIENCE, wait_until
from tests.support.site import Site

SELDOM = '[schedule]\nevery = "1h"\n'


class Here:
    """A daemon that runs in this process, and what it logs."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._capture = LogCapture()
        every_level = structlog.make_filtering_bound_logger(logging.NOTSET)
        self.log = structlog.wrap_logger(None, [self._capture], every_level)

    def run(self, act: Callable[[], object], server: ServerProcess | None = None) -> None:
        """Runs the daemon until `act` is done, in a thread beside it, and raises what that does."""
        daemon = Daemon(self.site.root / "config.toml", None, self.log, server)

        def do() -> None:
            try:
                act()
            finally:
                daemon._want_stop()

        with ThreadPoolExecutor(1) as beside:
            done = beside.submit(do)
            daemon.run()
        done.result()

    def events(self, name: str) -> list[dict[str, Any]]:
        return [dict(one) for one in list(self._capture.entries) if one["event"] == name]

    def wait_for(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """Waits until there are so many such events, and returns them."""
        wait_until(lambda: len(self.events(name)) >= count)
        return self.events(name)


@pytest.fixture
def here(site: Site) -> Here:
    """A site of one seed that is published once an hour, and a daemon for it."""
    site.configure(SELDOM)
    site.seed()
    return Here(site)


def test_daemon_ends_once_however_often_it_is_told(here: Here) -> None:
    def act() -> None:
        here.wait_for("pass")
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        here.wait_for("stopped")

    here.run(act)
    assert [len(here.events(name)) for name in ("started", "pass", "stopped")] == [1, 1, 1]


@pytest.fixture
def handlers() -> Iterator[None]:
    """Gives signals their handlers back."""
    numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    before = [(one, signal.getsignal(one)) for one in numbers]
    yield
    for number, handler in before:
        signal.signal(number, handler)


# Whoever waits for a lock of its own waits for ever.
@pytest.mark.timeout(PATIENCE)
def test_daemon_takes_a_signal_wherever_it_is_in_its_wait(here: Here, handlers: None) -> None:
    daemon, sent = Daemon(here.site.root / "config.toml", None, here.log), 0

    def interrupt(*_: object) -> None:
        nonlocal sent
        if sent < 50:
            sent += 1
            signal.raise_signal(signal.SIGHUP)

    daemon._listen_to_signals()
    while sent < 50:
        sys.setprofile(interrupt)
        try:
            daemon._wait()
        finally:
            sys.setprofile(None)
    assert daemon._wants_reload


def test_daemon_publishes_again_what_was_removed(here: Here) -> None:
    def act() -> None:
        here.wait_for("pass")
        shutil.rmtree(here.site.out)
        here.wait_for("pass", 2)

    here.run(act)
    assert len(here.events("out/ was removed; it is published again")) == 1
    assert here.site.titles() == ["Story 1"]


def test_daemon_leaves_out_to_another_that_took_it_over(here: Here, tmp_path: Path) -> None:
    def act() -> None:
        here.wait_for("pass")
        # Another out/ in one step: between two the daemon may be the faster one.
        with acquire_lock(tmp_path / "new", "me", wait=0, on_wait=print, name=DAEMON_LOCK):
            link = tmp_path / "link"
            link.symlink_to(tmp_path / "new")
            here.site.out.rename(tmp_path / "away")
            link.rename(here.site.out)
            here.wait_for("stopped")

    with pytest.raises(AlreadyRunningError, match="another daemon already looks after"):
        here.run(act)


def test_daemon_follows_a_clock_that_was_set(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    real, ahead = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])

    def act() -> None:
        here.wait_for("pass")
        ahead[0] = 3600
        here.wait_for("pass", 2)

    here.run(act)
    (event,) = here.events("the clock was set")
    assert event["seconds"] == 3600


def test_daemon_fetches_images_and_publishes_them(here: Here) -> None:
    with serving() as server:
        configure(here.site, toml=SELDOM)
        seed_with(here.site, 1, server.serve("/good.jpg", picture()))
        seed_with(here.site, 2, bad := server.url("/none.jpg"))
        key = image_key(bad)
        copy = here.site.root / f".feeds/images/media/{key[:2]}/{key}.jpg"
        copy.parent.mkdir(parents=True)
        copy.write_bytes(b"no image")
        here.run(lambda: here.wait_for("pass", 2))
    (event,) = here.events("images")
    assert (event["fetched"], event["missing"]) == (1, 1)
    assert any(f"{copy} cannot be used" in str(one) for one in here._capture.entries)
    assert b"/media/" in here.site.read("all.atom")


def test_daemon_tries_a_fetch_again_that_could_not_begin(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.daemon.daemon._FETCH_AGAIN_SECONDS", 0)
    with serving() as server:
        configure(here.site, toml=SELDOM, images='cache = "cache"')
        seed_with(here.site, 1, server.serve("/good.jpg", picture()))
        cache = here.site.root / "cache"
        cache.touch()

        def act() -> None:
            here.wait_for("images not fetched")
            cache.unlink()
            here.wait_for("images")

        here.run(act)
    assert len(here.events("images not fetched")) == 1


def test_daemon_keeps_a_server_until_it_ends(here: Here) -> None:
    port = free_port()
    here.site.configure(f"{SELDOM}[serve]\nport = {port}\n")

    def is_up() -> bool:
        try:
            socket.create_connection((HOST, port), timeout=PATIENCE).close()
        except OSError:
            return False
        return True

    config = str(here.site.root / "config.toml")
    here.run(lambda: wait_until(is_up), ServerProcess(["--config", config], here.log))
    assert not is_up()


def test_daemon_watches_templates_beside_seeds(here: Here) -> None:
    here.site.configure('[schedule]\nevery = "1h"\nwatch = true\n[paths]\ntemplates = "mine"\n')
    style = here.site.root / "mine/style.css"
    style.parent.mkdir()

    def act() -> None:
        here.wait_for("pass")
        style.write_text("/* mine */")
        wait_until(lambda: b"mine" in here.site.read("assets/style.css"))

    here.run(act)
