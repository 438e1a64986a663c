"""The daemon beside others: a second one, `feeds export`, systemd, and disks that come and go."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from statistics import median

import pytest

from feeds.common.lock import acquire_lock, lock_owner
from tests.support.processes import (
    PATIENCE,
    Daemon,
    let_passes_come_due,
    wait_for_a_pause,
    wait_until,
)
from tests.support.site import Site

EVERY_SECOND = '[schedule]\nevery = "1s"\n'
SELDOM = '[schedule]\nevery = "1h"\n'
FAILED = "pass failed; out/ is as it was, the next pass tries again"


@pytest.fixture
def site(site: Site) -> Site:
    """A site of one seed."""
    site.seed()
    return site


def ran(site: Site, *arguments: str) -> tuple[int | None, str, str]:
    """Runs a command to its end; returns its exit code, standard output and standard error."""
    with site.start(*arguments) as process:
        out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


# A second daemon


@pytest.mark.parametrize("way", ["the same path", "through a link", "another config.toml"])
def test_daemon_refuses_to_be_the_second_and_says_who_is_the_first(site: Site, way: str) -> None:
    site.configure(SELDOM)
    arguments, beside = [], site
    if way == "through a link":
        (site.root / "link").symlink_to(site.out)
        arguments = ["--out", str(site.root / "link")]
    elif way == "another config.toml":
        beside = Site(site.root / "beside")
        beside.configure(f'[paths]\nout = "{site.out}"\n')
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        before = site.tree()
        code, _, err = ran(beside, "run", *arguments)
        assert code == 2
        (line,) = err.splitlines()
        assert f"process {daemon.pid}," in line
        assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d UTC", line)
        assert site.tree() == before
        assert daemon.stop() == 0


@pytest.mark.parametrize("gone", ["the lock", "the folder"])
def test_daemon_whose_folder_was_removed_is_still_the_only_one(site: Site, gone: str) -> None:
    site.configure(SELDOM)
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        before = site.documents()
        if gone == "the folder":
            shutil.rmtree(site.out)
        else:
            (site.out / ".feeds-daemon.lock").unlink()
        wait_until(lambda: lock_owner(site.out, ".feeds-daemon.lock"))
        code, _, err = ran(site, "run")
        assert code == 2
        assert f"process {daemon.pid}," in err
        daemon.wait_for("pass", 2)
        assert site.documents() == before
        assert daemon.stop() == 0


def test_daemon_ends_where_another_was_faster_to_take_a_removed_folder(site: Site) -> None:
    site.configure(SELDOM)
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        wait_for_a_pause(site)
        # In one step, so that nothing can come between: as if out/ was removed and made anew.
        aside, lock = site.root / "aside", site.out / ".feeds-daemon.lock"
        with acquire_lock(aside, "another", wait=0, on_wait=print, name=".feeds-daemon.lock"):
            (aside / ".feeds-daemon.lock").replace(lock)
            assert daemon.wait() == 2
            assert lock_owner(site.out, ".feeds-daemon.lock") == "another"
        assert "another daemon already looks after" in daemon.log()


def test_daemon_that_fails_at_length_is_still_known_by_its_process(site: Site) -> None:
    folders = [f"missing-{number}-{'x' * 200}/{'y' * 200}" for number in range(4)]
    site.configure(SELDOM + f"[paths]\nseeds = {folders}\n".replace("'", '"'))
    for folder in folders:
        (site.root / folder).mkdir(parents=True)
        (site.root / folder / "a.txt").write_bytes((site.seeds / "a.txt").read_bytes())
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        for folder in folders:
            (site.root / folder / "a.txt").unlink()
        site.state.unlink()  # with it, the story would stay
        daemon.send(signal.SIGHUP)
        (event,) = daemon.wait_for(FAILED)
        assert len(event["reason"]) > 1024
        code, _, err = ran(site, "run")
        assert code == 2
        assert f"process {daemon.pid}," in err


def test_daemon_lets_another_look_after_another_out(site: Site) -> None:
    site.configure(SELDOM)
    with Daemon(site) as daemon, Daemon(site, "--out", str(site.root / "other")) as other:
        daemon.wait_for("pass")
        other.wait_for("pass")
        assert (site.root / "other/all.atom").read_bytes() == site.read("all.atom")


# feeds export


def test_export_beside_a_running_daemon_waits_its_turn(site: Site) -> None:
    for number in range(2, 400):
        site.seed(f"{number}.txt", number=number)
    site.configure(SELDOM)
    with Daemon(site) as daemon:
        wait_until(lambda: lock_owner(site.out, ".feeds.lock"))
        pid = int(lock_owner(site.out, ".feeds.lock").split()[1])
        os.kill(pid, signal.SIGSTOP)
        assert pid in daemon.others()
        with site.start("export", "--json") as export:
            assert export.stderr is not None
            assert export.stderr.readline().startswith(f"feeds: waiting for process {pid} (since ")
            os.kill(pid, signal.SIGCONT)
            _, err = export.communicate(timeout=PATIENCE)
        assert export.returncode == 0
        assert err.startswith("399 seeds (0 read, ")
        daemon.wait_for("pass")


def test_export_and_daemon_take_turns_for_long(site: Site) -> None:
    site.configure(EVERY_SECOND)
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        for number in range(4):
            site.seed(title=f"Edition {number}")
            assert ran(site, "export")[0] == 0
            assert f"Edition {number}".encode() in site.read("all.atom")
        daemon.wait_for("pass", len(daemon.events("pass")) + 2)
        assert [event for event in daemon.events() if event["level"] == "error"] == []


# Disks


def test_daemon_says_once_that_it_fails_and_once_that_it_succeeds_again(site: Site) -> None:
    site.configure(EVERY_SECOND)
    away = site.root / "away"
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        before = site.tree()
        wait_for_a_pause(site)  # a folder that goes in mid-pass is something else
        site.seeds.rename(away)
        (event,) = daemon.wait_for(FAILED)
        assert "cannot list the seeds folder seeds" in event["reason"]
        let_passes_come_due(site, 3)
        assert len(daemon.events(FAILED)) == 1
        assert site.tree() == before
        wait_for_a_pause(site)
        site.seeds.mkdir()  # the mount point, without the disk
        (event,) = daemon.wait_for("passes succeed again")
        assert event["after_failures"] >= 3
        (event,) = daemon.wait_for("removal pending")
        assert (event["folder"], event["stories"]) == ("seeds", 1)
        let_passes_come_due(site, 2)
        assert len(daemon.events("removal pending")) == 1
        assert site.tree() == before
        wait_for_a_pause(site)
        site.seeds.rmdir()
        away.rename(site.seeds)
        let_passes_come_due(site, 2)
        assert site.tree() == before


def test_daemon_leaves_stories_out_that_an_export_beside_it_let_go(site: Site) -> None:
    site.configure(EVERY_SECOND)
    for number in range(30):
        site.seed(f"old/{number}.txt", number=number)
    site.seed("a.txt", number=40)
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        wait_for_a_pause(site)
        shutil.rmtree(site.seeds / "old")
        site.seed("a.txt", number=40, title="Edited")
        daemon.wait_for("removal pending")
        wait_until(lambda: b"Edited" in site.read("all.json"))
        assert len(site.titles()) == 31
        assert ran(site, "export", "--allow-empty")[0] == 0
        assert site.titles() == ["Edited"]
        let_passes_come_due(site, 2)
        assert site.titles() == ["Edited"]
        assert len(daemon.events("removal pending")) == 1


def test_daemon_publishes_anew_what_was_deleted_from_out(site: Site) -> None:
    site.configure(EVERY_SECOND)
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        (site.out / "all.atom").unlink()
        wait_until((site.out / "all.atom").exists)
        (site.out / "all.json").write_text("{}")
        wait_until(lambda: b"Story 1" in site.read("all.json"))


@pytest.mark.parametrize("log", ["a full disk", "a pipe that nobody reads"])
def test_daemon_outlives_a_log_that_cannot_be_written(site: Site, log: str) -> None:
    site.configure(EVERY_SECOND)
    if log == "a full disk":
        sink = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, sink = os.pipe()
        os.close(reader)
    config = str(site.root / "config.toml")
    with subprocess.Popen(
        [sys.executable, "-m", "feeds", "run", "--config", config], stdout=sink, stderr=sink
    ) as daemon:
        os.close(sink)
        wait_until(lambda: daemon.poll() is not None or (site.out / "all.atom").exists())
        site.seed(title="Later")
        wait_until(lambda: daemon.poll() is not None or b"Later" in site.read("all.atom"))
        is_alive = daemon.poll() is None
        daemon.terminate()
    assert is_alive


# systemd


@contextmanager
def systemd(site: Site) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """Gives a socket that listens as systemd does, and the environment that names it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        address = f"\0feeds-test-{os.getpid()}-{site.root.parent.name}"
        listener.bind(address)
        listener.settimeout(PATIENCE)
        yield listener, {"NOTIFY_SOCKET": "@" + address[1:], "WATCHDOG_USEC": "1000000"}


