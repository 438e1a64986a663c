"""What the metrics say of answers, passes, images and hubs, without a socket."""

from __future__ import annotations

from feeds.common.model import Problem
from feeds.common.protocols import IMAGE_FETCHES, count, pings_to
from feeds.common.reports import PassReport
from feeds.serve.messages import Answer
from feeds.serve.metrics import (
    Counts,
    FeedsCollector,
    Gauges,
    StateCounts,
    state_counts,
)
from feeds.store import open_state
from tests.support.site import NOW, Site

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


def test_metrics_name_hubs_without_credentials_and_count_those_as_one(site: Site) -> None:
    hubs = ["https://a:b@hub.example.org/", "https://c:d@hub.example.org/", "https://x.example/"]
    site.publish()
    with open_state(site.state, "note") as store:
        count(store, IMAGE_FETCHES, ["fetched", "failed", "fetched"])
        for hub in hubs:
            count(store, pings_to(hub), ["sent", "lost"])
        found = state_counts(store, [*hubs, hubs[0]])
    assert found.fetches == {"fetched": 2, "failed": 1}
    assert found.images == {}
    assert found.pending == {}
    assert found.pings == {
        "https://hub.example.org/": {"sent": 2, "lost": 2},
        "https://x.example/": {"sent": 1, "lost": 1},
    }
