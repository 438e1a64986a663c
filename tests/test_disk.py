"""Disks that are full, read-only or gone, and clocks that jump: out/ stays whole and recovers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from feeds.errors import FeedsError, PublishError, SeedsFolderError, StateError
from feeds.passes import Ears, Options
from tests.permissions import closed, open_folder
from tests.site import NOW, Daemon, Site

FAILED = "pass failed; out/ is as it was, the next pass tries again"


class Disk:
    """A small disk of its own (tmpfs), mounted where only processes of ours see it."""

    def __init__(self, place: Path) -> None:
        place.mkdir()
        self._place = place
        # The mount lives as long as this shell, and is reached through the shell's view of things.
        self._shell = subprocess.Popen(
            ["unshare", "--map-root-user", "--mount", "sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.path = Path(f"/proc/{self._shell.pid}/root{place}")
        self.mounted = self.tell(f"mount -t tmpfs -o size=1m tmpfs '{place}'") == "0"

    def tell(self, command: str) -> str:
        """Runs a command in the shell; returns its exit code, with what it printed before."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        try:
            self._shell.stdin.write(f"{command}; echo $?\n")
            self._shell.stdin.flush()
        except BrokenPipeError:  # the shell never came to life
            return ""
        return self._shell.stdout.readline().strip()

    def remount(self, options: str) -> None:
        assert self.tell(f"mount -o remount,{options} '{self._place}'") == "0"

    def fill(self, but: int = 0) -> None:
        """Leaves this many bytes free."""
        with (self.path / "filler").open("ab") as filler:
            free = os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_frsize
            filler.write(bytes(max(0, free - but)))

    def free(self) -> None:
        (self.path / "filler").unlink()

    def close(self) -> None:
        with self._shell as shell:
            shell.kill()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small disk; where none can be mounted the test is skipped."""
    try:
        disk = Disk(tmp_path / "disk")
    except FileNotFoundError:
        pytest.skip("unshare(1) is not installed, so no small disk can be mounted")
    try:
        if not disk.mounted:
            pytest.skip("mounting a small disk is not allowed here")
        yield disk
    finally:
        disk.close()


def fill_seeds(site: Site, edition: int = 0) -> None:
    """Writes twelve seeds, whose documents come to about 150 KB."""
    for number in range(12):
        title, when = f"Story {number}, edition {edition}", f"2026-02-28T{edition:02}:00:00Z"
        site.seed(
            f"{number}.txt",
            number=number,
            title=title,
            updatedDateTime=when,
            topics=["AI", f"Topic {number % 3}"],
            body="A long story. " * 60,
        )


def at(site: Site, **paths: Path) -> Site:
    """Configures where the site keeps things."""
    site.configure("[paths]\n" + "".join(f'{key} = "{path}"\n' for key, path in paths.items()))
    site.out = paths.get("out", site.out)
    return site


# Full


@pytest.mark.parametrize("room", [0, 4096, 40_000, 100_000])
def test_full_disk_under_out_leaves_it_whole_until_there_is_room(
    site: Site, disk: Disk, room: int
) -> None:
    at(site, out=disk.path / "out")
    fill_seeds(site)
    site.publish()
    before = site.tree()
    fill_seeds(site, 1)
    disk.fill(but=room)
    for _ in range(2):
        with pytest.raises(
            PublishError, match=rf"{disk.path}/out.*No space left on device"
        ) as full:
            site.publish()
        assert full.value.exit_code == 3
        assert site.tree() == before
    disk.free()
    assert len(site.publish().written) == 18
    assert site.documents() == site.fresh()


@pytest.mark.parametrize("room", [0, 8192, 60_000])
def test_full_disk_under_the_first_run_publishes_nothing_by_halves(
    site: Site, disk: Disk, room: int
) -> None:
    at(site, out=disk.path / "out")
    fill_seeds(site)
    disk.fill(but=room)
    with pytest.raises(PublishError, match="No space left on device"):
        site.publish()
    assert site.documents() == {} if site.out.exists() else True
    disk.free()
    site.publish()
    assert site.documents() == site.fresh()


@pytest.mark.parametrize("room", [0, 40_000])
def test_full_disk_under_the_state_leaves_out_whole_until_there_is_room(
    site: Site, disk: Disk, room: int
) -> None:
    at(site, state=disk.path / "state.db")
    fill_seeds(site)
    site.publish()
    before = site.documents()
    fill_seeds(site, 1)
    disk.fill(but=room)
    with pytest.raises(StateError, match=r"state file.*full") as full:
        site.publish()
    assert full.value.exit_code == 3
    assert site.documents() in (before, site.fresh())
    disk.free()
    site.publish()
    assert site.documents() == site.fresh()


def test_daemon_on_a_full_disk_says_so_once_and_recovers(site: Site, disk: Disk) -> None:
    at(site, out=disk.path / "out")
    with (site.root / "config.toml").open("a") as config:
        config.write('[schedule]\nevery = "1s"\n')
    fill_seeds(site)
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        before = site.documents()
        disk.fill()
        fill_seeds(site, 1)
        (event,) = daemon.wait_for(FAILED)
        assert "No space left on device" in event["reason"]
        assert site.documents() == before
        disk.free()
        daemon.wait_for("passes succeed again")
        assert len(daemon.events(FAILED)) == 1
    assert site.documents() == site.fresh()


@pytest.mark.parametrize("blocks", [0, 2, 8, 16, 64, 128, 256])
def test_file_size_limit_stops_the_export_with_its_reason_or_not_at_all(
    site: Site, blocks: int
) -> None:
    fill_seeds(site)
    site.publish()
    before = site.documents()
    fill_seeds(site, 1)
    ended = subprocess.run(
        ["sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh", sys.executable, "-m", "feeds"]
        + ["export", "--config", str(site.root / "config.toml")],
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        assert ended.returncode == 3
        (line,) = ended.stderr.splitlines()
        assert line.startswith(
            ("feeds: cannot publish: ", "feeds: cannot write", "feeds: cannot use")
        )
        assert str(site.root) in line
    assert site.documents() in (before, site.fresh())
    site.publish()
    assert site.documents() == site.fresh()


# Read-only


@pytest.mark.parametrize("where", [".", "topics"])
def test_read_only_out_is_left_whole_and_named(where: str) -> None:
    with open_folder() as folder:
        site = Site(folder / "site")
        fill_seeds(site)
        site.publish()
        before = site.tree()
        fill_seeds(site, 1)
        for path in (site.state, site.state.parent, *site.out.rglob("*"), site.out):
            path.chmod(0o777)
        with (
            closed(site.out / where, 0o555),
            pytest.raises(PublishError, match=f"cannot .*{site.out}.*Permission denied") as refused,
        ):
            site.publish()
        assert refused.value.exit_code == 3
        assert site.tree() == before
        site.publish()
        assert site.documents() == site.fresh()


def test_read_only_disk_under_out_is_named(site: Site, disk: Disk) -> None:
    at(site, out=disk.path / "out")
    fill_seeds(site)
    site.publish()
    before = site.tree()
    fill_seeds(site, 1)
    disk.remount("ro")
    with pytest.raises(PublishError, match=f"{disk.path}/out.*Read-only file system"):
        site.publish()
    assert site.tree() == before
    disk.remount("rw")
    site.publish()
    assert site.documents() == site.fresh()


@pytest.mark.parametrize("where", ["out", "state"])
def test_read_only_disk_without_a_change_needs_no_writing_of_documents(
    site: Site, disk: Disk, where: str
) -> None:
    at(site, **{where: disk.path / ("out" if where == "out" else "state.db")})
    fill_seeds(site)
    site.publish()
    before = site.tree()
    disk.remount("ro")
    with pytest.raises((PublishError, StateError), match=r"Read-only|readonly|unable to open"):
        site.publish()
    assert site.tree() == before


# Gone


@pytest.mark.parametrize("way", ["gone", "a file", "empty", "one of two empty"])
def test_seeds_that_vanish_empty_no_feed(site: Site, way: str) -> None:
    (site.root / "more").mkdir()
    at(site)
    site.configure('[paths]\nseeds = ["seeds", "more"]\n')
    fill_seeds(site)
    if way == "one of two empty":
        (site.seeds / "0.txt").rename(site.root / "more/0.txt")
    site.publish()
    before = site.files()
    away = site.root.parent / "away"
    folder = site.root / ("more" if way == "one of two empty" else "seeds")
    folder.rename(away)
    if way == "a file":
        folder.write_text("no folder")
    elif "empty" in way:
        folder.mkdir()
    kind = PublishError if "empty" in way else SeedsFolderError
    for full in (False, True):
        with pytest.raises(kind, match="seeds|more") as refused:
            site.publish(options=Options(full=full))
        assert ("no seed found in" if "empty" in way else "cannot list") in str(refused.value)
    if folder.is_dir():
        folder.rmdir()
    else:
        folder.unlink(missing_ok=True)
    away.rename(folder)
    site.publish()
    after = site.files()
    del before[".feeds/state.db"], after[".feeds/state.db"]  # it holds when the last pass was
    assert after == before


# Clocks that jump


def shown(site: Site) -> dict[str, datetime]:
    """Returns the entries of the feed of everything: when each was last changed, by title."""
    items = json.loads(site.read("all.json"))["items"]
    return {item["title"]: datetime.fromisoformat(item["date_modified"]) for item in items}


YEARS = timedelta(days=4000)
JUMPS = [-YEARS, -timedelta(hours=1), timedelta(hours=1), YEARS]


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_clock_that_jumps_and_comes_back_leaves_documents_as_they_were(
    site: Site, jump: timedelta
) -> None:
    fill_seeds(site)
    site.publish()
    before = site.tree()
    for minutes in (0, 10):
        site.publish(NOW + jump + timedelta(minutes=minutes))
        assert site.tree() == before
    site.publish(NOW + timedelta(minutes=30))
    assert site.tree() == before


def test_clock_that_was_set_back_is_named_in_a_warning(site: Site) -> None:
    warnings: list[str] = []
    fill_seeds(site)
    site.publish()
    site.publish(NOW - YEARS, ears=Ears(warn=warnings.append))
    assert any("clock" in text for text in warnings)
    assert any("2026-03-01" in text for text in warnings)


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_clock_that_jumps_does_not_leave_its_time_in_documents(site: Site, jump: timedelta) -> None:
    site.seed("a.txt", number=1)
    site.publish()
    site.seed("a.txt", number=1, title="Edited without a date")
    site.publish(NOW + jump)
    site.publish(NOW + timedelta(hours=2))
    (updated,) = shown(site).values()
    assert datetime(2026, 2, 2, 8, tzinfo=NOW.tzinfo) < updated <= NOW + timedelta(hours=2)


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_clock_that_jumps_does_not_expose_late_items_for_ever(site: Site, jump: timedelta) -> None:
    site.configure("[selection]\nmax_items = 1\n")
    site.seed("a.txt", number=1, published=False)
    site.seed("b.txt", number=2)
    site.publish()
    site.seed("a.txt", number=1)
    site.publish(NOW + jump)
    site.publish(NOW + timedelta(hours=2))
    assert "Story 2" in shown(site)
    site.publish(NOW + timedelta(hours=60))
    assert set(shown(site)) == {"Story 2"}


def test_clock_that_jumps_all_the_time_loses_no_item_and_moves_no_date(site: Site) -> None:
    fill_seeds(site)
    site.publish()
    for edition, jump in enumerate([*JUMPS, *reversed(JUMPS)], 1):
        fill_seeds(site, edition)
        try:
            site.publish(NOW + jump)
        except FeedsError as error:
            pytest.fail(f"{jump}: {error}")
    site.publish(NOW + timedelta(hours=3))
    assert site.documents() == site.fresh(NOW + timedelta(hours=3))
