"""The daemon fetches images beside its passes, and publishes them then."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator

import pytest

from feeds.common.reports import FetchReport
from feeds.daemon import processes as fetcher
from feeds.daemon.processes import FetchTask, Outcome
from tests.support import dying
from tests.support.imaging import Server, configure, picture, seed_with, serving
from tests.support.processes import PATIENCE, Daemon, processes_of, wait_until
from tests.support.site import Site


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def shown(site: Site) -> list[str]:
    """Returns the URLs of the images of the feed of everything."""
    return [one.get("image", "") for one in json.loads(site.read("all.json"))["items"]]


def test_daemon_fetches_after_a_pass_and_publishes_what_came(site: Site, server: Server) -> None:
    configure(site, toml="[schedule]\nwatch = true\n")
    seed_with(site, 1, server.serve("/first.jpg", picture()))
    with Daemon(site) as daemon:
        (event,) = daemon.wait_for("images")
        assert (event["asked"], event["fetched"]) == (1, 1)
        daemon.wait_for("pass", 2)
        assert shown(site)[0].startswith("https://feeds.example.org/media/")
        seed_with(site, 2, server.url("/none.jpg"))
        assert daemon.wait_for("images", 2)[1]["missing"] == 1
        daemon.wait_for("pass", 4)
        assert "" in shown(site)
        assert daemon.stop() == 0
        assert daemon.events("images not fetched") == []


def test_slow_image_delays_neither_a_pass_nor_the_end(site: Site, server: Server) -> None:
    configure(site, toml="[schedule]\nwatch = true\n", images='timeout = "10m"')
    seed_with(site, 1, server.drip("/drip.jpg"))
    with Daemon(site) as daemon:
        wait_until(lambda: server.asked("/drip.jpg"))
        site.seed("2.txt", number=2)
        daemon.wait_for("pass", 2)
        assert b"Story 2" in site.read("all.atom")
        began = time.monotonic()
        assert daemon.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < PATIENCE  # the image takes ten minutes
        wait_until(lambda: not processes_of(daemon.pid))
        assert len(server.asked("/drip.jpg")) == 1


def test_daemon_without_images_fetches_nothing(site: Site) -> None:
    site.configure('[schedule]\nevery = "1s"\n')
    site.seed()
    with Daemon(site) as daemon:
        daemon.wait_for("pass", 3)  # after each of them images are seen to
        assert daemon.events("images") == daemon.events("images not fetched") == []
        assert daemon.stop() == 0
    assert not (site.root / ".feeds/images").exists()


def ended(site: Site) -> Outcome[FetchReport]:
    """Starts a fetch and waits for its end."""
    job, ends = FetchTask(), list[Outcome[FetchReport]]()
    job.start(site.load())
    wait_until(lambda: (end := job.ended()) and not ends.append(end))  # type: ignore[func-returns-value]
    assert job.ended() is None
    assert multiprocessing.active_children() == []
    return ends[0]


def test_fetch_that_is_killed_while_it_reports_is_told(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetcher, "_fetch", dying.killed_in_a_message)
    assert ended(site) == Outcome[FetchReport](reason="was killed by SIGKILL")


def test_fetch_that_is_stopped_while_it_reports_is_killed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.configure('[schedule]\ntimeout = "2s"\n')
    monkeypatch.setattr(fetcher, "_fetch", dying.stopped_in_a_message)
    assert ended(site) == Outcome[FetchReport](
        reason="hung for 2 s (schedule.timeout) and was killed"
    )


def test_fetch_comes_to_its_end_in_time_and_keeps_what_came(site: Site, server: Server) -> None:
    configure(site, toml='[schedule]\ntimeout = "12s"\n', images='timeout = "10m"')
    seed_with(site, 1, server.drip("/endless.jpg"))
    seed_with(site, 2, server.serve("/there.jpg", picture()))
    site.publish()
    report = ended(site).report
    assert report is not None
    assert (report.fetched, report.failed) == (1, 1)


def test_daemon_goes_on_when_a_fetch_is_stopped_and_killed(site: Site, server: Server) -> None:
    configure(site, toml='[schedule]\ntimeout = "4s"\nwatch = true\n', images='timeout = "10m"')
    seed_with(site, 1, server.drip("/stopped.jpg"))
    with Daemon(site) as daemon:
        wait_until(lambda: server.asked("/stopped.jpg"))
        for pid in (stopped := dying.descendants(daemon.pid)):
            os.kill(pid, signal.SIGSTOP)
        (event,) = daemon.wait_for("images not fetched")
        assert event["reason"] == "hung for 4 s (schedule.timeout) and was killed"
        # Also those whose parent, from which processes are forked, was killed since it hung.
        for pid in filter(dying.is_alive, stopped):
            os.kill(pid, signal.SIGCONT)
        site.seed("2.txt", number=2)
        wait_until(lambda: b"Story 2" in site.read("all.atom"))
        assert daemon.stop() == 0


def test_fetch_that_fails_is_told_once_and_passes_go_on(site: Site, server: Server) -> None:
    configure(site, toml='[schedule]\nevery = "1s"\n', images='cache = "file"')
    (site.root / "file").touch()
    seed_with(site, 1, server.serve("/unkept.jpg", picture()))
    with Daemon(site) as daemon:
        daemon.wait_for("images not fetched")
        daemon.wait_for("pass", len(daemon.events("pass")) + 3)
        (event,) = daemon.events("images not fetched")
        assert str(site.root / "file") in event["reason"]
        assert daemon.stop() == 0
