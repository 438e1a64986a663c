"""Backups of the state file: what they are good for, and what they never overwrite."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from feeds.common.reports import Callbacks
from feeds.store import open_state
from feeds.store.backup import _put_back, _write_copy
from tests.support.buckets import BUCKET
from tests.support.failing_buckets import FORBIDDEN, Buckets
from tests.support.site import NOW, Site

OBJECT = f"s3://{BUCKET}/backups/state.db"
LATER = NOW + timedelta(days=1)

pytestmark = pytest.mark.usefixtures("buckets")


@pytest.fixture
def site(site: Site) -> Site:
    """A site with a story whose `updated` only the state file knows."""
    site.seed(number=1)
    site.publish()
    site.seed(number=1, title="Edited")
    site.publish(LATER)
    return site


def lose_state(site: Site) -> None:
    for path in site.state.parent.glob("state.db*"):
        path.unlink()


def backups(site: Site) -> list[Path]:
    """Returns what stands where backups are made, finished or not."""
    return sorted(path for path in site.root.rglob("*") if "feeds-tmp" in path.name)


@pytest.mark.parametrize("where", ["copies/state.db", "copies/", OBJECT])
def test_state_that_is_lost_is_restored_from_its_backup(site: Site, where: str) -> None:
    site.configure(f'[state]\nbackup = "{where}"\n')
    ran = site.run("state", "backup", "--json")
    assert ran.code == 0
    name = where if "://" in where else str(site.root / "copies/state.db")
    assert ran.report()["backup"] == name
    before = site.entries()
    lose_state(site)
    warnings: list[str] = []
    report = site.publish(LATER, callbacks=Callbacks(warn=warnings.append))
    assert warnings == [f"there was no state file {site.state}: it is restored from {name}"]
    assert (report.changed, report.changed_out) == (0, False)
    assert site.entries() == before
    assert backups(site) == []
    lose_state(site)
    site.configure("")
    site.publish(LATER)
    assert site.entries() != before  # so the state knew what is nowhere else


def test_first_start_finds_no_backup_and_says_so(site: Site) -> None:
    lose_state(site)
    for where in ("state-copy.db", OBJECT):
        site.configure(f'[state]\nbackup = "{where}"\n')
        ran = site.run("export")
        assert ran.code == 0
        assert "all begins anew" in ran.err
        lose_state(site)


@pytest.mark.parametrize("command", [["export", "--dry-run"], ["list"], ["status"]])
def test_commands_that_only_look_restore_nothing(site: Site, command: list[str]) -> None:
    site.configure('[state]\nbackup = "copy.db"\n')
    site.run("state", "backup")
    lose_state(site)
    assert site.run(*command).code == 0
    assert not site.state.exists()


def spoil(copy: Path, how: str) -> None:
    data = copy.read_bytes()
    if how == "cut":
        copy.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        copy.write_bytes(b"")
    elif how == "text":
        copy.write_bytes(b"no database")
    else:
        with closing(sqlite3.connect(copy)) as db, db:
            db.execute(f"PRAGMA {how}")


@pytest.mark.parametrize(
    "how", ["cut", "empty", "text", "user_version = 1000", "application_id = 7"]
)
def test_backup_that_cannot_be_used_stops_the_pass(site: Site, how: str) -> None:
    site.configure('[state]\nbackup = "copy.db"\n')
    site.run("state", "backup")
    lose_state(site)
    spoil(site.root / "copy.db", how)
    before = site.tree()
    ran = site.run("export")
    assert ran.code == 3
    assert "(state.backup): it is not a whole state file: " in ran.err
    assert (site.tree(), site.state.exists(), backups(site)) == (before, False, [])


def test_backup_in_a_bucket_that_does_not_let_us_stops_the_pass(
    site: Site, buckets: Buckets
) -> None:
    site.configure(f'[state]\nbackup = "{OBJECT}"\n')
    buckets.fault = lambda *_: FORBIDDEN
    assert site.run("state", "backup").code == 3
    lose_state(site)
    ran = site.run("export")
    assert (ran.code, site.state.exists(), backups(site)) == (3, False, [])
    assert OBJECT in ran.err


@pytest.mark.parametrize(
    ("where", "code", "says"),
    [
        ("config.toml", 2, "it is not a file of feeds"),
        ("out/state.db", 2, "which is served"),
        (".feeds/state.db", 2, "is the state file itself"),
        ("config.toml/state.db", 3, "cannot write to"),
    ],
)
def test_backup_overwrites_nothing_else(
    site: Site, monkeypatch: pytest.MonkeyPatch, where: str, code: int, says: str
) -> None:
    monkeypatch.chdir(site.root)
    before = site.files()
    ran = site.run("state", "backup", where)
    assert ran.code == code
    assert says in ran.err
    assert site.files() == before


def test_backup_needs_a_state_file(site: Site) -> None:
    lose_state(site)
    ran = site.run("state", "backup", str(site.root / "copy.db"))
    assert (ran.code, "there is no state file" in ran.err) == (3, True)


def test_backup_is_replaced_by_the_next_and_made_while_a_pass_goes_on(site: Site) -> None:
    copy = site.root / "copy.db"
    assert site.run("state", "backup", str(copy)).code == 0
    with open_state(site.state, "pass", lambda _: None) as store, store.transaction():
        store.hold({"a": "b"})
        assert site.run("state", "backup", str(copy)).code == 0
    with open_state(copy, "serve") as found:
        assert found is not None
        assert found.held() == {}
    assert site.run("state", "backup", str(copy)).code == 0
    with open_state(copy, "serve") as found:
        assert found is not None
        assert found.held() == {"a": "b"}


def test_backup_removes_what_killed_ones_have_left(site: Site) -> None:
    left, running = (site.root / f".feeds-copy-{name}.feeds-tmp" for name in ("left", "running"))
    for path in (left, running):
        path.write_bytes(b"")
    os.utime(left, (0, 0))
    assert site.run("state", "backup", str(site.root / "copy.db")).code == 0
    assert backups(site) == [running]


def test_restored_state_takes_nothing_from_what_sqlite_left_of_the_lost_one(site: Site) -> None:
    site.configure('[state]\nbackup = "copy.db"\n')
    assert site.run("state", "backup").code == 0
    side = site.state.with_name("state.db-wal")
    with open_state(site.state, "pass", lambda _: None) as store, store.transaction():
        store.hold({"a": "b"})
    with open_state(site.state, "pass", lambda _: None) as store:
        with store.transaction():
            store.hold({"c": "d"})
        left = side.read_bytes()
    assert left
    site.state.unlink()
    side.write_bytes(left)
    assert site.run("export").code == 0
    with open_state(site.state, "serve") as found:
        assert found is not None
        assert found.held() == {}
    with closing(sqlite3.connect(site.state)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_backup_takes_no_place_that_another_run_has_taken(site: Site) -> None:
    site.seed()
    site.publish()
    copy, before = site.root / "copy.db", site.state.read_bytes()
    _write_copy(site.state, copy)
    assert not _put_back(copy, site.state)
    assert site.state.read_bytes() == before
    assert _put_back(copy, site.root / "other.db")
