"""The schema of the state file, and how a file comes to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from feeds.store.schema import APPLICATION_ID, INDEXES, TABLES, VERSION, migrate


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as connection:
        yield connection


def tables(database: sqlite3.Connection) -> set[str]:
    # Without SQLite's own.
    query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return {str(name) for (name,) in database.execute(query)}


def pragma(database: sqlite3.Connection, name: str) -> int:
    (value,) = database.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def test_migrate_makes_every_table_and_signs_the_file(database: sqlite3.Connection) -> None:
    migrate(database)
    assert tables(database) == TABLES
    assert pragma(database, "user_version") == VERSION
    assert pragma(database, "application_id") == APPLICATION_ID == int.from_bytes(b"feed")
    assert not database.in_transaction


def test_indexes_are_those_that_migrate_makes(database: sqlite3.Connection) -> None:
    migrate(database)
    query = "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    assert {name: tuple(rest) for name, *rest in database.execute(query)} == INDEXES


def test_migrate_leaves_a_file_of_this_version_alone(database: sqlite3.Connection) -> None:
    migrate(database)
    database.execute("INSERT INTO fact VALUES ('last', x'00')")
    changes = database.total_changes
    migrate(database)
    assert database.total_changes == changes
    assert database.execute("SELECT count(*) FROM fact").fetchone() == (1,)


def test_migrate_makes_all_or_nothing(database: sqlite3.Connection, tmp_path: Path) -> None:
    database.execute("CREATE TABLE fact (other INTEGER)")
    with pytest.raises(sqlite3.OperationalError, match="fact already exists"):
        migrate(database)
    database.close()
    with closing(sqlite3.connect(tmp_path / "state.db")) as again:
        assert tables(again) == {"fact"}
        assert pragma(again, "user_version") == pragma(again, "application_id") == 0


def test_tables_keep_values_of_their_types_only(database: sqlite3.Connection) -> None:
    migrate(database)
    strict = {
        name for _, name, kind, _, _, strict in database.execute("PRAGMA table_list") if strict
    }
    assert strict == TABLES
    with pytest.raises(sqlite3.IntegrityError):
        database.execute("INSERT INTO document VALUES ('all.atom', 'ten', 0, 0, 0)")


def test_item_is_found_by_the_indexes_that_a_pass_needs(database: sqlite3.Connection) -> None:
    """Without them a rescan of many seeds would cost their square."""
    migrate(database)
    for query, index in [
        ("SELECT * FROM seed WHERE path = ?", "sqlite_autoindex_seed_1"),
        ("SELECT * FROM seed WHERE id = ?", "seed_id"),
        ("SELECT problems FROM seed WHERE problems IS NOT NULL ORDER BY path", "seed_problems"),
        ("SELECT data FROM item WHERE number = ?", "INTEGER PRIMARY KEY"),
        ("SELECT * FROM memory WHERE id = ?", "PRIMARY KEY"),
        ("DELETE FROM slot WHERE id = ?", "slot_id"),
        (
            "SELECT * FROM slot WHERE kind = ? AND key = ? ORDER BY published DESC, id LIMIT 9",
            "PRIMARY KEY",
        ),
        ("SELECT id FROM seed WHERE is_published AND dated > ? AND dated <= ?", "seed_dated"),
    ]:
        plan = database.execute(f"EXPLAIN QUERY PLAN {query}", "?" * query.count("?")).fetchall()
        assert [row[3] for row in plan if index in row[3]], query
        assert len(plan) == 1, query


def test_seed_cannot_be_dropped_while_its_item_stays(database: sqlite3.Connection) -> None:
    migrate(database)
    database.execute("PRAGMA foreign_keys = ON")
    database.execute(
        "INSERT INTO seed (number, path, folder, size, mtime_ns, inode, settled, parser, content) "
        "VALUES (1, 'a', '', 0, 0, 0, 1, '', x'')"
    )
    database.execute("INSERT INTO item VALUES (1, x'00')")
    with pytest.raises(sqlite3.IntegrityError):
        database.execute("INSERT INTO item VALUES (2, x'00')")
    database.execute("DELETE FROM seed")
    assert database.execute("SELECT count(*) FROM item").fetchone() == (0,)


def test_columns_hold_a_value_but_for_those_that_may_be_unknown(
    database: sqlite3.Connection,
) -> None:
    migrate(database)
    nullable = {
        f"{table}.{name}"
        for table in TABLES
        for _, name, _, not_null, _, key in database.execute(f"PRAGMA table_info({table})")
        if not not_null and not key
    }
    of_the_item = {
        *("id", "dated", "stamp", "quality", "heat", "is_published", "domain", "provider"),
        *("topics", "category", "digest", "reader_digest", "tags", "locale"),
    }
    assert nullable == {
        *(f"seed.{name}" for name in ("shown", "problems", *of_the_item)),
        *(f"memory.{name}" for name in ("published", "updated", "reader_digest", "qualified")),
        *(f"judged.{name}" for name in ("published", "updated", "reader_digest", "qualified")),
        *("image.unnamed", "ping.error"),
    }
