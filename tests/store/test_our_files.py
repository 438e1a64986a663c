"""Only files of ours are opened as a database, moved or made anew: all others stay as they are."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from feeds.common.errors import ForeignStateError, StateError
from feeds.store import open_state
from feeds.store.our_files import claim, is_marked, refuse_foreign
from feeds.store.schema import APPLICATION_ID
from feeds.store.search import SearchIndex
from feeds.store.server_files import Versions
from tests.support.permissions import closed, open_folder
from tests.support.rendering import GOLDEN
from tests.support.site import Site

NOTE = "Buy milk. " * 99


def database(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as opened:
        for statement in statements:
            opened.execute(statement)


def listen(path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(path))


def link(path: Path) -> None:
    path.with_name("note.txt").write_text(NOTE, encoding="utf-8")
    path.symlink_to("note.txt")


def link_to_folder(path: Path) -> None:
    path.with_name("folder").mkdir()
    path.symlink_to("folder")


def beside(side: str, content: bytes) -> Callable[[Path], object]:
    return lambda path: path.with_name(path.name + side).write_bytes(content)


FOREIGN: dict[str, Callable[[Path], object]] = {
    "a note": lambda path: path.write_text(NOTE, encoding="utf-8"),
    "one byte": lambda path: path.write_bytes(b"x"),
    "zeros": lambda path: path.write_bytes(b"\0" * 5000),
    "a folder": Path.mkdir,
    "a folder with files": lambda path: shutil.copytree(GOLDEN, path),
    "a named pipe": os.mkfifo,
    "a socket": listen,
    "a link to a note": link,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to a folder": link_to_folder,
    "a database": lambda path: database(path, "CREATE TABLE bookmark (url TEXT)"),
    "a database in WAL mode": lambda path: database(
        path, "PRAGMA journal_mode = WAL", "CREATE TABLE bookmark (url TEXT)"
    ),
    "a database with a signature": lambda path: database(
        path, "PRAGMA application_id = 7", "CREATE TABLE seed (a)"
    ),
    "a database without tables": lambda path: database(path, "PRAGMA user_version = 3"),
    "a note called -wal": beside("-wal", NOTE.encode()),
    "a note called -shm": beside("-shm", NOTE.encode()),
    "a note called -journal": beside("-journal", NOTE.encode()),
    "a log whose database is gone": beside("-wal", b"\x37\x7f\x06\x82" + bytes(28)),
    "a folder called -wal": lambda path: path.with_name(f"{path.name}-wal").mkdir(),
    "a pipe called -shm": lambda path: os.mkfifo(path.with_name(f"{path.name}-shm")),
}
foreign = pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Returns kind and bytes of all that is in a folder."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(folder.rglob("*"))
    }


@foreign
def test_foreign_file_is_refused_and_left_as_it_is(
    make: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "state.db"
    make(path)
    before = tree(tmp_path)
    with (
        pytest.raises(ForeignStateError, match="not a file of"),
        open_state(path, "pass", pytest.fail),
    ):
        pass
    with pytest.raises(ForeignStateError, match="not a file of feeds"), open_state(path, "look"):
        pass
    with open_state(path, "serve") as store:
        assert store is None or not path.exists()
    assert tree(tmp_path) == before


@foreign
@pytest.mark.parametrize(
    "command", ["export", "export --dry-run", "list", "images fetch", "images gc"]
)
def test_commands_refuse_a_foreign_state_with_exit_code_2(
    command: str, make: Callable[[Path], object], site: Site
) -> None:
    site.seed()
    site.state.parent.mkdir()
    make(site.state)
    before = tree(site.state.parent)
    ran = site.run(*command.split())
    assert ran.code == 2
    assert "not a file of feeds" in ran.err
    after = tree(site.state.parent)
    assert {name: after[name] for name in before} == before
    assert not any("unusable" in name or name.startswith("state.db-feeds") for name in after)
    assert site.documents() == {}


def test_foreign_file_at_an_existing_state_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    database(path, "CREATE TABLE bookmark (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(ForeignStateError), open_state(path, "note"):
        pass
    assert path.read_bytes() == before


def test_state_of_a_release_without_markers_is_known_by_its_signature(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_state(path, "pass", pytest.fail):
        pass
    path.with_name("state.db-feeds").unlink()
    assert refuse_foreign(path)
    with open_state(path, "pass", pytest.fail):
        assert is_marked(path)


def test_marker_is_there_before_the_database_says_whose_it_is(tmp_path: Path) -> None:
    """A run that is killed while it makes the file leaves one that says nothing yet."""
    path = tmp_path / "state.db"
    claim(path)
    database(path, "PRAGMA journal_mode = WAL")
    path.with_name("state.db-wal").write_bytes(b"\x37\x7f\x06\x82")
    with open_state(path, "pass", pytest.fail) as store:
        assert store.item_count() == 0


def test_every_pass_writes_the_marker_if_it_is_missing(site: Site) -> None:
    marker = site.state.with_name("state.db-feeds")
    for content in (None, b"", b"The file beside"):
        site.publish()
        assert is_marked(site.state)
        marker.unlink()
        if content is not None:
            marker.write_bytes(content)
    site.publish()
    assert is_marked(site.state)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_text(NOTE, encoding="utf-8"),
        lambda path: path.mkdir(),
        lambda path: path.symlink_to("elsewhere"),
        os.mkfifo,
    ],
    ids=["note", "folder", "link", "pipe"],
)
def test_marker_does_not_replace_what_somebody_else_called_like_it(
    make: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "state.db"
    make(path.with_name("state.db-feeds"))
    before = tree(tmp_path)
    with open_state(path, "pass", pytest.fail):
        pass
    after = tree(tmp_path)
    assert {name: after[name] for name in before} == before
    path.write_bytes(b"no database")
    with pytest.raises(ForeignStateError), open_state(path, "pass", pytest.fail):
        pass
    assert path.read_bytes() == b"no database"


def test_state_behind_a_link_is_used_and_moved_where_it_is(site: Site) -> None:
    site.seed()
    real = site.root / "disk/real.db"
    real.parent.mkdir()
    site.state.parent.mkdir()
    site.state.symlink_to(real)
    site.publish()
    assert sorted(path.name for path in real.parent.iterdir()) == ["real.db", "real.db-feeds"]
    real.write_bytes(b"no database")
    warnings: list[str] = []
    with open_state(site.state, "pass", warnings.append):
        pass
    assert len(warnings) == 1
    assert site.state.is_symlink()
    assert len(list(real.parent.glob("real.db.unusable-*"))) == 1


def test_state_that_cannot_be_read_is_neither_refused_as_foreign_nor_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    path.write_text(NOTE, encoding="utf-8")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(StateError, match="Permission denied") as caught:
        claim(path)
    assert not isinstance(caught.value, ForeignStateError)
    assert not is_marked(path)


@pytest.mark.parametrize("name", ["versions.db", "search.db"])
@foreign
def test_server_leaves_foreign_files_beside_the_state_alone(
    make: Callable[[Path], object], name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    make(path)
    before, said = tree(tmp_path), list[str]()
    kind = Versions if name == "versions.db" else SearchIndex
    kind(path, said.append).close()
    assert tree(tmp_path) == before
    (warning,) = said
    assert "not a file of feeds" in warning
    assert "kept in memory" in warning


@pytest.mark.parametrize("name", ["versions.db", "search.db"])
def test_server_makes_its_own_damaged_files_anew(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    kind = Versions if name == "versions.db" else SearchIndex
    kind(path, pytest.fail).close()
    with path.open("rb") as file:
        assert file.read(72)[68:] == APPLICATION_ID.to_bytes(4, "big")
    path.write_bytes(b"garbage" * 999)
    kind(path, pytest.fail).close()
    assert path.read_bytes().startswith(b"SQLite format 3\0")


def unsign(path: Path) -> None:
    database(path, "PRAGMA application_id = 0", "PRAGMA journal_mode = DELETE")
    path.with_name(f"{path.name}-feeds").unlink()


def test_server_replaces_a_search_index_of_code_that_did_not_sign_it(tmp_path: Path) -> None:
    path = tmp_path / "search.db"
    SearchIndex(path, pytest.fail).close()
    unsign(path)
    SearchIndex(path, pytest.fail).close()
    assert refuse_foreign(path)
    assert is_marked(path)


OLD_VERSIONS = """
    CREATE TABLE version (
        path TEXT NOT NULL, digest TEXT NOT NULL, entries BLOB NOT NULL, until INTEGER,
        PRIMARY KEY (path, digest)
    ) STRICT, WITHOUT ROWID
