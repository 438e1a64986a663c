"""The daemon as a real process, with real signals and real time."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from feeds.common.lock import DAEMON_LOCK, lock_owner
from tests.support.processes import (
    PATIENCE,
    Daemon,
    has_taken_signals,
    let_passes_come_due,
    wait_until,
)
from tests.support.site import Site

EVERY_SECOND = '[schedule]\nevery = "1s"\n'
SELDOM = '[schedule]\nevery = "1h"\n'


@pytest.fixture
def site(site: Site) -> Site:
    """A site of two seeds that says nothing of its schedule."""
    for number in (1, 2):
        site.seed(f"{number}.txt", number=number)
    return site


def titles(site: Site) -> set[str]:
    """Returns the titles in the JSON feed of everything."""
    if not (site.out / "all.json").exists():
        return set()
    return {entry["title"] for entry in json.loads(site.read("all.json"))["items"]}


def levels(daemon: Daemon, *levels: str) -> list[str]:
    return [event["event"] for event in daemon.events() if event["level"] in levels]


def ended(event: dict[str, Any]) -> float:
    """Returns when an event was logged."""
    return datetime.fromisoformat(event["timestamp"]).timestamp()


def waits(daemon: Daemon) -> bool:
    """Tells whether a pass waits, or has waited, for its turn."""
    return any("waiting for process 1" in name for name in levels(daemon, "warning"))


# Start and stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=str)
def test_daemon_publishes_at_start_and_ends_when_told(site: Site, number: int) -> None:
    site.configure(SELDOM)
    with Daemon(site) as daemon:
        (event,) = daemon.wait_for("pass")
        assert titles(site) == {"Story 1", "Story 2"}
        assert (event["seeds"], event["changed"]) == (2, 2)
        began = time.monotonic()
        assert daemon.stop(number) == 0
        assert time.monotonic() - began < PATIENCE
        wait_until(lambda: not daemon.others())
        names = [event["event"] for event in daemon.events()]
        assert names == ["started", "pass", "stopped"]
        assert lock_owner(site.out, DAEMON_LOCK) == ""


def test_daemon_abandons_a_pass_that_does_not_end_within_ten_seconds(site: Site) -> None:
    site.configure(SELDOM)
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        before = site.tree()
        site.seed("3.txt", number=3)
        with site.busy():
            daemon.send(signal.SIGHUP)
            wait_until(lambda: waits(daemon))
            began = time.monotonic()
            daemon.send(signal.SIGTERM)
            wait_until(lambda: has_taken_signals(daemon.pid))
            daemon.send(signal.SIGTERM)  # an impatient operator changes nothing
            assert daemon.wait() == 0
            assert time.monotonic() - began < PATIENCE  # the pass would wait for ten minutes
            assert site.tree() == before
        assert "pass abandoned" in levels(daemon, "warning")
        assert levels(daemon, "error") == []
        wait_until(lambda: not daemon.others())
    site.publish()
    assert titles(site) == {"Story 1", "Story 2", "Story 3"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=str)
@pytest.mark.parametrize("group", [False, True], ids=["alone", "with its group"])
def test_daemon_told_to_end_in_mid_pass_finishes_it(site: Site, number: int, group: bool) -> None:  # noqa: FBT001
    # systemd and a terminal send their signal to all processes of a service, or of a job.
    site.configure(SELDOM)
    with Daemon(site) as daemon:
        with site.busy():
            wait_until(lambda: waits(daemon))
            if group:
                os.killpg(daemon.pid, number)
            else:
                daemon.send(number)
            wait_until(lambda: has_taken_signals(daemon.pid))
        assert daemon.wait() == 0
        assert titles(site) == {"Story 1", "Story 2"}
        assert levels(daemon, "error") == []
        assert "pass" in levels(daemon, "info")


@pytest.mark.parametrize("moment", ["between passes", "in mid-pass", "while seeds are read"])
def test_daemon_that_is_killed_leaves_no_process_and_no_lock(site: Site, moment: str) -> None:
    site.configure(SELDOM)
    if moment == "while seeds are read":
        for number in range(3, 900):
            site.seed(f"{number}.txt", number=number)
    with Daemon(site) as daemon:
        if moment == "between passes":
            daemon.wait_for("pass")
            daemon.send(signal.SIGKILL)
        elif moment == "in mid-pass":
            with site.busy():
                wait_until(lambda: waits(daemon))
                daemon.send(signal.SIGKILL)
                wait_until(lambda: not daemon.others())
        else:
            wait_until(lambda: lock_owner(site.out, ".feeds.lock"))
            time.sleep(0.3)
            daemon.send(signal.SIGKILL)
        assert daemon.wait() == -signal.SIGKILL
        wait_until(lambda: not daemon.others())
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        assert daemon.stop() == 0


@pytest.mark.parametrize("zone", ["CET-1CEST,M3.5.0,M10.5.0/3", "Nowhere/Land", ":Europe/London"])
def test_daemon_runs_whatever_time_zone_the_machine_is_in(site: Site, zone: str) -> None:
    site.configure(SELDOM)
    with Daemon(site, TZ=zone) as daemon:
        daemon.wait_for("pass")
        assert daemon.stop() == 0


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("[schedule]\nevry = '1m'\n", "did you mean every?"),
        ("[schedule]\ncron = 'often'\n", "schedule.cron"),
        (None, "no configuration"),
    ],
    ids=["misspelt", "no cron line", "missing"],
)
def test_daemon_that_cannot_use_its_configuration_ends_with_2(
    site: Site, config: str | None, says: str
) -> None:
    if config is None:
        (site.root / "config.toml").unlink()
    else:
        site.configure(config)
    with site.start("run") as daemon:
        _, err = daemon.communicate(timeout=PATIENCE)
    assert daemon.returncode == 2
    assert says in err
    assert not site.out.exists()


# The schedule


def test_daemon_follows_its_schedule_one_pass_at_a_time(site: Site) -> None:
    site.configure(EVERY_SECOND)
    with Daemon(site) as daemon:
        events = daemon.wait_for("pass", 4)[:4]
        started = ended(daemon.events("started")[0])
        ends = [ended(event) for event in events]
        begins = [end - event["seconds"] for end, event in zip(ends, events, strict=True)]
        # On a busy machine passes may end late, and some be skipped.
        assert 2.8 < ends[3] - started < 3 + PATIENCE
        assert all(begin > end for (end, _), (_, begin) in pairwise(zip(ends, begins, strict=True)))
        assert [event["written"] > 0 for event in events] == [True, False, False, False]


def test_daemon_makes_one_pass_of_all_that_were_missed_while_one_hung(site: Site) -> None:
    site.configure(EVERY_SECOND)
    with Daemon(site) as daemon:
        with site.busy():
            wait_until(lambda: waits(daemon))
            time.sleep(3.5)  # three passes long
            assert daemon.events("pass") == []
        ends = [ended(event) for event in daemon.wait_for("pass", 4)]
        # The one that waited, one for all that were missed, and one that may be due by then.
        assert sum(end - ends[0] < 0.9 for end in ends) <= 3


def test_daemon_kills_a_pass_that_hangs_and_runs_the_next(site: Site) -> None:
    site.configure('[schedule]\nevery = "1s"\ntimeout = "1s"\n')
    with Daemon(site) as daemon:
        with site.busy():
            (event,) = daemon.wait_for("pass failed; out/ is as it was, the next pass tries again")
            assert "hung for 1 s (schedule.timeout)" in event["reason"]
            let_passes_come_due(site, 3)  # which hang, too
            assert len(levels(daemon, "error")) == 1
        daemon.wait_for("passes succeed again")
        daemon.wait_for("pass")
        assert titles(site) == {"Story 1", "Story 2"}


def test_daemon_goes_on_after_its_pass_was_killed(site: Site) -> None:
    site.configure(EVERY_SECOND)
    with Daemon(site) as daemon:
        with site.busy():
            wait_until(lambda: waits(daemon))
            (waiting,) = [pid for pid in daemon.others() if is_pass(pid, site)]
            os.kill(waiting, signal.SIGKILL)
            wait_until(lambda: levels(daemon, "error"))
        assert daemon.wait_for("passes succeed again")[0]["after_failures"] >= 1
        failure = daemon.events()[2]
        assert failure["reason"] == "was killed by SIGKILL"


def is_pass(pid: int, site: Site) -> bool:
    """Tells whether a process has the lock file of out/ open."""
    links = Path(f"/proc/{pid}/fd").iterdir()
    return str(site.out / ".feeds.lock") in {os.readlink(link) for link in links}  # noqa: PTH115
