"""First passes, whose processes keep and judge what they read."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from feeds.common.media import image_key
from feeds.common.reports import Callbacks, Options
from feeds.pipeline import rendering, rescan
from feeds.pipeline.first_pass import Recorder
from feeds.pipeline.plan import StaleFeed
from feeds.pipeline.run import publish_feeds
from feeds.seeds import read
from feeds.store import Store
from tests.support.imaging import picture, seed_with
from tests.support.site import NOW, Site

COUNT = 250
URL = "https://images.example.com/camera.jpg"
KEY = image_key(URL)
NAME = f"media/{KEY[:2]}/{KEY}.jpg"
# What processes and selection write; seeds have the numbers in which they happened to be read.
WRITTEN = {
    "memory": "*",
    "slot": "kind, key, published, id, since, updated, digest",
    "image": "key, url",
    "tally": "*",
    "judged": "*",
}
TOML = """
[selection]
max_age = "400d"
min_heat = 1
[topics.AI]
min_quality = 60
[[feeds]]
name = "Own"
topics = ["AI"]
[[digests]]
name = "Weekly"
every = "week"
"""


@pytest.fixture
def many(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site of all kinds of seeds, which two processes read."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(read, "WORTH_PROCESSES", 1)
    for number in range(COUNT):
        changes: dict[str, Any] = {"quality": number % 100, "heat": number % 7}
        if number % 9 == 0:
            changes["published"] = False
        if number % 11 == 0:
            changes["publishedDateTime"] = "2031-01-01T00:00:00Z"
        # Some have the URL, and so the id, of another.
        site.seed(f"{number % 3}/{number:03}.txt", number=number - number % 17 // 16, **changes)
    site.write("bad.txt", "no seed")
    return site


def rows(site: Site) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(site.state)) as database:
        return {
            name: sorted(database.execute(f"SELECT {columns} FROM {name}"), key=repr)  # noqa: S608
            for name, columns in WRITTEN.items()
        }


@pytest.mark.parametrize("toml", ["", TOML], ids=["plain", "feeds of its own"])
def test_what_processes_judged_is_what_selection_finds_of_all(
    many: Site, monkeypatch: pytest.MonkeyPatch, toml: str
) -> None:
    many.configure(toml)
    taken: list[bool] = []
    take = Store.take_judged

    def noted(*arguments: Any) -> bool:
        taken.append(take(*arguments))
        return taken[-1]

    monkeypatch.setattr(Store, "take_judged", noted)
    report = many.publish()
    assert (taken, report.bad) == ([True], 1)
    judged, documents = rows(many), many.documents()
    assert judged["slot"]
    assert judged["judged"] == []
    many.state.unlink()
    monkeypatch.setattr(Store, "take_judged", lambda *_: False)
    many.publish()
    assert rows(many) | {"judged": []} == judged
    assert many.documents() == documents
    assert many.publish().unchanged


def test_processes_that_render_read_the_items_that_others_kept(
    many: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    many.configure(TOML)
    sent: list[int] = []
    make_job = StaleFeed.job

    def noted(*arguments: Any, **options: Any) -> Any:
        job = make_job(*arguments, **options)
        if options == {"is_kept": True}:
            sent.extend(job.items)
        return job

    monkeypatch.setattr(StaleFeed, "job", noted)
    monkeypatch.setattr(rendering, "_MANY_FEEDS", 1)
    many.publish()
    documents = many.documents()
    assert sent  # digests: only this pass has them
    assert max(sent) < 0
    monkeypatch.setattr(rendering, "_MANY_FEEDS", 10_000)
    assert many.fresh() == documents


def test_first_pass_that_was_cut_short_leaves_no_judgement_to_the_next(many: Site) -> None:
    class CutShortError(Exception):
        pass

    def progress(*_: object) -> None:
        raise CutShortError

    with pytest.raises(CutShortError):
        many.publish(NOW, callbacks=Callbacks(progress))
    many.configure("[selection]\nmin_heat = 3\n")
    later = NOW + timedelta(days=3000)  # all are due
    many.publish(later)
    assert many.documents() == many.fresh(later)
    assert rows(many)["judged"] == []


def test_first_pass_that_another_overtakes_while_its_processes_read_begins_again(
    many: Site,
) -> None:
    told: list[int] = []

    def progress(stage: str, done: int, _: int) -> None:
        if not told:
            publish_feeds(many.load().with_out(many.root / "other"), clock=lambda: NOW)
        told.append(done)

    report = many.publish(NOW, callbacks=Callbacks(progress))
    assert report.read == 0
    assert many.documents() == many.fresh()


def test_chunk_that_is_recorded_twice_is_kept_and_judged_once(
    many: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process may be killed between its commit and its answer: another one has the chunk then."""
    monkeypatch.setattr(read, "WORTH_PROCESSES", 10**6)
    monkeypatch.setattr(rescan, "_KEEP_SECONDS", 0.0)
    record = Recorder.record

    def twice(*arguments: Any) -> None:
        record(*arguments)
        record(*arguments)

    monkeypatch.setattr(Recorder, "record", twice)
    many.publish()
    found, documents = rows(many), many.documents()
    monkeypatch.setattr(Recorder, "record", record)
    many.state.unlink()
    many.publish()
    assert (rows(many), many.documents()) == (found, documents)


def test_first_pass_shows_copies_that_were_in_the_cache_at_an_earlier_look(many: Site) -> None:
    many.configure('[images]\nfetch = "off"\n')
    seed_with(many, 250, URL)
    path = many.root / ".feeds/images" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(picture())
    os.utime(path.parent, (1_500_000_000, 1_500_000_000))
    many.run("images", "fetch")
    many.publish()
    assert many.read(NAME) == picture()
    assert many.documents() == many.fresh()


@pytest.mark.parametrize("cores", [1, 2])
def test_dry_run_of_a_first_pass_reads_no_item_from_the_state_file(
    topics: Site, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert len(topics.publish(options=Options(dry_run=True)).feeds) > TOPICS
    assert not topics.state.exists()


def test_first_pass_on_one_core_leaves_its_state_file_closed(
    topics: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    topics.publish()
    assert not list(topics.state.parent.glob("*-wal"))


TOPICS = 60


@pytest.fixture
def topics(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site of so many feeds that processes render them; each reading is kept at once."""
    monkeypatch.setattr(rescan, "_KEEP_SECONDS", 0.0)
    for number in range(2 * TOPICS):
        site.seed(f"{number}.txt", number=number, topics=[f"Topic {number % TOPICS}"])
    return site
