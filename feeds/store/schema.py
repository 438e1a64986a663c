"""The tables, and how a state file of an older release becomes one of this."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

from feeds.store.archives import ARCHIVED
from feeds.store.digests import DIGESTS
from feeds.store.images import NARROW
from feeds.store.judged import JUDGED
from feeds.store.published import CATALOGUE, SEALED
from feeds.store.withdrawals import WITHDRAWN, WITHDRAWN_PARTS

# "feed" in ASCII: tells our files from those of other programs (sqlite.org/fileformat, offset 68).
APPLICATION_ID = 0x66656564

# The oldest version of the schema that is migrated; no other code was in use before.
OLDEST = 5
# What makes a file of that version, then what makes each version of the one before. Only ever
# append: the scripts that a file lacks run in one transaction.
_MIGRATIONS = (
    """
    -- One row per seed file: its fingerprint when it was read, the problems of that reading, and
    -- what selection needs of its last good item (id is NULL where there never was one).
    CREATE TABLE seed (
        number INTEGER PRIMARY KEY,
        path TEXT NOT NULL UNIQUE,
        shown TEXT,
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
        topics TEXT,
        category TEXT,
        digest BLOB,
        reader_digest BLOB
    ) STRICT;
    CREATE INDEX seed_id ON seed (id);
    CREATE INDEX seed_problems ON seed (path) WHERE problems IS NOT NULL;
    CREATE INDEX seed_dated ON seed (dated) WHERE is_published;
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

    -- Which item qualifies for which feed, in the order of feeds, and since when.
    CREATE TABLE slot (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        published INTEGER NOT NULL,
        id TEXT NOT NULL,
        since INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        number INTEGER NOT NULL,
        digest BLOB NOT NULL,
        PRIMARY KEY (kind, key, published DESC, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX slot_id ON slot (id);
    CREATE INDEX slot_since ON slot (kind, key, since);

    -- What out/ holds: of each feed the key of its rendering and its summary, and all files.
    CREATE TABLE feed (
        address TEXT PRIMARY KEY,
        key BLOB NOT NULL,
        summary BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE document (
        path TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Single facts about the last pass.
    CREATE TABLE fact (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    -- The names that feeds are called by are counted in every pass that changes something.
    CREATE INDEX seed_providers ON seed (domain, provider, dated) WHERE is_published;
    CREATE INDEX seed_topics ON seed (topics, dated) WHERE is_published;

    -- One row per image that a seed names or named (see image_key): the copy in the cache
    -- (`name` is empty where there is none), what the last fetch came to, when the next is
    -- due, and since when no seed names it (-1: the pass has still to look).
    CREATE TABLE image (
        key TEXT PRIMARY KEY,
        url TEXT NOT NULL,
        host TEXT NOT NULL,
        name TEXT NOT NULL DEFAULT '',
        type TEXT NOT NULL DEFAULT '',
        length INTEGER NOT NULL DEFAULT 0,
        width INTEGER NOT NULL DEFAULT 0,
        height INTEGER NOT NULL DEFAULT 0,
        digest BLOB NOT NULL DEFAULT x'',
        mtime_ns INTEGER NOT NULL DEFAULT 0,
        form TEXT NOT NULL DEFAULT '',
        etag TEXT NOT NULL DEFAULT '',
        modified TEXT NOT NULL DEFAULT '',
        missing INTEGER NOT NULL DEFAULT 0,
        fetched INTEGER NOT NULL DEFAULT 0,
        due INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0,
        reason TEXT NOT NULL DEFAULT '',
        unnamed INTEGER,
        news INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX image_due ON image (due);
    CREATE INDEX image_unnamed ON image (unnamed) WHERE unnamed IS NOT NULL;
    CREATE INDEX image_news ON image (key) WHERE news;

    -- Which seed's item names which image, at which place of its list, and whether it says that the
    -- site holds a copy.
    CREATE TABLE image_use (
        number INTEGER NOT NULL,
        key TEXT NOT NULL,
        place INTEGER NOT NULL,
        cached INTEGER NOT NULL,
        PRIMARY KEY (number, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX image_use_key ON image_use (key);

    -- Hosts that keep failing, and until when they are left alone.
    CREATE TABLE image_host (
        host TEXT PRIMARY KEY,
        failures INTEGER NOT NULL,
        until INTEGER NOT NULL,
        reason TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- The copies that the documents of a feed name.
    CREATE TABLE feed_image (address TEXT PRIMARY KEY, names BLOB NOT NULL) STRICT, WITHOUT ROWID;

    -- Documents that were published once and are no more: a server tells readers to give them up.
    CREATE TABLE retired (path TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

    -- What each hub is still to be told: that the document at a URL changed. A number is never used
    -- twice, so that a change in the moment of sending is not taken for the one that was sent.
    CREATE TABLE ping (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        hub TEXT NOT NULL,
        url TEXT NOT NULL,
        since INTEGER NOT NULL,
        due INTEGER NOT NULL,
        failures INTEGER NOT NULL DEFAULT 0,
        error TEXT,
        UNIQUE (hub, url)
    ) STRICT;

    -- The hubs that failed last: how often in a row, why, and until when they are left alone.
    CREATE TABLE hub (
        url TEXT PRIMARY KEY,
        failures INTEGER NOT NULL,
        until INTEGER NOT NULL,
        error TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
    """
    -- What the running pass, or passes that were cut short, read and did not publish yet: of each
    -- seed its fingerprint, and the reading in MessagePack. Empty after each pass that ends well.
    CREATE TABLE reading (
        path TEXT PRIMARY KEY,
        parser TEXT NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        settled INTEGER NOT NULL,
        same INTEGER NOT NULL,
        content BLOB NOT NULL,
        data BLOB NOT NULL
    ) STRICT;

    -- Seeds whose files are gone, but whose items stay: too many of `folder` would go at once.
    CREATE TABLE held (path TEXT PRIMARY KEY, folder TEXT NOT NULL) STRICT, WITHOUT ROWID;
    """,
    """
    -- Whose each address is that was made of a name, for good, also when its feed is gone: the kind
    -- and what tells it from others of its kind. Rows are in the order in which they came.
    CREATE TABLE address (
        address TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        name TEXT NOT NULL
    ) STRICT;
    """,
    """
    -- As before, but many readings in each row: of a first pass a tenth of the time went there.
    DROP TABLE reading;
    CREATE TABLE reading (
        number INTEGER PRIMARY KEY,
        parser TEXT NOT NULL,
        data BLOB NOT NULL
    ) STRICT;
    """,
    """
    -- Folders whose seeds were all read as they are: a digest of their names and fingerprints.
    CREATE TABLE listing (folder TEXT PRIMARY KEY, digest BLOB NOT NULL) STRICT, WITHOUT ROWID;
    DELETE FROM fact WHERE name = 'listing';
    """,
    """
    -- How many there are: of all seeds and items, and of published items, whatever their date, that
    -- name a topic, or the provider of a domain (`key`), so.
    CREATE TABLE tally (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        name TEXT NOT NULL,
        n INTEGER NOT NULL,
        PRIMARY KEY (kind, key, name)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO tally SELECT 'seed', '', '', count(*) FROM seed;
    INSERT INTO tally SELECT 'item', '', '', count(id) FROM seed;
    INSERT INTO tally SELECT 'topic', '', value, count(*) FROM seed, json_each(topics)
        WHERE is_published GROUP BY value;
    INSERT INTO tally SELECT 'provider', domain, provider, count(*) FROM seed
        WHERE is_published GROUP BY domain, provider;
    DROP INDEX seed_providers;
    DROP INDEX seed_topics;
    CREATE INDEX image_known ON image (key) WHERE name <> '' OR missing;
    """,
    ARCHIVED,
    WITHDRAWN,
    DIGESTS,
    SEALED,
    """
    -- What the site's own feeds select by; unknown until a pass reads the seed again.
    ALTER TABLE seed ADD COLUMN tags TEXT;
    ALTER TABLE seed ADD COLUMN locale TEXT;
    """,
    NARROW,
    WITHDRAWN_PARTS,
    CATALOGUE,
    JUDGED,
)
VERSION = OLDEST + len(_MIGRATIONS) - 1
_SCRIPT = "".join(_MIGRATIONS)
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
