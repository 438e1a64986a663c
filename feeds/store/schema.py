"""How a state file gets the tables of `schema.sql`, also one of an older release."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

# "feed" in ASCII: tells our files from those of other programs (sqlite.org/fileformat, offset 68).
APPLICATION_ID = 0x66656564

# The oldest version of the schema that is migrated; no other code was in use before.
OLDEST = 5
_SCRIPT = Path(__file__).with_name("schema.sql").read_text(encoding="ascii")
# What makes a file of that version, then what makes each version of the one before.
_MIGRATIONS = re.split(r"(?m)^(?=-- Version )", _SCRIPT)[1:]
VERSION = OLDEST + len(_MIGRATIONS) - 1
TABLES = set(re.findall(r"CREATE TABLE (\w+)", _SCRIPT))
# The table of each index, and what makes it.
INDEXES = {
    name: (table, sql)
    for sql, name, table in re.findall(r"(CREATE INDEX (\w+) ON (\w+)[^;]+)", _SCRIPT)
    if f"DROP INDEX {name};" not in _SCRIPT
}


def migrate(connection: sqlite3.Connection) -> None:
    """Brings a file that is empty, or of version `OLDEST` or later, to `VERSION`, at once."""
    if is_current(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another run may have done it while we waited for the lock.
        missing = _MIGRATIONS[max(0, _version(connection) - OLDEST + 1) :]
        for statement in _statements("".join(missing)):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def is_current(connection: sqlite3.Connection) -> bool:
    """Tells whether a file needs no migration."""
    return _version(connection) == VERSION


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
