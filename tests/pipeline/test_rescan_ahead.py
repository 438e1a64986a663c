"""A pass that is cut short keeps what it has read, and readers see nothing of it."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from contextlib import closing, suppress
from datetime import timedelta
from typing import Any

import pytest

from feeds.common.model import ParsedSeed
from feeds.common.reports import Callbacks, Options
from feeds.pipeline import rescan
from feeds.pipeline.run import publish_feeds
from feeds.seeds import read
from feeds.store.schema import INDEXES
from tests.support.processes import wait_until
from tests.support.site import NOW, Site, documents_in

HOUR = timedelta(hours=1)
COUNT = 12


class CutShortError(Exception):
    """Stands for a kill: nothing of ours catches it."""


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Returns which seeds are parsed; each is kept as soon as it was read."""
    monkeypatch.setattr(rescan, "_KEEP_SECONDS", 0.0)
    parsed: list[str] = []
    check = read._check

    def noted(seed: Any, *rest: Any) -> ParsedSeed:
        reading = check(seed, *rest)
        if not reading.same:
            parsed.append(seed.shown)
        return reading

    monkeypatch.setattr(read, "_check", noted)
    monkeypatch.setattr(read, "_CHUNK_SECONDS", -1.0)
    return parsed


def cut(site: Site, after: int, **options: Any) -> None:
    """Runs a pass that ends as soon as it has read so many seeds more than were read before."""

    def progress(stage: str, done: int, _: int) -> None:
        nonlocal after
        if stage == "seeds":
            after -= 1
        if not after or stage != "seeds":
            raise CutShortError(f"{stage} {done}")

    with pytest.raises(CutShortError, match="seeds"):
        site.publish(NOW, Options(**options), Callbacks(progress))


def fill(site: Site, count: int = COUNT) -> None:
    for number in range(count):
        site.seed(f"{number:02}.txt", number=number)


def test_passes_that_are_all_cut_short_read_every_seed_once(site: Site, reads: list[str]) -> None:
    fill(site)
    for _ in range(COUNT):
        cut(site, 1)
    assert not site.out.exists() or documents_in(site.out) == {}
    report = site.publish(NOW + HOUR)
    assert (report.read, report.changed, report.items) == (COUNT, COUNT, COUNT)
    assert sorted(reads) == [f"seeds/{number:02}.txt" for number in range(COUNT)]
    assert site.documents() == site.fresh(NOW + HOUR)
    assert site.publish(NOW + HOUR).read == 0


def test_full_passes_that_are_cut_short_go_on_too(site: Site, reads: list[str]) -> None:
    fill(site)
    site.publish()
    reads.clear()
    for after in (5, COUNT - 1):
        cut(site, after, full=True)
    report = site.publish(NOW, Options(full=True))
    assert (report.read, report.changed, report.written) == (COUNT, 0, [])
    assert sorted(reads) == [f"seeds/{number:02}.txt" for number in range(COUNT)]


@pytest.mark.parametrize("seconds", [0, 3600], ids=["now", "by a clock that is ahead"])
def test_seed_just_saved_is_looked_at_again_and_parsed_once(
    site: Site, reads: list[str], seconds: int
) -> None:
    fill(site)
    for path in site.seeds.iterdir():
        stamp = NOW.timestamp() + 400 * 86400 + seconds
        os.utime(path, (stamp, stamp))
    cut(site, 6)
    cut(site, COUNT - 1)
    assert site.publish().items == COUNT
    assert len(reads) == COUNT


def test_seed_that_changes_between_passes_is_read_as_it_is_then(
    site: Site, reads: list[str]
) -> None:
    fill(site)
    cut(site, COUNT)
    site.seed("00.txt", number=0, title="Edited")
    (site.seeds / "01.txt").unlink()
    site.write("02.txt", "no seed any more")
    (site.seeds / "03.txt").rename(site.seeds / "33.txt")
    site.seed("new.txt", number=77)
    report = site.publish()
    assert (report.seeds, report.bad, report.items) == (COUNT, 1, COUNT - 1)
    assert len(reads) == COUNT + 4
    assert site.documents() == site.fresh()


def test_seed_that_changes_and_changes_back_between_passes_is_as_it_was(
    site: Site, reads: list[str]
) -> None:
    fill(site)
    site.publish()
    before = site.tree()
    site.seed("00.txt", number=0, title="Edited")
    cut(site, 1)
    site.seed("00.txt", number=0)
    report = site.publish(NOW + HOUR)
    assert (report.read, report.changed, report.written) == (1, 0, [])
    assert site.tree() == before
    assert len(reads) == COUNT + 2


def test_readings_of_another_way_of_parsing_are_not_used(site: Site, reads: list[str]) -> None:
    site.seed("a.txt", publishedDateTime="2026-02-01T00:00:00")
    cut(site, 1)
    site.configure('[site.author]\nname = "x"\n[text]\nrepair = false\n')
    site.publish()
    assert len(reads) == 2
    assert site.documents() == site.fresh()


