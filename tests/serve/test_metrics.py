"""What the metrics tell of images and hubs: whoever fetched and pinged, the server knows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from feeds.common.model import Problem
from feeds.common.reports import PassReport
from feeds.serve.messages import Answer
from feeds.serve.metrics import Counts, FeedsCollector, Gauges, StateCounts
from tests.cli.test_serve import metrics
from tests.support import imaging
from tests.support.hub import Hub, Say, name_hubs
from tests.support.imaging import picture, seed_with
from tests.support.processes import Daemon, wait_until
from tests.support.serving import HOST, Server, free_port
from tests.support.site import NOW, Site

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
            return sent > 7 and found["feeds_images_served"] == 1

        wait_until(is_known)  # the pass after the fetch changed the documents once more
        images = {name: n for name, n in expected(hub).items() if name.startswith("feeds_image")}
        found = metrics(port)
        assert found | images == found
        assert daemon.stop() == 0


EMPTY = Gauges(None, 0, 0.0, 0, 0, 0, (0, 100), StateCounts())


def collected(counts: Counts, gauges: Gauges = EMPTY) -> dict[str, float]:
    """Returns the samples that a collector gives, as `metrics` does."""
    return {
        " ".join(
            [sample.name, *(f"{key}={value}" for key, value in sorted(sample.labels.items()))]
        ): (sample.value)
        for family in FeedsCollector(counts, lambda: gauges).collect()
        for sample in family.samples
    }


def test_counts_add_ready_answers_to_those_that_were_made() -> None:
    counts = Counts()
    one, two = (Answer(200, [], b"xyz", format_name="atom", coding="gzip") for _ in range(2))
    for answer in (one, two):
        counts.attach(answer)
        answer.tally.add(answer.size)
    assert one.tally is two.tally
    counts.add(one, 4)
    counts.add(Answer(200, [], b"", format_name="atom"), 5)
    counts.add(Answer(304, [], b""), 0)
    found = collected(counts)
    assert found["feeds_http_requests_total format=atom status=200"] == 4
    assert found["feeds_http_requests_total format=other status=304"] == 1
    assert found["feeds_http_body_bytes_total encoding=gzip"] == 10
    assert found["feeds_http_body_bytes_total encoding=identity"] == 5
    assert found["feeds_http_not_modified_ratio"] == 1 / 5


def test_metrics_of_nothing_have_every_series_but_those_of_a_pass() -> None:
    found = collected(Counts())
    assert found["feeds_http_not_modified_ratio"] == 0
    assert found["feeds_memory_bodies_limit_bytes"] == 100
    for state in ("copy", "missing", "failed", "waiting"):
        assert found[f"feeds_images state={state}"] == 0
    for result in ("fetched", "same", "missing", "refused", "failed"):
        assert found[f"feeds_image_fetches_total result={result}"] == 0
    assert not [name for name in found if name.startswith("feeds_last_pass")]


def test_metrics_of_passes_are_those_of_the_report() -> None:
    report = PassReport(
        started=NOW,
        seconds=1.5,
        out="out",
        dry_run=False,
        seeds=9,
        read=9,
        changed=9,
        gone=0,
        bad=2,
        items=7,
        unchanged=0,
        feeds=[],
        written=["a", "b"],
        removed=["c"],
        problems=[Problem("a", 1, 1, "", "", "error"), Problem("b", 1, 1, "", "", "warning")],
    )
    found = collected(Counts(), EMPTY._replace(report=report, passes=3, pass_s=4.5, written=6))
    assert (
        found
        | {
            "feeds_passes_total": 3,
            "feeds_pass_duration_seconds_total": 4.5,
            "feeds_documents_written_total": 6,
            "feeds_last_pass_timestamp_seconds": NOW.timestamp(),
            "feeds_last_pass_duration_seconds": 1.5,
            "feeds_seeds state=good": 7,
            "feeds_seeds state=bad": 2,
            "feeds_problems severity=error": 1,
            "feeds_problems severity=warning": 1,
            "feeds_items": 7,
            "feeds_feeds": 0,
            "feeds_last_pass_written": 2,
            "feeds_last_pass_removed": 1,
        }
        == found
    )


def test_metrics_of_images_and_hubs_are_those_of_the_state_file() -> None:
    state = StateCounts(
        images={"copy": (2, 300), "failed": (1, 0)},
        fetches={"fetched": 5},
        pings={"https://hub.example.org/": {"sent": 4}},
        pending={"https://hub.example.org/": 3},
    )
    found = collected(Counts(), EMPTY._replace(state=state))
    hub = "hub=https://hub.example.org/"
    assert found["feeds_images state=copy"] == 2
    assert found["feeds_images state=waiting"] == 0
    assert found["feeds_image_copies_bytes"] == 300
    assert found["feeds_image_fetches_total result=fetched"] == 5
    assert found[f"feeds_hub_pings_total {hub} result=sent"] == 4
    assert found[f"feeds_hub_pings_total {hub} result=lost"] == 0
    assert found[f"feeds_hub_pings_pending {hub}"] == 3
