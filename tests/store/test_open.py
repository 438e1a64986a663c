"""Opening the state file in whatever state it is: never a crash, and nothing is ever deleted."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from feeds.common.errors import StateError
from feeds.common.reports import Callbacks
from feeds.common.store_protocols import Meta
from feeds.store import move_aside, open_state
from feeds.store import open as opening
from feeds.store.our_files import claim
from feeds.store.schema import APPLICATION_ID, VERSION
from tests.support.permissions import closed, open_folder
from tests.support.site import Site

IT = Meta("it", str)
SIDES = ("", "-wal", "-shm")


def test_new_state_is_made_with_the_folders_above_it(tmp_path: Path) -> None:
    path = tmp_path / "a/b ?#%20é/state.db"
    with open_state(path, "pass", pytest.fail) as store, store.transaction():
        store.set_meta(IT, "is there")
    with open_state(path, "pass", pytest.fail) as store:
        assert store.get_meta(IT) == "is there"
    assert path.is_file()


def test_state_is_signed_and_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_state(path, "pass", pytest.fail):
        pass
    with closing(sqlite3.connect(path)) as database:
        for pragma, value in [
            ("application_id", APPLICATION_ID),
            ("user_version", VERSION),
            ("journal_mode", "wal"),
        ]:
            assert database.execute(f"PRAGMA {pragma}").fetchone() == (value,)


def test_empty_file_becomes_a_state(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.touch()
    with open_state(path, "pass", pytest.fail) as store:
        assert store.item_count() == 0


def open_at_once(path: Path, runs: int) -> list[str]:
    """Opens the state in as many threads; returns all that was said against it."""
    barrier = threading.Barrier(runs)
    said: list[str] = []

    def run() -> None:
        barrier.wait()
        try:
            with open_state(path, "pass", said.append) as store, store.transaction():
                store.set_meta(Meta(threading.current_thread().name, int), 1)
        except StateError as error:
            said.append(str(error))

    threads = [threading.Thread(target=run, name=f"{number}") for number in range(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


def test_several_runs_may_make_the_state_at_once(tmp_path: Path) -> None:
    for attempt in range(8):
        path = tmp_path / f"{attempt}/state.db"
        assert open_at_once(path, 4) == []
        with open_state(path, "pass", pytest.fail) as store:
            assert [store.get_meta(Meta(f"{number}", int)) for number in range(4)] == [1] * 4


# -wal and -shm


def leave_wal(path: Path, *statements: str) -> None:
    """Makes a database whose last statements stand in its -wal only, as a killed run leaves it."""
    original = path.with_name("original.db")
    with closing(sqlite3.connect(original, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        for statement in statements:
            database.execute(statement)
        for side in SIDES[:2]:
            shutil.copy(f"{original}{side}", f"{path}{side}")
    original.unlink()


def test_what_a_killed_run_committed_is_there(site: Site) -> None:
    site.seed()
    site.publish()
    shutil.copy(site.state, site.state.with_name("original.db"))
    leave_wal(site.state, "UPDATE memory SET first_seen = 12345")
    assert b"12345" not in site.state.read_bytes()
    with open_state(site.state, "pass", pytest.fail) as store:
        assert [one.id for one in store.item_headers()]
    with closing(sqlite3.connect(site.state)) as database:
        assert database.execute("SELECT first_seen FROM memory").fetchone() == (12345,)


def test_database_of_another_program_keeps_what_stood_in_its_wal(tmp_path: Path) -> None:
    """Somebody put it there instead of ours."""
    path = tmp_path / "state.db"
    claim(path)
    leave_wal(path, "CREATE TABLE bookmark (url TEXT)", "INSERT INTO bookmark VALUES ('x')")
    said: list[str] = []
    with open_state(path, "pass", said.append) as store:
        assert store.item_count() == 0
    (moved,) = (one for one in tmp_path.iterdir() if one.name.endswith(tuple("0123456789")))
    assert str(moved) in said[0]
    with closing(sqlite3.connect(moved)) as database:
        assert database.execute("SELECT url FROM bookmark").fetchall() == [("x",)]


def test_files_beside_garbage_move_with_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    claim(path)
    for side in SIDES:
        path.with_name(path.name + side).write_bytes(b"garbage" * 99 + side.encode())
    said: list[str] = []
    with open_state(path, "pass", said.append):
        pass
    kept = {path.name, f"{path.name}-feeds"}
    moved = {one.name: one.read_bytes() for one in tmp_path.iterdir() if one.name not in kept}
    (stem,) = (name for name in moved if not name.endswith(SIDES[1:]))
    assert moved == {stem + side: b"garbage" * 99 + side.encode() for side in SIDES}


def test_files_left_beside_a_deleted_state_do_not_come_into_the_new_one(site: Site) -> None:
    site.seed()
    site.publish()
    shutil.copy(site.state, site.state.with_name("original.db"))
    leave_wal(site.state, "UPDATE seed SET quality = 1")
    site.state.unlink()
    before = site.tree()
    report = site.publish(callbacks=Callbacks(warn=pytest.fail))
    assert (report.read, site.tree()) == (1, before)


# Moving aside, and where that is not possible


def test_what_was_moved_aside_before_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    for number in range(5):
        path.write_bytes(b"%d" % number)
        move_aside(path, "reason", lambda _: None)
    assert sorted(one.read_bytes() for one in tmp_path.iterdir()) == [b"0", b"1", b"2", b"3", b"4"]


def test_state_that_cannot_be_moved_aside_is_left_with_a_message(tmp_path: Path) -> None:
    path = tmp_path / ("s" * 240)  # a name that a longer one has no room for
    claim(path)
    path.write_bytes(b"garbage" * 99)
    with pytest.raises(StateError, match="nor moved aside"), open_state(path, "pass", pytest.fail):
        pass
    assert path.read_bytes() == b"garbage" * 99


def test_state_below_a_file_ends_with_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StateError, match="cannot make"),
        open_state(tmp_path / "file/x", "pass", print),
    ):
        pass


def test_state_that_is_a_folder_ends_with_a_message_and_stays(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    with (
        pytest.raises(StateError, match=r"cannot (open|use)"),
        open_state(tmp_path / "state.db", "pass", print),
    ):
        pass
    assert [one.name for one in tmp_path.iterdir()] == ["state.db"]


def test_state_where_nobody_can_write_ends_with_a_message() -> None:
    """Not even root makes files in /proc."""
    with pytest.raises(StateError), open_state(Path("/proc/self/state.db"), "pass", print):
        pass


@pytest.mark.parametrize("is_there", [True, False], ids=["state", "no state"])
def test_read_only_folder_ends_with_a_message_and_stays(*, is_there: bool) -> None:
    with open_folder() as folder:
        path = folder / "state/state.db"
        path.parent.mkdir()
        if is_there:
            with open_state(path, "pass", pytest.fail):
                pass
        before = {one.name: one.read_bytes() for one in path.parent.iterdir()}
        with (
            closed(path.parent, 0o555),
            pytest.raises(StateError, match="state"),
            open_state(path, "pass", pytest.fail) as store,
            store.transaction(),
        ):
            pass
        assert {one.name: one.read_bytes() for one in path.parent.iterdir()} == before


def test_state_in_use_is_not_taken_for_damaged(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.publish()
    monkeypatch.setattr(opening, "_BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(site.state, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="locked"):
            site.publish(callbacks=Callbacks(warn=pytest.fail))
    assert sorted(path.name for path in site.state.parent.iterdir()) == [
        "state.db",
        "state.db-feeds",
    ]


# Private copies


def test_copy_has_what_the_state_has_and_keeps_nothing(site: Site) -> None:
    site.seed()
    site.publish()
    before = site.state.read_bytes()
    with open_state(site.state, "look") as copy, copy.transaction():
        assert copy.item_count() == 1
        copy.forget(copy.seed_fingerprints(""))
        assert copy.item_count() == 0
    assert site.state.read_bytes() == before
    with open_state(site.state, "pass", pytest.fail) as store:
        assert store.item_count() == 1


def test_state_is_looked_into_without_a_trace(site: Site) -> None:
    site.seed()
    site.publish()
    for path, items in [
        (site.state, 1),
        (site.root / "config.toml", None),
        (site.root / "x", None),
    ]:
        before = site.files()
        with open_state(path, "serve") as store:
            assert (store and store.item_count()) == items
        assert site.files() == before


def test_copy_of_nothing_is_empty_and_makes_nothing(tmp_path: Path) -> None:
    for path in (None, tmp_path / "a/state.db"):
        with open_state(path, "look") as copy, copy.transaction():
            assert copy.item_count() == 0
            copy.set_meta(IT, "is there")
    assert list(tmp_path.iterdir()) == []
