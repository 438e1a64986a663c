"""What the metrics tell of images and hubs: whoever fetched and pinged, the server knows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.test_serve import metrics
from tests.support import imaging
from tests.support.hub import Hub, Say, name_hubs
from tests.support.imaging import picture, seed_with
from tests.support.ports import HOST, free_port
from tests.support.processes import Daemon, wait_until
from tests.support.serving import Server
from tests.support.site import Site

BASE = "https://feeds.example.org/"
COPY = picture()


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    # One that is lost, one that fails, and seven that are taken.
    hub.says = {f"{BASE}all.rss": Say(404), f"{BASE}all.json": Say(408)}
    with hub.up():
        yield hub


@pytest.fixture
def port(site: Site, hub: Hub) -> Iterator[int]:
    """Where the metrics are of a site with a hub, an image that is there and one that is not."""
    port = free_port()
    more = f"""
        [images]
        allow_hosts = ["{HOST}"]
        [serve]
        port = {free_port()}
        metrics = "{HOST}:{port}"
    """
    name_hubs(site, BASE, hub.url, more=more)
    with imaging.serving() as images:
        seed_with(site, 1, images.serve("/1.jpg", COPY), images.url("/none.jpg"))
        yield port


def expected(hub: Hub) -> dict[str, float]:
    return {
        f"feeds_hub_pings_total hub={hub.url} result=sent": 7,
        f"feeds_hub_pings_total hub={hub.url} result=failed": 1,
        f"feeds_hub_pings_total hub={hub.url} result=lost": 1,
        f"feeds_hub_pings_pending hub={hub.url}": 1,
        "feeds_images state=copy": 1,
        "feeds_images state=missing": 1,
        "feeds_images state=failed": 0,
        "feeds_images state=waiting": 0,
        "feeds_image_copies_bytes": len(COPY),
        "feeds_image_fetches_total result=fetched": 1,
        "feeds_image_fetches_total result=missing": 1,
        "feeds_image_fetches_total result=same": 0,
        "feeds_image_fetches_total result=refused": 0,
        "feeds_image_fetches_total result=failed": 0,
    }


@pytest.mark.usefixtures("unhurried")
def test_metrics_beside_other_runs(site: Site, hub: Hub, port: int) -> None:
    with Server(site):
        before = metrics(port)
        assert before["feeds_images_served"] == before["feeds_image_copies_bytes"] == 0
        assert site.run("export").code == 0
        assert site.run("images", "fetch").code == 0
        found = metrics(port)
    assert found | expected(hub) == found


def test_metrics_of_the_daemon_with_a_server(site: Site, hub: Hub, port: int) -> None:
    with Daemon(site, "--serve") as daemon:
        daemon.wait_for("images")
        daemon.wait_for("serving")

        def is_known() -> bool:
            found = metrics(port)
            sent = found[f"feeds_hub_pings_total hub={hub.url} result=sent"]
            return sent >= 7 and found["feeds_images_served"] == 1

        wait_until(is_known)  # pings of both passes may be sent as one
        images = {name: n for name, n in expected(hub).items() if name.startswith("feeds_image")}
        found = metrics(port)
        assert found | images == found
        assert daemon.stop() == 0