def test_pass_that_is_cut_short_moves_no_date_that_readers_are_told(
    site: Site, reads: list[str]
) -> None:
    site.configure("[selection]\nmax_items = 2\n")
    fill(site)
    site.publish()
    site.seed("00.txt", number=0, title="Edited")
    site.seed("late.txt", number=0, originalUrl="https://news.example.com/late", title="Late")
    cut(site, 2)
    assert reads[-2:] == ["seeds/00.txt", "seeds/late.txt"]
    site.publish(NOW + HOUR)
    with closing(sqlite3.connect(site.state)) as database:
        query = "SELECT first_seen FROM memory ORDER BY first_seen DESC LIMIT 2"
        seen = [time for (time,) in database.execute(query)]
    assert seen == [(NOW + HOUR).timestamp(), NOW.timestamp()]
    assert "Late" in site.titles()


def test_others_see_nothing_of_a_pass_that_is_cut_short(site: Site, reads: list[str]) -> None:
    fill(site)
    site.publish()
    tables = ("seed", "item", "slot", "memory", "image_use", "fact", "feed", "document", "held")

    def rows() -> dict[str, list[Any]]:
        with closing(sqlite3.connect(site.state)) as database:
            return {
                name: database.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608
                for name in tables
            }

    before, tree = rows(), site.tree()
    for number in range(COUNT):
        site.seed(f"{number:02}.txt", number=number, title="Edited")
    (site.seeds / "00.txt").unlink()
    cut(site, COUNT - 1)
    assert len(reads) == 2 * COUNT - 1
    assert (rows(), site.tree()) == (before, tree)
    # What people look at is brought up to the seeds on a copy of its own.
    assert "Edited" in site.run("explain", "seeds/05.txt").out
    assert rows() == before


def test_what_was_read_does_not_hide_that_a_folder_was_lost(site: Site, reads: list[str]) -> None:
    for number in range(30):
        site.seed(f"old/{number}.txt", number=number)
    site.seed("keep.txt", number=99)
    site.publish()
    shutil.rmtree(site.seeds / "old")
    for number in range(40):
        site.seed(f"new/{number:02}.txt", number=100 + number)
        if number % 5 == 0:
            cut(site, 1)
    report = site.publish()
    assert [(one.folder, one.stories) for one in report.held] == [("seeds/old", 30)]
    assert (report.gone, report.read, report.items) == (0, 40, 71)
    assert len(reads) == 71


def test_first_pass_that_was_cut_short_leaves_no_index_out(site: Site, reads: list[str]) -> None:
    fill(site)
    cut(site, COUNT - 1)
    assert indexes(site) < set(INDEXES)
    assert "seeds/00.txt" in site.run("explain", "seeds/00.txt").out
    site.publish()
    assert indexes(site) == set(INDEXES)


def indexes(site: Site) -> set[str]:
    query = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    with closing(sqlite3.connect(site.state)) as database:
        return {name for (name,) in database.execute(query)}


def test_first_pass_that_another_overtakes_while_it_reads_begins_again(
    site: Site, reads: list[str]
) -> None:
    fill(site)
    told: list[int] = []

    def progress(stage: str, done: int, _: int) -> None:
        told.append(done)
        if len(told) == COUNT // 2:
            publish_feeds(site.load().with_out(site.root / "other"), clock=lambda: NOW)

    report = site.publish(NOW, callbacks=Callbacks(progress))
    assert told[:7] == [1, 2, 3, 4, 5, 6, 1]
    assert (report.read, report.items) == (0, COUNT)
    assert site.documents() == site.fresh()


def test_readings_that_an_older_release_kept_apart_are_used(site: Site, reads: list[str]) -> None:
    fill(site)
    site.publish()
    for number in range(COUNT):
        site.seed(f"{number:02}.txt", number=number, title="Edited")
    cut(site, COUNT - 1)
    with closing(sqlite3.connect(site.state)) as database, database:
        # As it is if the very first pass was cut short, and no other ended since.
        for table in ("item", "image_use", "image", "seed", "slot", "memory", "fact", "tally"):
            database.execute(f"DELETE FROM {table}")  # noqa: S608
    reads.clear()
    report = site.publish()
    assert (report.read, report.items, len(reads)) == (COUNT, COUNT, 1)
    assert site.documents() == site.fresh()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_export_that_is_stopped_from_outside_has_kept_what_it_read(
    site: Site, number: signal.Signals
) -> None:
    count = 200
    for seed in range(count):
        site.seed(f"{seed}.txt", number=seed, body="*a* [b](c) " * 100)
    export = site.start("export")
    wait_until(lambda: kept(site) > 0)
    export.send_signal(number)
    export.communicate(timeout=60)
    assert not (site.out / "all.atom").exists()
    assert 0 < kept(site) < count
    told: list[int] = []
    report = site.publish(callbacks=Callbacks(lambda _, __, total: told.append(total)))
    assert told[0] < count  # not from the beginning
    assert (report.read, report.items, kept(site)) == (count, count, 0)


def kept(site: Site) -> int:
    """Returns how many seeds a first pass that did not end has kept."""
    if not site.state.exists():
        return 0
    query = "SELECT count(*) FROM seed WHERE NOT EXISTS (SELECT 1 FROM fact WHERE name = 'last')"
    with closing(sqlite3.connect(site.state)) as database, suppress(sqlite3.OperationalError):
        return int(database.execute(query).fetchone()[0])
    return 0


def test_slow_seed_does_not_hold_up_what_was_read_before_it(site: Site, reads: list[str]) -> None:
    """Readings come one by one where a chunk of seeds takes long."""
    fill(site, 3)
    cut(site, 1)
    assert reads[0] == "seeds/00.txt"
    assert kept(site) == 1
