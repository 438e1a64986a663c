"""When /healthz says that something is wrong, and what the metrics say, without a socket."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import timedelta

import msgspec
import pytest
from prometheus_client.core import Metric

from feeds.common.daemon_status import DaemonState
from feeds.common.lock import DAEMON_LOCK, acquire_lock
from feeds.common.model import Problem
from feeds.common.reports import PassReport
from feeds.common.store_protocols import IMAGE_FETCHES, count, pings_to
from feeds.serve import monitoring as module
from feeds.serve.content import Content
from feeds.serve.messages import Answer, Request
from feeds.serve.monitoring import (
    Counts,
    FeedsCollector,
    health_answer,
    health_of,
    too_old_after,
)
from feeds.serve.publication import NOTHING
from feeds.serve.query import Query
from feeds.store import open_state
from tests.support.site import NOW, Site, config_of


def samples(families: Iterable[Metric]) -> dict[str, float]:
    """Returns the values of all samples, as `metrics` does."""
    return {
        " ".join(
            [sample.name, *(f"{key}={value}" for key, value in sorted(sample.labels.items()))]
        ): (sample.value)
        for family in families
        for sample in family.samples
    }


def collected(content: Content, counts: Counts | None = None) -> dict[str, float]:
    """Returns the samples that a collector gives."""
    return samples(FeedsCollector(counts or Counts(), content).collect())


@pytest.mark.parametrize(
    ("toml", "later"),
    [
        ("", timedelta(minutes=31)),
        ('every = "1s"\njitter = "10s"', timedelta(seconds=72)),
        ('cron = "0 * * * *"', timedelta(hours=2, minutes=1)),
        ('cron = "0 12 * * *"', timedelta(days=2, minutes=1)),
    ],
)
def test_health_wants_a_pass_by_the_schedule(toml: str, later: timedelta) -> None:
    assert too_old_after(config_of(f"[schedule]\n{toml}"), NOW) == NOW + later


def test_health_is_bad_while_the_daemon_fails(site: Site) -> None:
    site.seed()
    site.publish()
    config = site.load().config
    assert health_of(config, NOW).ok
    state = DaemonState(os.getpid(), NOW, failing="no space left")
    holder = msgspec.json.encode(state).decode()
    with acquire_lock(site.out, holder, wait=0, on_wait=pytest.fail, name=DAEMON_LOCK):
        health = health_of(config, NOW)
    assert (health.ok, health.reason) == (False, "passes fail: no space left")
    assert health.last_pass == NOW


def test_health_is_told_as_json(published: Content, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "utc_now", lambda: NOW)
    answer = health_answer(published)
    assert (answer.status, answer.lasting) == (200, False)
    assert dict(answer.headers) == {
        "content-type": "application/json",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    last = NOW.isoformat().replace("+00:00", "Z")
    assert json.loads(answer.body) == {"ok": True, "reason": "", "last_pass": last}
    published.publication = NOTHING
    bad = health_answer(published)
    assert (bad.status, json.loads(bad.body)["reason"]) == (503, "nothing is published")
    monkeypatch.setattr(module, "utc_now", lambda: NOW + timedelta(days=1))
    late = health_answer(published)
    assert (late.status, "two should have followed" in late.body.decode()) == (503, True)


def test_counts_are_of_answers_by_status_format_and_coding(content: Content) -> None:
    counts = Counts()
    one, two = (Answer(200, [], b"xyz", format_name="atom", coding="gzip") for _ in range(2))
    for answer in (one, two):
        counts.add(answer, answer.size)
    counts.add(one, 4)
    counts.add(Answer(200, [], b"", format_name="atom"), 5)
    counts.add(Answer(304, [], b""), 0)
    found = collected(content, counts)
    assert found["feeds_http_requests_total format=atom status=200"] == 4
    assert found["feeds_http_requests_total format=other status=304"] == 1
    assert found["feeds_http_body_bytes_total encoding=gzip"] == 10
    assert found["feeds_http_body_bytes_total encoding=identity"] == 5
    assert found["feeds_http_not_modified_ratio"] == 1 / 5


def test_metrics_of_nothing_have_every_series_but_those_of_a_pass(content: Content) -> None:
    found = collected(content)
    assert found["feeds_http_not_modified_ratio"] == 0
    assert found["feeds_memory_bodies_limit_bytes"] == content.config.serve.memory
    for state in ("copy", "missing", "failed", "waiting"):
        assert found[f"feeds_images state={state}"] == 0
    for result in ("fetched", "same", "missing", "refused", "failed"):
        assert found[f"feeds_image_fetches_total result={result}"] == 0
    assert not [name for name in found if name.startswith("feeds_last_pass")]


def test_metrics_of_passes_are_those_of_the_report(content: Content) -> None:
    content.totals = (3, 4.5, 6)
    content.report = PassReport(
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
    found = collected(content)
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


def test_metrics_of_images_are_those_of_the_state_file() -> None:
    found = samples(module._images({"copy": (2, 300), "failed": (1, 0)}, {"fetched": 5}))
    assert found["feeds_images state=copy"] == 2
    assert found["feeds_images state=waiting"] == 0
    assert found["feeds_image_copies_bytes"] == 300
    assert found["feeds_image_fetches_total result=fetched"] == 5


def test_metrics_name_hubs_without_credentials_and_count_those_as_one(site: Site) -> None:
    hubs = ["https://a:b@hub.example.org/", "https://c:d@hub.example.org/", "https://x.example/"]
    site.publish()
    with open_state(site.state, "note") as store:
        for hub in hubs:
            count(store, pings_to(hub), ["sent", "lost"])
        found = samples(module._pings(store, [*hubs, hubs[0]]))
    hub, other = "hub=https://hub.example.org/", "hub=https://x.example/"
    assert found == {
        f"feeds_hub_pings_total {hub} result=sent": 2,
        f"feeds_hub_pings_total {hub} result=failed": 0,
        f"feeds_hub_pings_total {hub} result=lost": 2,
        f"feeds_hub_pings_total {other} result=sent": 1,
        f"feeds_hub_pings_total {other} result=failed": 0,
        f"feeds_hub_pings_total {other} result=lost": 1,
        f"feeds_hub_pings_pending {hub}": 0,
        f"feeds_hub_pings_pending {other}": 0,
    }


def test_metrics_count_what_is_served(published: Content) -> None:
    media = frozenset(["media/ab/a.png", "media/ab/b.webp", "media/ab/c.woff2"])
    published.publication = published.publication._replace(media=media)
    published.query(Request("GET", "/query"), "html", Query())
    found = collected(published)
    assert found["feeds_documents"] == len(published.publication.texts) > 0
    assert found["feeds_images_served"] == 2
    assert 0 < published.results.size < published.bodies.size
    held = published.bodies.size + published.results.size
    assert found["feeds_memory_bodies_bytes"] == held
    assert found["feeds_memory_bodies_limit_bytes"] == published.config.serve.memory


def test_metrics_follow_the_state_file(site: Site, published: Content) -> None:
    with open_state(site.state, "note") as store:
        count(store, IMAGE_FETCHES, ["fetched"])
    assert collected(published)["feeds_image_fetches_total result=fetched"] == 1
