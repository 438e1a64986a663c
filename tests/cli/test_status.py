"""``feeds status``: with a daemon and without, before the first pass and after the last."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from feeds.common.daemon_status import DaemonState, running_daemon
from feeds.common.lock import DAEMON_LOCK, acquire_lock
from feeds.common.store_protocols import HUBS_MOVED
from feeds.store import open_state
from tests.support.permissions import closed, open_folder
from tests.support.processes import Daemon, wait_for_a_pause, wait_until
from tests.support.site import NOW, Site

SELDOM = '[schedule]\nevery = "1h"\n'


def status(site: Site) -> dict[str, Any]:
    ran = site.run("status", "--json")
    assert ran.code == 0
    found = ran.report()
    assert isinstance(found, dict)
    return found


def lines(site: Site) -> list[str]:
    """Returns what people are told."""
    ran = site.run("status")
    assert (ran.code, ran.err) == (0, "")
    return ran.out.splitlines()


# Without a daemon


def test_status_before_the_first_pass_says_so_and_makes_nothing(site: Site) -> None:
    before = site.files()
    assert lines(site) == ["daemon     not running", "last pass  none yet"]
    assert status(site) == {"last_pass": None, "daemon": None, "hubs": []}
    assert site.files() == before


def test_status_tells_people_what_the_last_pass_did(site: Site) -> None:
    site.seed("a.txt", number=1)
    site.seed("b.txt", number=2, topics=["AI", "Rust"])
    site.seed("c.txt", number=3, images=[{"url": "ftp://x.example/a.jpg"}])
    site.write("d.txt", "no seed")
    report = site.publish()
    assert lines(site) == [
        "daemon     not running",
        f"last pass  2026-03-01 12:00 UTC, took {report.seconds:.2f} s",
        "read       4 seeds, 4 changed, 0 gone; wrote 31 documents, removed 0",
        "seeds      3 good, 1 bad",
        "problems   1 errors, 1 warnings",
        *(f"  {problem}" for problem in report.problems),
        "all\t3\t2026-02-04 08:00 UTC",
        "topics/ai\t3\t2026-02-04 08:00 UTC",
        "topics/rust\t1\t2026-02-03 08:00 UTC",
        "providers/example.com\t3\t2026-02-04 08:00 UTC",
    ]


def test_status_tells_of_the_pass_that_changed_nothing_too(site: Site) -> None:
    site.seed("a.txt")
    site.seed("b.txt", number=2)
    site.publish()
    (site.seeds / "b.txt").unlink()
    site.publish(NOW + timedelta(hours=1))
    assert "read       0 seeds, 0 changed, 1 gone; wrote 15 documents, removed 0" in lines(site)
    site.publish(NOW + timedelta(hours=2))
    told = lines(site)
    assert told[1].startswith("last pass  2026-03-01 14:00 UTC")
    assert told[2] == "read       0 seeds, 0 changed, 0 gone; wrote 0 documents, removed 0"


def test_status_as_json_holds_the_report_of_the_last_pass(site: Site) -> None:
    site.seed()
    site.write("b.txt", "no seed")
    exported = site.run("export", "--json").report()
    ran = site.run("status", "--json")
    assert ran.report() == {"last_pass": exported, "daemon": None, "hubs": []}
    assert "seeds      1 good, 1 bad" in ran.err


def test_status_of_a_dry_run_is_that_of_the_pass_before(site: Site) -> None:
    site.seed()
    site.publish()
    before = status(site)
    site.seed("b.txt", number=2)
    assert site.run("export", "--dry-run").code == 0
    assert status(site) == before


def test_status_after_a_pass_that_failed_is_that_of_the_last_good_one(site: Site) -> None:
    site.seed()
    site.publish()
    before = status(site)
    site.seeds.rename(site.root / "away")
    assert site.run("export").code == 2
    assert status(site) == before


@pytest.mark.parametrize("content", [b"", b"no database at all" * 99], ids=["empty", "foreign"])
def test_status_with_a_state_file_that_cannot_be_used_leaves_it_alone(
    site: Site, content: bytes
) -> None:
    site.state.parent.mkdir()
    site.state.write_bytes(content)
    assert "last pass  none yet" in lines(site)
    assert site.state.read_bytes() == content
    assert [path.name for path in site.state.parent.iterdir()] == ["state.db"]


def test_status_is_told_to_who_may_read_and_not_write(tmp_path: Path) -> None:
    del tmp_path
    with open_folder() as folder:
        site = Site(folder / "site")
        site.seed()
        site.publish()
        with closed(site.state.parent, 0o555):
            assert "seeds      1 good, 0 bad" in lines(site)


def test_status_on_a_terminal_has_a_heading(site: Site) -> None:
    site.seed()
    site.publish()
    reader, terminal = pty.openpty()
    command = [sys.executable, "-m", "feeds", "status", "--config", str(site.root / "config.toml")]
    with subprocess.Popen(command, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        while chunk := read(reader):
            shown += chunk
    os.close(reader)
    assert process.returncode == 0
    for text in (b"last pass  2026-03-01", b"Feed", b"Entries", b"Newest", b"topics/ai"):
        assert text in shown


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the other side was closed
        return b""


# With a daemon


def test_status_names_the_daemon_and_its_next_pass(site: Site) -> None:
    site.seed()
    site.configure(SELDOM)
    began = datetime.now(UTC)
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        wait_until(lambda: not status(site)["daemon"]["running"])
        found = status(site)
        about = found["daemon"]
        assert (about["pid"], about["failing"]) == (daemon.pid, "")
        assert began - timedelta(seconds=5) < datetime.fromisoformat(about["since"])
        due = datetime.fromisoformat(about["next_pass"]) - began
        assert timedelta(minutes=60) <= due < timedelta(minutes=61)
        assert found["last_pass"]["items"] == 1
        line = lines(site)[0]
        assert line.startswith(f"daemon     process {daemon.pid} since 2")
        assert " UTC, next pass 2" in line
        daemon.stop()
        assert lines(site)[0] == "daemon     not running"
        assert status(site)["last_pass"] == found["last_pass"]


def test_status_while_the_first_pass_runs_says_so(site: Site) -> None:
    site.seed()
    site.configure(SELDOM)
    with Daemon(site) as daemon, site.busy():
        wait_until(lambda: (status(site)["daemon"] or {}).get("running"))
        first, second = lines(site)
        assert first.endswith(" UTC, a pass is running")
        assert second == "last pass  none yet"
        assert daemon.events("pass") == []


def test_status_of_a_daemon_whose_next_pass_never_comes(site: Site) -> None:
    site.seed()
    site.configure('[schedule]\ncron = "0 0 30 2 *"\n')
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        wait_until(lambda: not status(site)["daemon"]["running"])
        assert status(site)["daemon"]["next_pass"] is None
        assert lines(site)[0].endswith(" UTC, next pass -")


def test_status_tells_why_the_daemon_fails_beside_the_last_good_pass(site: Site) -> None:
    site.seed()
    site.configure('[schedule]\nevery = "1s"\n')
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        wait_for_a_pause(site)  # a folder that goes in mid-pass is something else
        site.seeds.rename(site.root / "away")
        wait_until(lambda: status(site)["daemon"]["failing"])
        reason = status(site)["daemon"]["failing"]
        assert reason.startswith("cannot list the seeds folder seeds")
        assert lines(site)[1] == f"failing    {reason}"
        assert "seeds      1 good, 0 bad" in lines(site)
        (site.root / "away").rename(site.seeds)
        wait_until(lambda: not status(site)["daemon"]["failing"])


def test_status_of_a_daemon_that_was_killed_is_that_none_runs(site: Site) -> None:
    site.seed()
    site.configure(SELDOM)
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        daemon.stop(signal.SIGKILL)
        assert status(site)["daemon"] is None


def test_status_knows_the_daemon_while_it_writes_what_it_does(tmp_path: Path) -> None:
    states = [DaemonState(1, NOW, failing="x" * length) for length in (0, 300)]
    over = threading.Event()
    with acquire_lock(tmp_path, "", wait=0, on_wait=lambda _: None, name=DAEMON_LOCK) as tell:

        def write() -> None:
            while not over.is_set():
                for state in states:
                    tell(msgspec.json.encode(state).decode())

        writing = threading.Thread(target=write)
        writing.start()
        wait_until(lambda: running_daemon(tmp_path))
        found = {running_daemon(tmp_path) for _ in range(5000)}
        over.set()
        writing.join()
    assert found == set(states)


def test_status_of_a_missing_configuration_ends_with_2(site: Site) -> None:
    (site.root / "config.toml").unlink()
    ran = site.run("status", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "no configuration" in ran.err


def test_status_tells_people_where_a_hub_has_moved_to(site: Site) -> None:
    site.configure('hub = "https://old.example/"\n')
    site.seed()
    site.publish()
    with open_state(site.state, "pass", pytest.fail) as store, store.transaction():
        store.set_meta(HUBS_MOVED, {"https://old.example/": "https://new.example/"})
    assert lines(site)[-1] == (
        "hub        https://old.example/ has moved to https://new.example/: change site.hub"
    )
    assert status(site)["moved"] == {"https://old.example/": "https://new.example/"}
