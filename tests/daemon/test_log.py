"""What the log says of passes: each thing once, and as often as it changes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from feeds.common.model import Problem
from feeds.common.reports import FeedReport, PassReport
from feeds.daemon.log import DaemonLog, start_logging
from feeds.daemon.processes import Outcome
from tests.support.site import NOW

Event = dict[str, Any]
FULL = Outcome(reason="cannot publish: out/all.atom: No space left on device")
GONE = Outcome(reason="cannot list the seeds folder seeds: No such file or directory")
FAULT = Outcome(reason="KeyError: 'x'", details="Traceback (most recent call last): ...")
LEFT = Outcome(reason="ended before its work was done", abandoned=True)


def passed(*problems: Problem, left_out: int = 0, **changes: Any) -> Outcome[PassReport]:
    fields: dict[str, Any] = {
        "started": NOW,
        "seconds": 0.25,
        "out": "/site/out",
        "dry_run": False,
        "seeds": 9,
        "read": 4,
        "changed": 3,
        "gone": 2,
        "bad": 1,
        "items": 8,
        "unchanged": 7,
        "written": ["all.atom", "all.rss"],
        "removed": ["topics/old.atom"],
        "feeds": [FeedReport("all", "All", 5, NOW, "https://x.example/", left_out=left_out)],
        "problems": list(problems),
    }
    return Outcome(PassReport(**fields | changes))


def problem(line: int = 3, reason: str = "missing", path: str = "seeds/a.txt") -> Problem:
    return Problem(path, line, 1, "title", reason)


@pytest.fixture
def capture() -> LogCapture:
    return LogCapture()


@pytest.fixture
def log(capture: LogCapture) -> DaemonLog:
    # Whatever a command that ran in this process before has left as the level of logs.
    every_level = structlog.make_filtering_bound_logger(logging.NOTSET)
    return DaemonLog(structlog.wrap_logger(None, [capture], every_level))


def events(capture: LogCapture, *levels: str) -> list[Event]:
    return [dict(e) for e in capture.entries if e["log_level"] in (levels or e["log_level"])]


def told(log: DaemonLog, capture: LogCapture, *outcomes: Outcome[PassReport]) -> list[list[str]]:
    """Returns for each outcome which events above debug it made the log write."""
    lines = []
    for outcome in outcomes:
        before = len(capture.entries)
        log.passed(outcome)
        new = capture.entries[before:]
        lines.append(
            [entry["event"].split(";")[0] for entry in new if entry["log_level"] != "debug"]
        )
    return lines


def test_log_writes_one_line_per_pass_with_its_counts(log: DaemonLog, capture: LogCapture) -> None:
    log.passed(passed())
    assert events(capture, "info", "warning", "error") == [
        {
            "event": "pass",
            "log_level": "info",
            "seconds": 0.25,
            "seeds": 9,
            "read": 4,
            "changed": 3,
            "gone": 2,
            "bad": 1,
            "feeds": 1,
            "written": 2,
            "removed": 1,
        }
    ]


def test_log_says_how_many_workers_did_what(log: DaemonLog, capture: LogCapture) -> None:
    log.passed(passed(workers={"seeds": {"one": 700, "two": 300}}))
    line = {"did": "seeds", "workers": 2, "each": {"one": 700, "two": 300}}
    assert events(capture, "info")[0] == {"event": "workers", "log_level": "info", **line}


def test_log_writes_each_document_at_debug(log: DaemonLog, capture: LogCapture) -> None:
    log.passed(passed())
    assert events(capture, "debug") == [
        {"event": "written", "log_level": "debug", "path": "all.atom"},
        {"event": "written", "log_level": "debug", "path": "all.rss"},
        {"event": "removed", "log_level": "debug", "path": "topics/old.atom"},
    ]


FAILED, ALIVE, PASS = ["pass failed"], ["passes succeed again", "pass"], ["pass"]


@pytest.mark.parametrize(
    ("outcomes", "lines"),
    [
        ([FULL], [FAILED]),
        ([FULL] * 4, [FAILED, [], [], []]),
        ([FULL, GONE, GONE, FULL], [FAILED, FAILED, [], FAILED]),
        ([passed(), FULL, FULL, passed(), passed()], [PASS, FAILED, [], ALIVE, PASS]),
        ([FULL, passed(), FULL, passed()], [FAILED, ALIVE, FAILED, ALIVE]),
        ([LEFT], [["pass abandoned"]]),
        ([FULL, LEFT, FULL], [FAILED, ["pass abandoned"], []]),
    ],
    ids=["once", "again", "another reason", "recovery", "relapse", "abandoned", "not a failure"],
)
def test_log_tells_of_failure_once_per_change_of_state(
    log: DaemonLog, capture: LogCapture, outcomes: list[Outcome[PassReport]], lines: list[list[str]]
) -> None:
    assert told(log, capture, *outcomes) == lines


@pytest.mark.parametrize("outcome", [FULL, FAULT], ids=["no details", "details"])
def test_log_of_a_failure_names_the_cause(
    log: DaemonLog, capture: LogCapture, outcome: Outcome[PassReport]
) -> None:
    log.passed(outcome)
    (event,) = events(capture)
    assert event["log_level"] == "error"
    assert event["reason"] == outcome.reason
    assert event.get("details", "") == outcome.details


def test_log_counts_failures_whatever_their_reasons(log: DaemonLog, capture: LogCapture) -> None:
    for outcome in (FULL, FULL, GONE, passed(), FULL, passed()):
        log.passed(outcome)
    again = [e["after_failures"] for e in events(capture) if e["event"] == "passes succeed again"]
    assert again == [3, 1]


@pytest.mark.parametrize(
    ("outcomes", "failing"),
    [
        ([], ""),
        ([FULL], FULL.reason),
        ([FULL, GONE], GONE.reason),
        ([FULL, LEFT], FULL.reason),
        ([FULL, passed()], ""),
    ],
)
def test_log_knows_why_the_last_pass_failed(
    log: DaemonLog, outcomes: list[Outcome[PassReport]], failing: str
) -> None:
    for outcome in outcomes:
        log.passed(outcome)
    assert log.failing == failing


ONE, TWO = problem(), problem(4)


@pytest.mark.parametrize(
    ("outcomes", "problems"),
    [
        ([passed(ONE), passed(ONE), passed(ONE)], [[ONE], [], []]),
        ([passed(ONE), passed(ONE, TWO)], [[ONE], [TWO]]),
        ([passed(ONE), passed(), passed(ONE)], [[ONE], [], [ONE]]),
        ([passed(ONE), passed(problem(reason="empty"))], [[ONE], [problem(reason="empty")]]),
        ([passed(ONE), FULL, passed(ONE)], [[ONE], [], []]),
        ([passed(ONE), LEFT, passed(ONE, TWO)], [[ONE], [], [TWO]]),
    ],
    ids=["still there", "one more", "back again", "another reason", "failure", "abandoned"],
)
def test_log_tells_of_each_problem_when_it_is_new(
    log: DaemonLog,
    capture: LogCapture,
    outcomes: list[Outcome[PassReport]],
    problems: list[list[Problem]],
) -> None:
    for outcome, new in zip(outcomes, problems, strict=True):
        before = len(capture.entries)
        log.passed(outcome)
        lines = [e for e in capture.entries[before:] if e["event"] == "problem"]
        assert [(line["where"], line["log_level"]) for line in lines] == [
            (str(one), "warning") for one in new
        ]


def test_log_tells_how_many_items_found_no_room_when_the_number_changes(
    log: DaemonLog, capture: LogCapture
) -> None:
    for count in (0, 30, 30, 12, 0, 12):
        log.passed(passed(left_out=count))
    lines = [e for e in events(capture, "warning") if "left_out" in e]
    assert [(line["feed"], line["left_out"]) for line in lines] == [
        ("all", 30),
        ("all", 12),
        ("all", 12),
    ]
    assert "selection.max_exposed" in lines[0]["event"]


@pytest.fixture
def restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("restored")
def test_logging_that_is_quiet_begins_with_warnings(capfd: pytest.CaptureFixture[str]) -> None:
    log = start_logging(as_json=False, debug=False, quiet=True, colors=True)
    log.info("pass")
    log.warning("problem")
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "problem" in lines[0]
    assert "\x1b[" in lines[0]


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("debug", [False, True])
def test_logging_as_json_writes_an_object_per_line_whatever_is_said(
    capfd: pytest.CaptureFixture[str],
    debug: bool,  # noqa: FBT001
) -> None:
    said = "two\nlines, \x1b[31mred\x1b[0m, a lone \udcff and Übersicht \U0001f600"
    before = datetime.now().astimezone()
    log = start_logging(as_json=True, debug=debug)
    log.info("pass", where=said)
    log.debug("written", path="all.atom")
    out, err = capfd.readouterr()
    lines = [json.loads(line) for line in err.splitlines()]
    assert [(e["event"], e["level"]) for e in lines] == [("pass", "info"), ("written", "debug")][
        : 1 + debug
    ]
    assert lines[0]["where"] == said
    assert datetime.fromisoformat(lines[0]["timestamp"]) >= before
    assert out == ""


@pytest.mark.usefixtures("restored")
def test_logging_for_people_writes_plain_lines_where_there_is_no_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    start_logging(as_json=False, debug=False).warning("problem", where=str(problem()))
    out, err = capfd.readouterr()
    assert out == ""
    assert "\x1b" not in err
    assert len(err.splitlines()) == 1
    assert "problem" in err
    assert "seeds/a.txt:3:1: error: title: missing" in err


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("name", ["seeds/\udcff.txt", "seeds/a\nb.txt"])
def test_logging_for_people_takes_any_name_of_a_file(
    capfd: pytest.CaptureFixture[str], name: str
) -> None:
    start_logging(as_json=False, debug=False).warning("problem", where=name)
    assert len(capfd.readouterr().err.splitlines()) == 1
