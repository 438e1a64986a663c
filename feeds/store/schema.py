"""The tables, and how a state file of an older release becomes one of this."""

from __future__ import annotations

import sqlite3

# "feed" in ASCII: tells our files from those of other programs (sqlite.org/fileformat, offset 68).
APPLICATION_ID = 0x66656564

# One script per version of the schema. Only ever append: a file of version n is brought up to date
# by the scripts from n on, in one transaction.
_MIGRATIONS = (
    """
    -- One row per seed file: its fingerprint when it was read, the problems of that reading, and
    -- what selection needs of its last good item (id is NULL where there never was one).
    CREATE TABLE seed (
        number INTEGER PRIMARY KEY,
        path TEXT NOT NULL UNIQUE,
        folder TEXT NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        settled INTEGER NOT NULL,
        parser TEXT NOT NULL,
        content BLOB NOT NULL,
        problems BLOB,
        id TEXT,
        dated INTEGER,
        stamp INTEGER,
        quality INTEGER,
        heat INTEGER,
        is_published INTEGER,
        domain TEXT,
        provider TEXT,
        topics BLOB,
        category TEXT,
        digest BLOB,
        reader_digest BLOB
    ) STRICT;
    CREATE INDEX seed_id ON seed (id);
    CREATE INDEX seed_problems ON seed (path) WHERE problems IS NOT NULL;

    -- The items themselves, apart from `seed` so that selection does not have to page past them.
    CREATE TABLE item (
        number INTEGER PRIMARY KEY REFERENCES seed (number) ON DELETE CASCADE,
        data BLOB NOT NULL
    ) STRICT;

    -- What readers were shown, by item id; it outlives the seed, which may come back.
    CREATE TABLE memory (
        id TEXT PRIMARY KEY,
        first_seen INTEGER NOT NULL,
        published INTEGER,
        updated INTEGER,
        reader_digest BLOB,
        qualified BLOB
    ) STRICT, WITHOUT ROWID;

    -- What out/ holds: the key of each feed's rendering, and the stamps of its files.
    CREATE TABLE feed (address TEXT PRIMARY KEY, key BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE document (
        path TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Single facts about the last pass.
    CREATE TABLE fact (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    """,
)

VERSION = len(_MIGRATIONS)
TABLES = {"seed", "item", "memory", "feed", "document", "fact"}


def migrate(connection: sqlite3.Connection) -> None:
    """Brings an empty file, or one of an older version, to `VERSION`."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    script = "".join(_MIGRATIONS[version:])
    connection.executescript(
        f"BEGIN IMMEDIATE; {script} PRAGMA application_id = {APPLICATION_ID}; "
        f"PRAGMA user_version = {VERSION}; COMMIT;"
    )
