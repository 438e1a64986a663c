"""A connection whose changes go into a temporary file: the database itself is not written."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import Any

_WRITE = re.compile(
    r"\s*(INSERT|REPLACE|UPDATE|DELETE)\b(?:\s+OR\s+\w+)?(?:\s+INTO|\s+FROM)?\s+(\w+)(\s+\S)?"
)
# The largest tables, which are written by INSERT, INSERT OR REPLACE and DELETE only: of these the
# rows that change are kept beside the file's. Of the others the first change makes a copy.
_BY_ROWS = {"item", "slot"}


class Overlay(sqlite3.Connection):
    """A temporary database, empty until it covers another."""

    _covered: set[str] | None = None

    def cover(self, uri: str) -> None:
        """Shows the tables of a database as they are at this moment, until it is closed.

        Its URI says how to open it; a database that is only read is never locked. Only this
        connection sees what it writes, in one transaction that nothing ends.
        """
        super().execute("ATTACH ? AS file", (uri,))
        super().execute("BEGIN IMMEDIATE")
        rows = super().execute("SELECT name FROM file.sqlite_schema WHERE type = 'table'")
        self._covered = {name for (name,) in rows}

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Does the same as `sqlite3.Connection.execute`."""
        if self._covered:
            self._uncover(sql)
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """Does the same as `sqlite3.Connection.executemany`."""
        rows = iter(parameters)
        for first in rows:
            if self._covered:
                self._uncover(sql)
            return super().executemany(sql, chain((first,), rows))
        return self.cursor()

    def _uncover(self, sql: str) -> None:
        """Makes a copy of the table that a statement writes to, or of its rows that change."""
        table, is_emptied = _written(sql)
        if not self._covered or table not in self._covered:
            return
        self._covered.remove(table)
        if table in _BY_ROWS and not is_emptied:
            self._keep_rows(table)
            return
        query = "SELECT type, sql FROM file.sqlite_schema WHERE tbl_name = ? AND sql IS NOT NULL"
        parts = super().execute(query, (table,)).fetchall()
        (made,) = (one for kind, one in parts if kind == "table")
        super().execute(made)
        if not is_emptied:
            super().execute(f"INSERT INTO main.{table} SELECT * FROM file.{table}")  # noqa: S608
        for index in (one for kind, one in parts if kind == "index"):
            super().execute(index)

    def _keep_rows(self, table: str) -> None:
        query = "SELECT name, type, pk FROM pragma_table_info(?, 'file')"
        columns = super().execute(query, (table,)).fetchall()
        names = [name for name, _, _ in columns]
        keys = [name for name, _, place in columns if place]
        # With the types of the file SQLite looks into both tables by their keys.
        typed = [f"{name} {kind}" for name, kind, _ in columns]
        key = f"PRIMARY KEY ({', '.join(keys)})) WITHOUT ROWID"
        typed_keys = [one for one, (_, _, place) in zip(typed, columns, strict=True) if place]
        for statement in (
            f"CREATE TABLE main.new_{table} ({', '.join(typed)}, {key}",
            f"CREATE TABLE main.gone_{table} ({', '.join(typed_keys)}, {key}",
            f"""
            CREATE TEMP VIEW {table} AS
            SELECT {", ".join(names)} FROM file.{table} AS one WHERE NOT EXISTS
            (SELECT 1 FROM main.gone_{table} AS gone WHERE {_same(keys, "one.", "gone.")})
            UNION ALL SELECT {", ".join(names)} FROM main.new_{table}
            """,  # noqa: S608 (names of our own)
            f"""
            CREATE TEMP TRIGGER insert_{table} INSTEAD OF INSERT ON {table} BEGIN
            INSERT OR REPLACE INTO gone_{table} VALUES ({_each("new", keys)});
            INSERT OR REPLACE INTO new_{table} VALUES ({_each("new", names)});
            END
            """,  # noqa: S608
            f"""
            CREATE TEMP TRIGGER delete_{table} INSTEAD OF DELETE ON {table} BEGIN
            INSERT OR REPLACE INTO gone_{table} VALUES ({_each("old", keys)});
            DELETE FROM new_{table} WHERE {_same(keys, "", "old.")};
            END
            """,  # noqa: S608
        ):
            super().execute(statement)


def new_overlay(*, covers: bool, timeout: float) -> Overlay:
    """Returns an overlay of nothing yet; `covers` tells whether it is to cover a database."""
    # A statement that was prepared before its table was copied would go on reading the file's.
    cached = 0 if covers else 128
    return sqlite3.connect(
        "",
        timeout=timeout,
        isolation_level=None,
        factory=Overlay,
        cached_statements=cached,
        uri=True,
    )


@lru_cache
def _written(sql: str) -> tuple[str, bool]:
    """Returns the table that a statement writes to, empty for none, and whether it empties it."""
    found = _WRITE.match(sql)
    return (found[2], found[1] == "DELETE" and not found[3]) if found else ("", False)


def _each(row: str, names: list[str]) -> str:
    return ", ".join(f"{row}.{name}" for name in names)


def _same(keys: list[str], one: str, other: str) -> str:
    return " AND ".join(f"{one}{key} = {other}{key}" for key in keys)
