"""A state file that older code wrote: nothing that readers were shown is lost or shown again.

`data/state-5.db.gz` is the file that `history` left at /srv/site, run by the code of schema 5.
"""

from __future__ import annotations

import base64
import gzip
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from feeds.common.media import image_key
from feeds.store import open_state
from feeds.store.schema import OLDEST, VERSION
from tests.support.site import Site

OLD = Path(__file__).parent / "data/state-5.db.gz"
URL = "https://news.example.com/pictures/a.png"
IMAGES = [{"url": URL, "isCached": True}]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


def day(number: int) -> datetime:
    return datetime(2026, 3, number, 12, tzinfo=UTC)


def configure(site: Site) -> None:
    site.configure('hub = "https://hub.example.net/"\n[images]\nfetch = "off"\n')
    key = image_key(URL)
    copy = site.root / f".feeds/images/media/{key[:2]}/{key}.png"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(PNG)
    os.utime(copy, (1_600_000_000, 1_600_000_000))


def end(site: Site) -> None:
    site.seed("a.txt", number=1, title="Edited", images=IMAGES)
    site.seed("c.txt", number=3, quality=90)


def history(site: Site) -> None:
    """A story with an image is edited, one qualifies late, and one goes with its topic."""
    configure(site)
    site.seed("a.txt", number=1, images=IMAGES)
    site.seed("b.txt", number=2, topics=["C++"])
    site.seed("c.txt", number=3, quality=10)
    site.publish(day(1))
    end(site)
    site.publish(day(2))
    (site.seeds / "b.txt").unlink()
    site.publish(day(3))


def rows(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


@pytest.fixture
def older(tmp_path: Path) -> Site:
    """The site whose state is of schema 5."""
    site = Site(tmp_path / "older")
    configure(site)
    end(site)
    site.state.write_bytes(gzip.decompress(OLD.read_bytes()))
    with closing(sqlite3.connect(site.state)) as database:
        for column in ("path", "folder"):
            update = f"UPDATE seed SET {column} = replace({column}, '/srv/site', ?)"  # noqa: S608
            database.execute(update, (str(site.root),))
        database.commit()
    return site


QUERIES = (
    "SELECT * FROM memory",
    "SELECT * FROM slot",
    "SELECT * FROM image",
    "SELECT * FROM ping",
    "SELECT * FROM retired",
)


def test_migration_keeps_dates_images_and_pings(older: Site) -> None:
    before = [rows(older.state, query) for query in QUERIES]
    assert rows(older.state, "PRAGMA user_version") == [(OLDEST,)]
    assert all(before)
    with open_state(older.state, "pass", pytest.fail):
        pass
    assert rows(older.state, "PRAGMA user_version") == [(VERSION,)]
    after = [rows(older.state, query) for query in QUERIES]
    # A later version may have more columns.
    assert [
        [row[: len(old)] for row, old in zip(*pair, strict=True)]
        for pair in zip(after, before, strict=True)
    ] == before


def test_pass_over_an_older_state_shows_what_one_over_a_new_state_shows(
    older: Site, tmp_path: Path
) -> None:
    newer = Site(tmp_path / "newer")
    history(newer)
    # Of stories that are gone, releases of then did not keep that this moved `updated`.
    shown = """
        SELECT id, first_seen, published, iif(qualified = x'7b7d', NULL, updated), qualified
        FROM memory ORDER BY id
    """
    assert rows(older.state, shown) == rows(newer.state, shown)
    for site in (older, newer):
        site.seed("b.txt", number=5, topics=["C++"])
        site.publish(day(4))
    assert older.documents() == newer.documents()
    assert any(path.startswith("media/") for path in older.documents())
    assert rows(older.state, shown) == rows(newer.state, shown)
    memberships = "SELECT kind, key, id, since FROM slot"
    assert rows(older.state, memberships) == rows(newer.state, memberships)
    assert older.publish(day(4)).written == []


@pytest.mark.parametrize("version", [1, OLDEST - 1])
def test_state_from_before_is_moved_aside(older: Site, version: int) -> None:
    with closing(sqlite3.connect(older.state)) as database:
        database.execute(f"PRAGMA user_version = {version}")
    said: list[str] = []
    with open_state(older.state, "pass", said.append) as store:
        assert store.item_count() == 0
    assert len(said) == 1
    assert f"schema {version}" in said[0]


def test_older_state_is_looked_into_and_stays_as_it_is(older: Site) -> None:
    before = older.state.read_bytes()
    ran = older.run("list")
    assert ran.code == 0
    assert "topics/" in ran.out
    assert older.state.read_bytes() == before
