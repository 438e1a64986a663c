"""Damaged state files: moved aside and rebuilt, never a crash, and nothing is ever deleted."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from feeds.common.reports import NO_CALLBACKS, Callbacks, Options
from feeds.pipeline.run import Snapshot, with_snapshot
from feeds.store.schema import VERSION
from tests.support.site import Site

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


def blot(path: Path, text: bytes) -> None:
    """Overwrites the end of a text with a byte that no text holds."""
    data = path.read_bytes()
    at = data.index(text) + len(text) - 1
    path.write_bytes(data[:at] + b"\x80" + data[at + 1 :])


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
    ("schema not UTF-8", lambda path: blot(path, b"CREATE"), "database schema"),
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


@pytest.fixture(scope="module")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A published site of 30 seeds with a warning each, and copies of what tests may change."""
    site = Site(tmp_path_factory.mktemp("published") / "site")
    for number in range(30):
        site.seed(f"{number}.txt", number=number, body="word " * 100, heat="hot")
    site.publish()
    shutil.copytree(site.out, site.root / "kept-out", copy_function=os.link)
    shutil.copytree(site.state.parent, site.root / "kept-state")
    return site


@pytest.fixture
def published(published_once: Site) -> Iterator[Site]:
    """The site as it was published."""
    site, seed = published_once, published_once.seeds / "7.txt"
    status = seed.stat()
    yield site
    os.utime(seed, ns=(status.st_atime_ns, status.st_mtime_ns))
    site.configure("")
    shutil.rmtree(site.out)
    shutil.copytree(site.root / "kept-out", site.out, copy_function=os.link)
    shutil.rmtree(site.state.parent)
    shutil.copytree(site.root / "kept-state", site.state.parent)


def state_files(site: Site) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(site.state.parent.iterdir())}


def aside(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if ".unusable-" in name}


@pytest.mark.parametrize("table", ["seed", "document", "retired", "held"])
def test_state_that_names_what_no_file_can_be_publishes_the_same(
    published: Site, table: str
) -> None:
    documents = published.tree()
    execute(
        published.state,
        "INSERT INTO retired (path) VALUES ('topics/gone.atom')",
        "INSERT INTO held (path, folder) VALUES ('7.txt', 'seeds')",
        f"UPDATE {table} SET path = CAST(CAST(path AS BLOB) || x'0061' AS TEXT)",  # noqa: S608
    )
    os.utime(published.seeds / "7.txt", (1, 1))
    assert published.run("export").code == 0
    assert published.tree() == documents


# What a pass that meets no other seed files than the last does not ask the state for.
OF_SEEDS = ("without a column", "path not UTF-8")


@unusable
def test_unusable_state_is_moved_aside_and_rebuilt(
    published: Site,
    damage: Callable[[Path], object],
    words: str,
    request: pytest.FixtureRequest,
) -> None:
    documents = published.tree()
    published.configure(JUDGE_ALL)
    damage(published.state)
    if request.node.callspec.id in OF_SEEDS:
        os.utime(published.seeds / "7.txt", (1, 1))
    damaged = published.state.read_bytes()
    warnings: list[str] = []
    report = published.publish(callbacks=Callbacks(warn=warnings.append))
    assert (report.read, report.items, len(report.problems)) == (30, 30, 30)
    assert {name: data for name, (data, _) in published.tree().items()} == {
        name: data for name, (data, _) in documents.items()
    }
    (warning,) = warnings
    assert words in warning
    ((name, data),) = aside(state_files(published)).items()
    assert str(published.state.with_name(name)) in warning
    assert data == damaged
    assert published.publish(callbacks=Callbacks(warn=warnings.append)).read == 0
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

    def see(snapshot: Snapshot) -> tuple[int, int, int]:
        return (
            len(list(snapshot.run.store.item_headers())),
            snapshot.changes.seeds,
            len(snapshot.problems),
        )

    assert with_snapshot(published.load(), NO_CALLBACKS, see) == (30, 30, 30)
    report = published.publish(options=Options(dry_run=True))
    assert report.items == 30
    assert "all.json" in report.written
    assert published.tree() == documents
    after = state_files(published)
    # SQLite may lay an empty -wal and -shm beside a file in WAL mode, even to read it.
    assert {name: data for name, data in after.items() if not name.endswith(SIDES[1:])} == before


@settings(max_examples=settings().max_examples // 5, derandomize=True)
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
    for path in published.state.parent.glob("state.db.unusable-*"):
        path.unlink()
    for side in SIDES:
        published.state.with_name(published.state.name + side).unlink(missing_ok=True)
    data = bytearray(backup.read_bytes())
    for place, blot in blots:
        start = int(place * (len(data) - len(blot)))
        data[start : start + len(blot)] = blot
    published.state.write_bytes(data)
    published.configure(JUDGE_ALL)
    published.publish()
    etree.fromstring(published.read("all.atom"))
