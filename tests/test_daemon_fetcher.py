"""The daemon fetches images beside its passes, and publishes them then."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator

import pytest

from tests.imaging import Server, configure, picture, seed_with, serving
from tests.processes import Daemon, processes_of, wait_until
from tests.site import Site


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
        assert time.monotonic() - began < 10
        wait_until(lambda: not processes_of(daemon.pid))
        assert len(server.asked("/drip.jpg")) == 1


def test_daemon_without_images_fetches_nothing(site: Site) -> None:
    site.seed()
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        time.sleep(0.7)
        assert daemon.events("images") == daemon.events("images not fetched") == []
        assert daemon.stop() == 0
    assert not (site.root / ".feeds/images").exists()


def test_fetch_that_fails_is_told_once_and_passes_go_on(site: Site, server: Server) -> None:
    configure(site, toml='[schedule]\nevery = "1s"\n', images='cache = "file"')
    (site.root / "file").touch()
    seed_with(site, 1, server.serve("/unkept.jpg", picture()))
    with Daemon(site) as daemon:
        daemon.wait_for("pass", 3)
        (event,) = daemon.events("images not fetched")
        assert str(site.root / "file") in event["reason"]
        assert daemon.stop() == 0
