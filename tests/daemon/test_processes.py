"""Fetches, deliveries and the server as the daemon looks after them, without a daemon.

What the processes do is theirs; here they are functions or commands that end at once.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from feeds.cli.options import make_parser
from feeds.cli.run import _server_arguments
from feeds.common.daemon_status import WATCHED
from feeds.common.reports import FetchReport
from feeds.config import Loaded
from feeds.daemon import processes
from feeds.daemon.log import DaemonLog
from feeds.daemon.processes import Deliveries, FetchTask, Outcome, ServerProcess
from feeds.publish.delivery import Delivery
from tests.support.processes import wait_until
from tests.support.site import NOW, Site

HUB, OTHER = "https://hub.example/?key=secret", "https://other.example/"


@pytest.fixture
def capture() -> LogCapture:
    return LogCapture()


@pytest.fixture
def log(capture: LogCapture) -> Any:
    return structlog.wrap_logger(None, processors=[capture], wrapper_class=structlog.BoundLogger)


def events(capture: LogCapture) -> list[str]:
    return [entry["event"] for entry in capture.entries]


# Fetches


def test_fetch_runs_once_at_a_time_and_tells_once_how_it_ended(site: Site) -> None:
    fetch = FetchTask()
    assert fetch.ended() is None
    fetch.start(site.load())
    task = fetch._task
    fetch.start(site.load())
    assert fetch._task is task
    ended: list[Outcome[FetchReport]] = []

    def has_ended() -> bool:
        ended.extend(filter(None, [fetch.ended()]))
        return bool(ended)

    wait_until(has_ended)
    assert ended[0].report is not None
    assert (ended[0].report.asked, ended[0].reason) == (0, "")
    assert fetch.ended() is None


def test_fetch_that_is_stopped_tells_nothing(site: Site) -> None:
    fetch = FetchTask()
    fetch.stop()
    fetch.start(site.load())
    fetch.stop()
    assert fetch.ended() is None


def test_fetch_is_logged_if_it_did_something_and_its_failures_once(
    log: Any, capture: LogCapture
) -> None:
    fetches = DaemonLog(log)
    idle, busy = (FetchReport(started=NOW, seconds=1.0, asked=count) for count in (0, 3))
    failed: Outcome[FetchReport] = Outcome(reason="no room", details="Traceback")
    for outcome in (Outcome(idle), failed, failed, Outcome(busy), failed):
        fetches.fetched(outcome)
    fetches.fetched(Outcome(idle, warnings=("odd",)))
    wanted = ["images not fetched", "images", "images not fetched", "odd"]
    assert events(capture) == wanted
    assert capture.entries[0]["details"] == "Traceback"
    assert capture.entries[1]["asked"] == 3


# Deliveries


class FakeDelivery:
    """A delivery that ends as the test says."""

    made: list[FakeDelivery]

    def __init__(self, loaded: Loaded, hub: str, seconds: float) -> None:
        assert loaded.config.site.hub
        assert seconds > 0
        self.hub = hub
        self.over: Delivery | None = None
        self.is_stopped = False
        self.made.append(self)

    def poll(self) -> Delivery | None:
        return self.over

    def stop(self) -> None:
        self.is_stopped = True


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[FakeDelivery]:
    FakeDelivery.made = []
    monkeypatch.setattr(processes, "DeliveryTask", FakeDelivery)
    return FakeDelivery.made


def with_hubs(site: Site, *hubs: str) -> Loaded:
    site.configure(f"hub = {list(hubs)}\n")
    return site.load()


def test_deliveries_are_one_at_a_time_for_each_hub(site: Site, made: list[FakeDelivery]) -> None:
    ended: list[Delivery] = []
    deliveries = Deliveries(ended.append)
    loaded = with_hubs(site, HUB, OTHER)
    deliveries.want(loaded)
    deliveries.want(loaded)  # while they run: once more after them
    assert [one.hub for one in made] == [HUB, OTHER]
    made[0].over = Delivery(HUB, sent=2)
    deliveries.tend(loaded)
    assert ended == [Delivery(HUB, sent=2)]
    assert [one.hub for one in made] == [HUB, OTHER, HUB]
    deliveries.stop()
    assert [one.is_stopped for one in made] == [False, True, True]


def test_delivery_that_failed_is_made_again_when_it_is_due_if_its_hub_is_still_there(
    site: Site, made: list[FakeDelivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_SOON_SECONDS", 0.0)
    deliveries = Deliveries(lambda _: None)
    loaded = with_hubs(site, HUB, OTHER)
    deliveries.want(loaded)
    made[0].over = Delivery(HUB, error="away", next_try=int(time.time()) + 3600)
    made[1].over = Delivery(OTHER, error="away", next_try=int(time.time()) - 1)
    deliveries.tend(loaded)

    def is_made_again() -> bool:
        deliveries.tend(loaded)
        return len(made) > 2

    wait_until(is_made_again)
    assert [one.hub for one in made] == [HUB, OTHER, OTHER]
    made[2].over = Delivery(OTHER, error="away", next_try=int(time.time()) - 1)
    deliveries.tend(with_hubs(site, HUB))
    assert len(made) == 3


def test_delivery_is_logged_once_for_each_reason_and_without_credentials(
    log: Any, capture: LogCapture
) -> None:
    deliveries = DaemonLog(log)
    away = Delivery(HUB, error="away", pending=2, details="Traceback", moved="https://new.example/")
    ends = [away, away, Delivery(OTHER, error="away"), Delivery(HUB, losses=("too old",), sent=1)]
    for one in ends:
        deliveries.delivered(one)
    failed, moved = "hub not told, will be tried again", "the hub has moved, change site.hub"
    lost = "the hub will not be told of a document"
    assert events(capture) == [moved, failed, failed, lost, "hub told", "hub takes pings again"]
    assert "secret" not in str(capture.entries)
    assert capture.entries[1]["details"] == "Traceback"


# The server


@pytest.fixture
def server(log: Any) -> Iterator[ServerProcess]:
    server = ServerProcess([], log)
    yield server
    server.stop()
    server.wait()


def is_down(server: ServerProcess) -> bool:
    server.check()
    return server._process is None


def runs(server: ServerProcess, code: str) -> None:
    server._command = [sys.executable, "-c", code]


def test_server_that_ends_is_started_again_after_longer_and_longer_pauses(
    server: ServerProcess, capture: LogCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(server, "raise SystemExit(3)")
    for pause in (1, 2, 4):
        server._due = 0.0
        wait_until(lambda: is_down(server))
        assert capture.entries[-1]["next_try_in"] == f"{pause} s"
    assert events(capture) == ["the server ended"] * 3
    assert capture.entries[0]["code"] == 3
    assert is_down(server)  # it is not time yet
    monkeypatch.setattr(processes, "_STEADY_SECONDS", -1.0)
    server._due = 0.0
    wait_until(lambda: is_down(server))
    assert capture.entries[-1]["next_try_in"] == "1 s"


def test_server_that_cannot_be_started_is_tried_again_later(
    server: ServerProcess, capture: LogCapture, tmp_path: Path
) -> None:
    server._command = [str(tmp_path / "nothing")]
    server.check()
    server.check()
    assert events(capture) == ["the server could not be started"]
    assert "No such file" in capture.entries[0]["reason"]


def test_server_knows_its_daemon_and_ends_when_told(server: ServerProcess, tmp_path: Path) -> None:
    told = tmp_path / "told"
    code = f"import os, time; open({str(told)!r}, 'w').write(os.environ['{WATCHED}'])"
    runs(server, f"{code}; time.sleep(600)")
    server.check()
    wait_until(lambda: told.exists() and told.read_text() == str(os.getpid()))
    server.stop()
    server.wait()
    assert server._process is not None
    assert server._process.returncode == -signal.SIGTERM
    server.stop()
    assert is_down(server)  # and stays so


def test_server_that_does_not_end_is_killed(
    server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_GRACE_SECONDS", 0.2)
    deaf = tmp_path / "deaf"
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    runs(server, f"{code}; open({str(deaf)!r}, 'w'); time.sleep(600)")
    server.check()
    wait_until(deaf.exists)
    server.stop()
    server.wait()
    assert server._process is not None
    assert server._process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ([], []),
        (["--out", "o", "--log-json"], ["--out", "o", "--log-json"]),
        (["--debug"], ["--debug"]),
        (["--color", "never", "-q"], ["--color", "never", "--quiet"]),
    ],
    ids=["none", "where and how", "debug", "as terminals do"],
)
def test_server_is_given_the_options_of_its_daemon(options: list[str], wanted: list[str]) -> None:
    given = make_parser().parse_args(["run", "--serve", "--config", "c.toml", *options])
    made = _server_arguments(given)
    assert made[:2] == ["--config", "c.toml"]
    default = [] if "--color" in wanted else ["--color", "auto"]
    assert sorted(made[2:]) == sorted([*default, *wanted])
    make_parser().parse_args(["serve", *made])