def heard(listener: socket.socket, until: str) -> list[str]:
    """Returns the states that systemd hears, until one of them begins with a text."""
    states: list[str] = []
    while not any(state.startswith(until) for state in states):
        states += listener.recv(4096).decode().split("\n")
    return states


def pings(listener: socket.socket) -> float:
    """Returns how many seconds lie between the pings of a watchdog, as a rule.

    A machine that has much else to do may hold up one or the other.
    """
    moments = []
    for _ in range(6):
        heard(listener, "WATCHDOG=1")
        moments.append(time.monotonic())
    return median(later - earlier for earlier, later in pairwise(moments))


def test_daemon_tells_systemd_of_its_life(site: Site) -> None:
    site.configure(SELDOM)
    with systemd(site) as (listener, environment), Daemon(site, **environment) as daemon:
        states = heard(listener, "STATUS=next pass ")
        assert states[0] == "READY=1"
        daemon.send(signal.SIGHUP)
        states = heard(listener, "READY=1")
        reloading = states.index("RELOADING=1")
        assert re.fullmatch(r"MONOTONIC_USEC=\d+", states[reloading + 1])
        daemon.wait_for("pass", 2)
        daemon.send(signal.SIGTERM)
        assert heard(listener, "STOPPING=1")[-1] == "STOPPING=1"
        assert daemon.wait() == 0


