"""Publishing as a whole pass does it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.common.errors import PublishError
from feeds.common.model import ParsedSeed
from feeds.common.reports import Callbacks, Options
from feeds.common.times import rfc3339
from feeds.pipeline import due_seeds, rescan
from feeds.publish import read_manifest
from feeds.seeds import fields, parse, read
from tests.support.publishing import contents, documents
from tests.support.site import NOW, Site

# A disk that flushes at once, where there is one.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108


@pytest.fixture
def full(site: Site) -> Site:
    """A site that has published two seeds."""
    site.seed("a.txt", number=1)
    site.seed("b.txt", number=2)
    site.publish()
    return site


def test_pass_refuses_where_every_seed_is_bad_and_nothing_is_remembered(full: Site) -> None:
    for name in ("a.txt", "b.txt"):
        full.write(name, "---\ntitle: [\n---\n")
    before = documents(full.out)
    full.publish()
    assert documents(full.out) == before
    full.state.unlink()
    with pytest.raises(PublishError, match="Refusing to empty"):
        full.publish()
    assert documents(full.out) == before


def test_pass_does_not_refuse_when_all_stories_are_withdrawn(full: Site) -> None:
    for number, name in enumerate(("a.txt", "b.txt"), 1):
        full.seed(name, number=number, published=False)
    assert [feed.entries for feed in full.publish().feeds] == [0]


def test_files_of_vanished_feeds_are_removed_and_foreign_ones_are_not(full: Site) -> None:
    full.seed("a.txt", number=1, topics=["Space"])
    full.publish()
    (full.out / "topics/space.txt").write_text("mine")
    full.seed("a.txt", number=1)
    formats = ("atom", "html", "json", "rss")
    assert full.publish().removed == [f"topics/space.{one}" for one in formats]
    assert (full.out / "topics/space.txt").read_text() == "mine"
    assert "topics/space.rss" not in read_manifest(full.out).files


def test_pass_recovers_once_the_way_is_clear(full: Site) -> None:
    full.seed("a.txt", number=1, topics=["Space"])
    way = full.out / "topics/space.rss"
    way.write_text("mine")
    before = contents(full.out)
    for _ in range(2):
        with pytest.raises(PublishError, match="in the way"):
            full.publish()
        assert contents(full.out) == before
    way.unlink()
    assert {"topics/space.rss", "all.atom"} <= set(full.publish().written)


def test_exports_at_once_take_turns(site: Site) -> None:
    for number in range(20):
        site.seed(f"{number}.txt", number=number, publishedDateTime="2021-08-19T08:00:00Z")
    command = [sys.executable, "-m", "feeds", "export", "--full"]
    processes = [
        subprocess.Popen(
            [*command, "--config", str(site.root / "config.toml")],
            cwd=Path(__file__).parent.parent.parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    told = [line for text in errors for line in text.splitlines()]
    # Who takes the lock says who it is a moment later; until then it is another run.
    known = ("feeds: waiting for process ", "feeds: waiting for another run")
    assert all(line.startswith(known) for line in told), told
    before = contents(site.out)
    assert site.publish(options=Options(full=True)).written == []
    assert contents(site.out) == before


# Another release


def edited(site: Site) -> dict[str, str]:
    """Returns when each entry was updated, by title."""
    return {title: updated for title, (_, updated) in site.entries().items()}


def read_titles_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "clean_line", lambda text, **_: text.upper())
    monkeypatch.setattr(due_seeds, "PARSER_VERSION", 99)


def digest_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (due_seeds, read):
        monkeypatch.setattr(module, "READER_VERSION", 99)


@pytest.mark.parametrize("change", [read_titles_otherwise, digest_otherwise])
def test_release_that_reads_or_digests_otherwise_marks_nothing_as_edited(
    full: Site, monkeypatch: pytest.MonkeyPatch, change: Callable[[pytest.MonkeyPatch], None]
) -> None:
    before = list(edited(full).values())
    change(monkeypatch)
    full.publish(NOW + timedelta(days=1))
    assert list(edited(full).values()) == before
    full.seed("a.txt", number=1, title="Edited")
    full.publish(NOW + timedelta(days=2))
    moved = {title.lower(): time for title, time in edited(full).items()}
    assert moved["edited"] == rfc3339(NOW + timedelta(days=2))
    assert moved["story 2"] in before


def test_release_that_accepts_an_edit_that_was_refused_tells_of_the_edit(
    full: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(parse, "normal_domain", lambda _: None)
        full.seed("a.txt", number=1, title="Edited")
        assert full.publish(NOW + timedelta(days=1)).bad == 1
    monkeypatch.setattr(due_seeds, "PARSER_VERSION", 99)
    full.publish(NOW + timedelta(days=2))
    assert edited(full)["Edited"] == rfc3339(NOW + timedelta(days=2))


def test_readings_are_closed_as_soon_as_a_rescan_is_interrupted(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []

    def readings_to_come(*_: object) -> Iterator[ParsedSeed]:
        try:
            yield ParsedSeed("a.txt", b"")
        finally:
            closed.append(True)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    site.seed()
    monkeypatch.setattr(rescan, "_read", readings_to_come)
    with pytest.raises(KeyboardInterrupt) as kept:
        site.publish(callbacks=Callbacks(progress=interrupt))
    assert (closed, kept.tb is None) == ([True], False)


# Stories whose feeds show each other, and what can become of them
EDITS = st.fixed_dictionaries(
    {"number": st.integers(1, 6)},
    optional={
        "title": st.sampled_from(["Edited", "</entry> & <article>"]),
        "excerpt": st.sampled_from([None, "In short.\n  <entry>"]),
        "topics": st.sampled_from([[], ["Bio"], ["AI", "Bio"]]),
        "provider": st.sampled_from([{"domain": "other.org"}, {"domain": "example.com"}]),
        "publishedDateTime": st.sampled_from(["2026-02-20T08:00:00Z", "2026-02-01T08:00:00Z"]),
        "published": st.booleans(),
        "quality": st.sampled_from([71, 72]),
    },
)
TABLES = st.sampled_from(
    ["", "", "", "pages = false\n", "[selection]\nmax_items = 4\n", "[content]\nrelated = 0\n"]
)


@settings(max_examples=settings().max_examples // 10)
@given(st.lists(st.tuples(TABLES, st.lists(EDITS, max_size=2)), min_size=1, max_size=5))
def test_passes_publish_what_they_would_if_everything_was_rendered(
    passes: list[tuple[str, list[dict[str, Any]]]],
) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        site = Site(Path(folder) / "site")
        for number in range(1, 7):
            site.seed(f"{number}.txt", number=number)
        site.publish()
        for hours, (table, edits) in enumerate(passes, 1):
            site.configure(table)
            for fields in edits:
                site.seed(f"{fields['number']}.txt", **fields)
            now = NOW + timedelta(hours=hours)
            site.publish(now)
            published = site.documents()
            assert site.publish_whole(now).written == []
            assert site.documents() == published
