"""Opening the state file in whatever state it is: never a crash, and nothing is ever deleted."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from feeds.errors import StateError
from feeds.passes import DEAF, Ears, Options
from feeds.pipeline import Refreshed, look
from feeds.store import move_aside, open_copy, open_store, opening
from feeds.store.schema import APPLICATION_ID, VERSION
from tests.permissions import closed, open_folder
from tests.site import Site

SIDES = ("", "-wal", "-shm")
# Makes the next pass judge and render all anew, to the same bytes.
JUDGE_ALL = "[selection]\nmax_items = 40\n"


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)


def overwrite_root(path: Path, table: str) -> None:
    """Overwrites the page that a table begins with, deep inside the file."""
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        (root,) = database.execute(query, (table,)).fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    data = bytearray(path.read_bytes())
    data[(root - 1) * size : root * size] = b"\xff" * size
    path.write_bytes(data)


def foreign(path: Path) -> None:
    path.unlink()
    execute(path, "PRAGMA journal_mode = WAL", "CREATE TABLE bookmark (url TEXT)")


def foreign_signed(path: Path) -> None:
    path.unlink()
    execute(path, "PRAGMA application_id = 7", "PRAGMA user_version = 1", "CREATE TABLE seed (a)")


def keep(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


# What is done to the state file, and words that the warning must have.
UNUSABLE: list[tuple[str, Callable[[Path], object], str]] = [
    ("garbage", lambda path: path.write_bytes(b"Dear diary, " * 999), "not a database"),
    ("a few bytes", lambda path: path.write_bytes(b"state"), "not a database"),
    ("cut in the header", lambda path: keep(path, 50), "malformed"),
    ("cut in a page", lambda path: keep(path, 6000), "malformed"),
    ("cut after a page", lambda path: keep(path, 4096 * 3), "malformed"),
    ("of another program", foreign, "another program"),
    ("signed by another program", foreign_signed, "another program"),
    (
        "of a newer release",
        lambda path: execute(path, f"PRAGMA user_version = {VERSION + 1}"),
        "newer release",
    ),
    ("without a table", lambda path: execute(path, "DROP TABLE memory"), "missing"),
    ("without a version", lambda path: execute(path, "PRAGMA user_version = 0"), ""),
    ("damaged seeds", lambda path: overwrite_root(path, "seed"), "malformed"),
    ("damaged items", lambda path: overwrite_root(path, "item"), "malformed"),
    ("damaged memory", lambda path: overwrite_root(path, "memory"), "malformed"),
    ("damaged facts", lambda path: overwrite_root(path, "fact"), "malformed"),
    ("damaged index", lambda path: overwrite_root(path, "seed_problems"), "malformed"),
    ("without a column", lambda path: execute(path, "ALTER TABLE seed DROP COLUMN inode"), ""),
    ("without items", lambda path: execute(path, "DELETE FROM item"), ""),
    ("item no item", lambda path: execute(path, "UPDATE item SET data = x'c0'"), ""),
    ("item cut", lambda path: execute(path, "UPDATE item SET data = substr(data, 1, 99)"), ""),
    (
        "path not UTF-8",
        lambda path: execute(path, "UPDATE seed SET path = CAST(x'ff' || path AS TEXT)"),
        "",
    ),
    ("topics no list", lambda path: execute(path, "UPDATE seed SET topics = '{'"), ""),
    (
        "topics not UTF-8",
        lambda path: execute(path, "UPDATE seed SET topics = CAST(x'5b22ff225d' AS TEXT)"),
        "",
    ),
    ("marks no mapping", lambda path: execute(path, "UPDATE memory SET qualified = x'31'"), ""),
    ("problems none", lambda path: execute(path, "UPDATE seed SET problems = x'c1'"), ""),
]
unusable = pytest.mark.parametrize(
    ("damage", "words"), [one[1:] for one in UNUSABLE], ids=[one[0] for one in UNUSABLE]
)


@pytest.fixture
def published(site: Site) -> Site:
    """A published site of 30 seeds with a warning each."""
    for number in range(30):
        site.seed(f"{number}.txt", number=number, body="word " * 100, heat="hot")
    site.publish()
    return site


def state_files(site: Site) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(site.state.parent.iterdir())}


def aside(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if ".unusable-" in name}


@unusable
def test_unusable_state_is_moved_aside_and_rebuilt(
    published: Site, damage: Callable[[Path], object], words: str
) -> None:
    documents = published.tree()
    published.configure(JUDGE_ALL)
    damage(published.state)
    damaged = published.state.read_bytes()
    warnings: list[str] = []
    report = published.publish(ears=Ears(warn=warnings.append))
    assert (report.read, report.items, len(report.problems)) == (30, 30, 30)
    assert {name: data for name, (data, _) in published.tree().items()} == {
        name: data for name, (data, _) in documents.items()
    }
    (warning,) = warnings
    assert words in warning
    ((name, data),) = aside(state_files(published)).items()
    assert str(published.state.with_name(name)) in warning
    assert data == damaged
    assert published.publish(ears=Ears(warn=warnings.append)).read == 0
    assert len(warnings) == 1


@unusable
def test_unusable_state_is_left_alone_by_those_who_only_look(
    published: Site, damage: Callable[[Path], object], words: str
) -> None:
    damage(published.state)
    before = state_files(published)
    published.configure(JUDGE_ALL)
    (published.out / "all.json").unlink()
    documents = published.tree()

    def see(now_there: Refreshed) -> tuple[int, int, int]:
        return len(list(now_there.store.cards())), now_there.seeds, len(now_there.problems)

    assert look(published.load(), DEAF, see) == (30, 30, 30)
    report = published.publish(options=Options(dry_run=True))
    assert report.items == 30
    assert "all.json" in report.written
    assert published.tree() == documents
    after = state_files(published)
    # SQLite may lay an empty -wal and -shm beside a file in WAL mode, even to read it.
    assert {name: data for name, data in after.items() if not name.endswith(SIDES[1:])} == before


@settings(
    deadline=None,
    max_examples=40,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)),
        min_size=1,
        max_size=40,
    )
)
def test_no_damage_makes_a_pass_crash(published: Site, blots: list[tuple[float, bytes]]) -> None:
    """What SQLite itself does not notice may be damaged as well."""
    backup = published.root / "backup.db"
    if not backup.exists():
        shutil.copy(published.state, backup)
    shutil.rmtree(published.state.parent)
    published.state.parent.mkdir()
    data = bytearray(backup.read_bytes())
    for place, blot in blots:
        start = int(place * (len(data) - len(blot)))
        data[start : start + len(blot)] = blot
    published.state.write_bytes(data)
    published.configure(JUDGE_ALL)
    published.publish()
    etree.fromstring(published.read("all.atom"))


def test_new_state_is_made_with_the_folders_above_it(tmp_path: Path) -> None:
    path = tmp_path / "a/b ?#%20é/state.db"
    with open_store(path, pytest.fail) as store, store.transaction():
        store.keep_fact("it", "is there")
    with open_store(path, pytest.fail) as store:
        assert store.fact("it", str) == "is there"
    assert path.is_file()


def test_state_is_signed_and_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_store(path, pytest.fail):
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
    with open_store(path, pytest.fail) as store:
        assert store.item_count() == 0


def open_at_once(path: Path, runs: int) -> list[str]:
    """Opens the state in as many threads; returns all that was said against it."""
    barrier = threading.Barrier(runs)
    said: list[str] = []

    def run() -> None:
        barrier.wait()
        try:
            with open_store(path, said.append) as store, store.transaction():
                store.keep_fact(threading.current_thread().name, 1)
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
        with open_store(path, pytest.fail) as store:
            assert [store.fact(f"{number}", int) for number in range(4)] == [1] * 4


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
    with open_store(site.state, pytest.fail) as store:
        assert [one.id for one in store.cards()]
    with closing(sqlite3.connect(site.state)) as database:
        assert database.execute("SELECT first_seen FROM memory").fetchone() == (12345,)


def test_database_of_another_program_keeps_what_stood_in_its_wal(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    leave_wal(path, "CREATE TABLE bookmark (url TEXT)", "INSERT INTO bookmark VALUES ('x')")
    said: list[str] = []
    with open_store(path, said.append) as store:
        assert store.item_count() == 0
    (moved,) = (one for one in tmp_path.iterdir() if one.name.endswith(tuple("0123456789")))
    assert str(moved) in said[0]
    with closing(sqlite3.connect(moved)) as database:
        assert database.execute("SELECT url FROM bookmark").fetchall() == [("x",)]


def test_files_beside_garbage_move_with_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    for side in SIDES:
        path.with_name(path.name + side).write_bytes(b"garbage" * 99 + side.encode())
    said: list[str] = []
    with open_store(path, said.append):
        pass
    moved = {one.name: one.read_bytes() for one in tmp_path.iterdir() if one != path}
    (stem,) = (name for name in moved if not name.endswith(SIDES[1:]))
    assert moved == {stem + side: b"garbage" * 99 + side.encode() for side in SIDES}


def test_files_left_beside_a_deleted_state_do_not_come_into_the_new_one(published: Site) -> None:
    shutil.copy(published.state, published.state.with_name("original.db"))
    leave_wal(published.state, "UPDATE seed SET quality = 1")
    published.state.unlink()
    before = published.tree()
    report = published.publish(ears=Ears(warn=pytest.fail))
    assert (report.read, published.tree()) == (30, before)


# Moving aside, and where that is not possible


def test_what_was_moved_aside_before_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    for number in range(5):
        path.write_bytes(b"%d" % number)
        move_aside(path, "reason", lambda _: None)
    assert sorted(one.read_bytes() for one in tmp_path.iterdir()) == [b"0", b"1", b"2", b"3", b"4"]


def test_state_that_cannot_be_moved_aside_is_left_with_a_message(tmp_path: Path) -> None:
    path = tmp_path / ("s" * 240)  # a name that a longer one has no room for
    path.write_bytes(b"garbage" * 99)
    with pytest.raises(StateError, match="nor moved aside"), open_store(path, pytest.fail):
        pass
    assert path.read_bytes() == b"garbage" * 99


def test_state_below_a_file_ends_with_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="cannot make"), open_store(tmp_path / "file/x", print):
        pass


def test_state_that_is_a_folder_ends_with_a_message_and_stays(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    with (
        pytest.raises(StateError, match=r"cannot (open|use)"),
        open_store(tmp_path / "state.db", print),
    ):
        pass
    assert [one.name for one in tmp_path.iterdir()] == ["state.db"]


def test_state_where_nobody_can_write_ends_with_a_message() -> None:
    """Not even root makes files in /proc."""
    with pytest.raises(StateError), open_store(Path("/proc/self/state.db"), print):
        pass


@pytest.mark.parametrize("is_there", [True, False], ids=["state", "no state"])
def test_read_only_folder_ends_with_a_message_and_stays(*, is_there: bool) -> None:
    with open_folder() as folder:
        path = folder / "state/state.db"
        path.parent.mkdir()
        if is_there:
            with open_store(path, pytest.fail):
                pass
        before = {one.name: one.read_bytes() for one in path.parent.iterdir()}
        with (
            closed(path.parent, 0o555),
            pytest.raises(StateError, match="state"),
            open_store(path, pytest.fail) as store,
            store.transaction(),
        ):
            pass
        assert {one.name: one.read_bytes() for one in path.parent.iterdir()} == before


def test_state_in_use_is_not_taken_for_damaged(
    published: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(published.state, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="locked"):
            published.publish(ears=Ears(warn=pytest.fail))
    assert aside(state_files(published)) == {}


# Private copies


def test_copy_has_what_the_state_has_and_keeps_nothing(published: Site) -> None:
    before = published.state.read_bytes()
    with open_copy(published.state) as copy, copy.transaction():
        assert copy.item_count() == 30
        copy.forget(one.number for one in copy.known("").values())
        assert copy.item_count() == 0
    assert published.state.read_bytes() == before
    with open_store(published.state, pytest.fail) as store:
        assert store.item_count() == 30


def test_copy_of_nothing_is_empty_and_makes_nothing(tmp_path: Path) -> None:
    for path in (None, tmp_path / "a/state.db"):
        with open_copy(path) as copy, copy.transaction():
            assert copy.item_count() == 0
            copy.keep_fact("it", 1)
    assert list(tmp_path.iterdir()) == []