"""


def test_server_replaces_versions_of_code_that_did_not_sign_them(tmp_path: Path) -> None:
    path = tmp_path / "versions.db"
    database(path, OLD_VERSIONS, "PRAGMA user_version = 1")
    versions = Versions(path, pytest.fail)
    versions.record("all.atom", "a", [b"1"], 5)
    versions.close()
    assert refuse_foreign(path)


@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE TABLE version (number TEXT)",),
        ("CREATE TABLE version (path TEXT, digest TEXT, name TEXT)",),
        (OLD_VERSIONS, "CREATE TABLE bookmark (url TEXT)"),
        (OLD_VERSIONS, "PRAGMA application_id = 7"),
    ],
    ids=["other column", "other third column", "other table", "other signature"],
)
def test_server_leaves_a_database_that_only_looks_like_its_own(
    statements: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "versions.db"
    database(path, *statements)
    before, said = tree(tmp_path), list[str]()
    Versions(path, said.append).close()
    assert tree(tmp_path) == before
    assert len(said) == 1


def test_claim_of_a_folder_where_nothing_can_be_written_says_nothing() -> None:
    with open_folder() as folder, closed(folder, 0o555):
        claim(folder / "state.db")


@pytest.mark.parametrize(
    ("make", "kind"),
    [(Path.mkdir, "a folder"), (os.mkfifo, "a named pipe")],
    ids=["folder", "pipe"],
)
def test_state_that_is_no_file_is_called_what_it_is(
    make: Callable[[Path], object], kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "state.db"
    make(path)
    with pytest.raises(ForeignStateError, match=kind), open_state(path, "pass", pytest.fail):
        pass


def test_marker_can_be_read_by_everybody_and_written_by_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    claim(path)
    assert stat.S_IMODE(path.with_name("state.db-feeds").stat().st_mode) == 0o644
