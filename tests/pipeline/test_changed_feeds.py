"""Passes over few of very many feeds: they do what passes over all do, and look at few."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from feeds.common.media import image_key
from feeds.pipeline import output, plan, run
from feeds.pipeline.run import publish_feeds
from feeds.render import front, html, index_parts, overviews
from tests.support.imaging import picture, seed_with
from tests.support.publishing import split_manifest
from tests.support.site import NOW, Site, documents_in
from tests.support.spying import spy

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_TOPICS = ["Ábc", "abc", "Bee", "bus", "cat", "Cow", "dog", "3D", "élan", "zoo"]
_TOML = """
[images]
fetch = "off"
[selection]
max_items = 4
[[feeds]]
name = "Best"
min_quality = 80
"""


@contextmanager
def very_many() -> Iterator[None]:
    """Takes a few feeds for very many."""
    with pytest.MonkeyPatch.context() as patch, split_manifest():
        patch.setattr(overviews, "MOST_TOGETHER", 3)
        patch.setattr(index_parts, "MOST_IN_PART", 2)
        patch.setattr(html, "LARGEST", 2)
        patch.setattr(front, "TOPICS", 2)
        patch.setattr(front, "SOURCES", 1)
        yield


def tables(state: Path) -> list[list[tuple[object, ...]]]:
    """Returns what passes leave for others, but for fingerprints and times."""
    queries = (
        "SELECT * FROM catalogue",
        "SELECT address, key, summary FROM feed",
        "SELECT * FROM feed_image",
        "SELECT path FROM document ORDER BY path",
        "SELECT * FROM fact WHERE name IN ('index', 'missing', 'moves', 'noindex', 'repeated')",
    )
    with closing(sqlite3.connect(state)) as db:
        return [db.execute(one).fetchall() for one in queries]


def write(site: Site, number: int, topics: list[int], quality: int, image: int) -> None:
    names = [_TOPICS[one] for one in topics]
    when = (NOW - 9 * _DAY * number).isoformat()
    fields: dict[str, Any] = {
        "title": f"{number} {quality}",
        "topics": names,
        "publishedDateTime": when,
    }
    if image:
        seed_with(site, number, f"https://images.example.com/{image}.jpg", **fields)
    else:
        site.seed(f"{number}.txt", number=number, quality=quality, **fields)


STORIES = st.tuples(
    st.integers(0, 7),
    st.lists(st.integers(0, 9), max_size=3, unique=True),
    st.sampled_from([10, 50, 70, 90]),
    st.integers(0, 2),
)


@settings(max_examples=settings().max_examples // 10)
@given(
    st.lists(STORIES, min_size=4, max_size=10),
    st.lists(st.lists(STORIES, max_size=2), min_size=2, max_size=6),
)
def test_passes_over_few_feeds_publish_what_passes_over_all_do(
    first: list[tuple[int, list[int], int, int]],
    edits: list[list[tuple[int, list[int], int, int]]],
) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, very_many():
        site = Site(Path(folder) / "site")
        site.configure(_TOML)
        for number in (1, 2):
            key = image_key(f"https://images.example.com/{number}.jpg")
            path = site.root / f".feeds/images/media/{key[:2]}/{key}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(size=(64 + number, 48)))
        site.seed("10.txt", number=10, topics=_TOPICS)
        loaded = site.load()
        elsewhere = {"out": site.root / "whole", "state": site.root / "whole.db"}
        whole = loaded._replace(
            config=replace(loaded.config, paths=replace(loaded.config.paths, **elsewhere))
        )
        for minutes, some in enumerate([first, *edits]):
            for one in some:
                write(site, *one)
            now = NOW + timedelta(minutes=minutes)
            report = site.publish(now)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(run, "at_rest", lambda *_: None)
                clock = partial(datetime.fromtimestamp, now.timestamp(), UTC)
                expected = publish_feeds(whole, clock=clock)
            assert site.documents() == documents_in(site.root / "whole")
            assert report.feeds == expected.feeds
            assert (report.written, report.unchanged) == (expected.written, expected.unchanged)
            assert tables(site.state) == tables(site.root / "whole.db")


@pytest.fixture
def many(site: Site) -> Iterator[Site]:
    """A published site of very many feeds."""
    with very_many():
        site.configure(_TOML)
        for number in range(8):
            write(site, number, [number, number + 1], 90, 0)
        site.publish()
        yield site


def test_catalogue_saves_the_look_at_feeds_without_a_changed_story(
    many: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = spy(monkeypatch, plan._Planner, "plan")
    write(many, 5, [5, 6], 70, 0)
    report = many.publish(NOW + _HOUR)
    assert "topics/cow.atom" in report.written
    addresses = {feed.address for _, feed in looked}
    assert addresses == {"all", "custom/best", "topics/cow", "topics/dog", "providers/example.com"}
    assert len(report.feeds) > len(addresses)


def _overwrite(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"x" * path.stat().st_size)
    other.rename(path)


@pytest.mark.parametrize("is_edited", [False, True], ids=["quiet", "edited"])
@pytest.mark.parametrize(
    "name", ["topics/bee.atom", "feeds.opml", "feeds/topics/b.html", ".feeds-manifest/00.json"]
)
@pytest.mark.parametrize("harm", [Path.unlink, _overwrite], ids=["removed", "replaced"])
def test_catalogue_is_cleared_by_files_that_come_or_go(
    many: Site, harm: Callable[[Path], None], name: str, *, is_edited: bool
) -> None:
    before = many.documents()
    harm(many.out / name)
    if is_edited:
        write(many, 0, [0, 1], 90, 1)
    many.publish(NOW + _HOUR)
    after = many.documents()
    assert before.keys() == after.keys()
    assert before[name] == after[name]


def test_catalogue_lets_a_file_that_was_written_into_wait_a_day(many: Site) -> None:
    path = many.out / "topics/bee.atom"
    before = path.read_bytes()
    path.write_bytes(b"harm")
    many.publish(NOW + _HOUR)
    assert path.read_bytes() == b"harm"
    many.publish(NOW + _DAY)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "is_few"),
    [
        pytest.param("topics/bee.atom", False, id="all"),
        pytest.param("feeds/topics/b.html", True, id="few"),
    ],
)
def test_document_that_is_removed_while_a_pass_runs_is_back_after_the_next(
    many: Site, monkeypatch: pytest.MonkeyPatch, name: str, *, is_few: bool
) -> None:
    victim, as_is = many.out / name, output.publish

    def harmed(*arguments: Any) -> Any:
        published = as_is(*arguments)
        victim.unlink()
        return published

    write(many, 5, [5, 6], 70, 0)
    with monkeypatch.context() as patch:
        patch.setattr(run, "publish", harmed)
        if not is_few:
            patch.setattr(run, "at_rest", lambda *_: None)
        many.publish(NOW + timedelta(hours=1))
    many.publish(NOW + timedelta(hours=2))
    assert victim.exists()
