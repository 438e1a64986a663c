"""Disks that are full, read-only or gone: out/ stays whole, and the next good pass recovers."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from feeds.common.errors import PublishError, SeedsFolderError
from feeds.common.reports import Options
from feeds.publish.manifest import MANIFEST
from tests.support.permissions import closed, open_folder
from tests.support.processes import Daemon
from tests.support.site import Site
from tests.support.smalldisk import Disk

FAILED = "pass failed; out/ is as it was, the next pass tries again"


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


def standing(site: Site) -> dict[str, tuple[bytes, int]]:
    """Returns bytes and mtime of every file in out/ but the manifest (it may say what we began)."""
    tree = site.tree()
    tree.pop(MANIFEST, None)
    return tree


def publish(site: Site) -> None:
    """Runs a pass that does not wait long for another, which would be one that never let go."""
    site.publish(options=Options(wait=5))


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
    before = standing(site)
    fill_seeds(site, 1)
    disk.fill(but=room)
    for _ in range(2):
        with pytest.raises(
            PublishError, match=rf"{disk.path}/out.*No space left on device"
        ) as full:
            site.publish()
        assert full.value.exit_code == 3
        assert standing(site) == before
    disk.free()
    publish(site)
    assert site.documents() == site.fresh()


@pytest.mark.parametrize("room", [0, 8192, 60_000])
def test_full_disk_under_the_first_run_publishes_nothing_by_halves(
    site: Site, disk: Disk, room: int
) -> None:
    at(site, out=disk.path / "out")
    fill_seeds(site)
    disk.fill(but=room)
    with pytest.raises(PublishError, match="No space left on device"):
        publish(site)
    assert site.documents() == {}
    disk.free()
    publish(site)
    assert site.documents() == site.fresh()


@pytest.mark.parametrize("room", [0, 40_000])
def test_full_disk_under_the_state_leaves_out_whole_until_there_is_room(
    site: Site, disk: Disk, room: int
) -> None:
    at(site, state=disk.place / "state.db")
    fill_seeds(site)
    assert disk.export(site) == (0, "")
    before = site.documents()
    fill_seeds(site, 1)
    disk.fill(but=room)
    code, err = disk.export(site)
    assert code == 3
    assert re.search(rf"state file.*({disk.place}|full)", err)
    assert site.documents() in (before, site.fresh())
    disk.free()
    assert disk.export(site) == (0, "")
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
        [
            *("sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh"),
            *(sys.executable, "-m", "feeds", "export", "--config", site.root / "config.toml"),
        ],
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
        before = standing(site)
        fill_seeds(site, 1)
        for path in (site.state, site.state.parent, *site.out.rglob("*"), site.out):
            path.chmod(0o777)
        with (
            closed(site.out / where, 0o555),
            pytest.raises(PublishError, match=f"cannot .*{site.out}.*Permission denied") as refused,
        ):
            site.publish()
        assert refused.value.exit_code == 3
        assert standing(site) == before
        site.publish()
        assert site.documents() == site.fresh()


def test_read_only_disk_under_out_is_named(site: Site, disk: Disk) -> None:
    at(site, out=disk.path / "out")
    fill_seeds(site)
    site.publish()
    before = standing(site)
    fill_seeds(site, 1)
    disk.become("ro")
    with pytest.raises(PublishError, match=f"{disk.path}/out.*Read-only file system"):
        site.publish()
    assert standing(site) == before
    disk.become("rw")
    site.publish()
    assert site.documents() == site.fresh()


def test_read_only_disk_under_the_state_is_named(site: Site, disk: Disk) -> None:
    at(site, state=disk.place / "state.db")
    fill_seeds(site)
    assert disk.export(site) == (0, "")
    before = standing(site)
    fill_seeds(site, 1)
    disk.become("ro")
    code, err = disk.export(site)
    assert code == 3
    assert re.search(
        rf"state file {disk.place}/state.db: .*(readonly|read-only|unable to open)", err
    )
    assert standing(site) == before
    disk.become("rw")
    assert disk.export(site) == (0, "")
    assert site.documents() == site.fresh()


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
    published = site.documents()
    away = site.root.parent / "away"
    folder = site.root / ("more" if way == "one of two empty" else "seeds")
    folder.rename(away)
    if way == "a file":
        folder.write_text("no folder")
    elif "empty" in way:
        folder.mkdir()
    for full in (False, True):
        if "empty" in way:
            (held,) = site.publish(options=Options(full=full)).held
            assert held.folder == folder.name
        else:
            with pytest.raises(SeedsFolderError, match=r"cannot list .*(seeds|more)"):
                site.publish(options=Options(full=full))
        assert site.documents() == published
    if folder.is_dir():
        folder.rmdir()
    else:
        folder.unlink(missing_ok=True)
    away.rename(folder)
    assert site.publish().held == []
    after = site.files()
    del before[".feeds/state.db"], after[".feeds/state.db"]  # it holds when the last pass was
    assert after == before