def test_daemon_tells_systemd_that_it_is_alive_also_while_a_pass_hangs(site: Site) -> None:
    site.configure(SELDOM)
    with systemd(site) as (listener, environment), Daemon(site, **environment):
        with site.busy():
            heard(listener, "STATUS=pass running")
            assert pings(listener) < 0.9
        heard(listener, "STATUS=next pass")
        # It may ask twice as rarely, but never later than WATCHDOG_USEC.
        assert pings(listener) < 1


def test_daemon_tells_systemd_that_it_fails_and_why(site: Site) -> None:
    site.configure(EVERY_SECOND)
    site.seeds.rename(site.root / "away")
    with systemd(site) as (listener, environment), Daemon(site, **environment):
        failing = heard(listener, "STATUS=next pass")[-1]
        assert "; failing: cannot list the seeds folder seeds" in failing
        (site.root / "away").rename(site.seeds)
        wait_until(lambda: "failing" not in heard(listener, "STATUS=next pass")[-1])


def test_daemon_that_is_the_second_does_not_tell_systemd_that_it_is_ready(site: Site) -> None:
    site.configure(SELDOM)
    with systemd(site) as (listener, environment), Daemon(site) as first:
        first.wait_for("pass")
        with Daemon(site, **environment) as second:
            assert second.wait() == 2
        listener.setblocking(False)  # noqa: FBT003 (of Python)
        with pytest.raises(BlockingIOError):
            listener.recv(4096)
