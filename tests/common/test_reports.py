"""Reports for people and for machines: what each tells, and of two passes as of one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from feeds.common.model import Feed, FeedSummary, Problem
from feeds.common.reports import (
    FeedReport,
    HeldReport,
    HubReport,
    PassReport,
    both_reports,
    feed_report,
)

THEN, LATER = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC)
REPORT = PassReport(
    started=THEN, seconds=1.5, out="out", dry_run=False, seeds=9, read=3, changed=2, gone=1, bad=0,
    items=8, unchanged=10, written=["a.atom", "b.atom"], removed=["c.atom", "d.atom"], feeds=[],
    problems=[],
)  # fmt: skip
ERROR, WARNING = Problem("a", 1, 1, "title", "is missing"), Problem("a", 2, 1, "", "", "warning")


@pytest.mark.parametrize(
    ("changes", "is_changed"),
    [
        pytest.param({}, True, id="both"),
        pytest.param({"removed": []}, True, id="written"),
        pytest.param({"written": []}, True, id="removed"),
        pytest.param({"written": [], "removed": []}, False, id="nothing"),
        pytest.param({"dry_run": True}, False, id="dry run"),
    ],
)
def test_report_says_whether_documents_changed(
    changes: dict[str, Any], *, is_changed: bool
) -> None:
    assert replace(REPORT, **changes).changed_out == is_changed


def test_report_counts_warnings_apart_from_errors() -> None:
    assert replace(REPORT, problems=[ERROR, WARNING, WARNING]).warnings == 2


def test_report_of_two_passes_is_as_of_one() -> None:
    second = replace(
        REPORT, started=LATER, seconds=0.25, seeds=7, bad=1, read=4, changed=5, gone=6,
        unchanged=11, written=["b.atom", "c.atom"], removed=["e.atom"], images_added=1,
    )  # fmt: skip
    both = both_reports(replace(REPORT, images_added=2, images_removed=3), second)
    assert (both.started, both.seconds) == (THEN, 1.75)
    assert (both.seeds, both.bad) == (7, 1)
    assert (both.read, both.changed, both.gone) == (7, 7, 7)
    assert both.written == ["a.atom", "b.atom", "c.atom"]
    assert both.removed == ["d.atom", "e.atom"]
    assert both.unchanged == 10  # a.atom was written by the first, and left alone by the second
    assert (both.images_added, both.images_removed) == (3, 3)


@pytest.mark.parametrize("newest", [None, 0], ids=["empty", "1970"])
def test_report_of_a_feed_has_its_atom_address(newest: int | None) -> None:
    feed = Feed("topics/ai", "topic", "ai", "AI", "News: AI", "", 50)
    report = feed_report(FeedSummary(feed, 4, newest, None, 1, 2, None), "https://a.example/")
    date = None if newest is None else datetime(1970, 1, 1, tzinfo=UTC)
    url = "https://a.example/topics/ai.atom"
    assert report == FeedReport("topics/ai", "News: AI", 4, date, url, 1, 2)


def test_report_of_a_hub_shows_no_credentials() -> None:
    hub = "https://ada:pass-word@hub.example/?token=pass-word"
    shown = HubReport(hub, 1, THEN, THEN, f"{hub} did not answer").shown()
    assert "pass-word" not in shown.hub + shown.error
    assert (shown.pending, shown.error.endswith("did not answer")) == (1, True)


@pytest.mark.parametrize(
    ("folder", "doubt"),
    [
        pytest.param("seeds", "is a disk not mounted?", id="folder"),
        pytest.param("s3://news/desk/", "is this still the right bucket?", id="bucket"),
    ],
)
def test_report_of_held_stories_says_what_may_be_wrong(folder: str, doubt: str) -> None:
    text = str(HeldReport(folder, 24))
    assert text.startswith(f"{folder}: ")
    assert f"(24): {doubt}" in text
    assert "'feeds export --allow-empty'" in text
