-- The tables of the state file, as scripts: one that makes a file of the oldest version that is
-- migrated, then one for each version, which makes it of the one before. Only ever append: the
-- scripts that a file lacks run in one transaction. Each begins with its version.

-- Version 5.

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

-- Version 6.

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

-- Version 7.

-- Whose each address is that was made of a name, for good, also when its feed is gone: the kind
-- and what tells it from others of its kind. Rows are in the order in which they came.
CREATE TABLE address (
    address TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL
) STRICT;

-- Version 8.

-- As before, but many readings in each row: of a first pass a tenth of the time went there.
DROP TABLE reading;
CREATE TABLE reading (
    number INTEGER PRIMARY KEY,
    parser TEXT NOT NULL,
    data BLOB NOT NULL
) STRICT;

-- Version 9.

-- Folders whose seeds were all read as they are: a digest of their names and fingerprints.
CREATE TABLE listing (folder TEXT PRIMARY KEY, digest BLOB NOT NULL) STRICT, WITHOUT ROWID;
DELETE FROM fact WHERE name = 'listing';

-- Version 10.

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

-- Version 11.

-- In which part of a feed's archives an item stands; part 0 is not sealed. `updated` is as of
-- the last pass, `edited` when it changed after that. Each sealed part has a row without an id.
CREATE TABLE archive (
    kind TEXT NOT NULL, key TEXT NOT NULL, period TEXT NOT NULL, part INTEGER NOT NULL,
    id TEXT NOT NULL,
    updated INTEGER NOT NULL,
    edited INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, key, period, part, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX archive_id ON archive (id);
CREATE INDEX archive_open ON archive (kind, key, period) WHERE part = 0;
CREATE INDEX archive_part ON archive (kind, key, period, part) WHERE id = '';
CREATE INDEX archive_edited ON archive (kind, key, edited) WHERE edited > 0;

-- Version 12.

-- Stories that were withdrawn and are not back: when, why, and the notice that feeds show, an
-- item in MessagePack; and which feeds they stood in.
CREATE TABLE withdrawn (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, why TEXT NOT NULL,
    published INTEGER NOT NULL, updated INTEGER NOT NULL, data BLOB NOT NULL
) STRICT;
CREATE TABLE withdrawn_from (
    kind TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (kind, key, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX withdrawn_from_id ON withdrawn_from (id);

-- Version 13.

-- Digests, each of the feed with this key: when its period began, when it changed last, and its
-- stories in MessagePack; and which stories these are, so that no digest repeats one.
CREATE TABLE digest (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL, start INTEGER NOT NULL,
    updated INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (key, start)
) STRICT;
CREATE TABLE digest_story (
    number INTEGER PRIMARY KEY, digest INTEGER NOT NULL, id TEXT NOT NULL
) STRICT;
CREATE INDEX digest_story_id ON digest_story (id);
CREATE INDEX digest_story_digest ON digest_story (digest);

-- Version 14.

-- Whether a row is of a sealed part of archives, a document of one, or its images.
ALTER TABLE feed ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE document ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feed_image ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;

-- Version 15.

-- What the site's own feeds select by; unknown until a pass reads the seed again.
ALTER TABLE seed ADD COLUMN tags TEXT;
ALTER TABLE seed ADD COLUMN locale TEXT;

-- Version 16.

-- Narrower copies of images, and whether those of an image are to be made: 0 no, 1 yes, 2 yes,
-- but those that there are show the same image.
ALTER TABLE image ADD COLUMN narrow INTEGER NOT NULL DEFAULT 1;
CREATE INDEX image_narrow ON image (key) WHERE narrow AND name <> '';
CREATE TABLE narrow (
    key TEXT NOT NULL, width INTEGER NOT NULL, length INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, PRIMARY KEY (key, width)
) STRICT, WITHOUT ROWID;

-- Version 17.

ALTER TABLE withdrawn_from ADD COLUMN period TEXT NOT NULL DEFAULT '';
ALTER TABLE withdrawn_from ADD COLUMN part INTEGER NOT NULL DEFAULT 0;
CREATE INDEX withdrawn_from_part ON withdrawn_from (kind, key, period) WHERE part > 0;

-- Version 18.

-- If there are very many feeds, all of them: how many entries each has, and the page that lists
-- it with others.
CREATE TABLE catalogue (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    address TEXT NOT NULL,
    entries INTEGER NOT NULL,
    page TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX catalogue_size ON catalogue (kind, entries DESC, address);
CREATE INDEX catalogue_page ON catalogue (page);

-- Version 19.

-- What a first pass found of an item when it read it: its history, and in `places` kind and key
-- of the feeds that it is in, and since when. Empty after each pass.
CREATE TABLE judged (
    number INTEGER PRIMARY KEY, pass INTEGER NOT NULL, published INTEGER, updated INTEGER,
    reader_digest BLOB, qualified TEXT, places TEXT NOT NULL
) STRICT;

-- Version 20.

-- What a first pass found of an item when it read it: its history, which tells the feeds that it is
-- in, and since when. Empty after each pass.
DROP TABLE judged;
CREATE TABLE judged (
    number INTEGER PRIMARY KEY, pass INTEGER NOT NULL, published INTEGER, updated INTEGER,
    reader_digest BLOB, qualified TEXT
) STRICT;
