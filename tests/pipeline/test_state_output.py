"""The memos of the last pass on out/: each of use, and none kept for too long."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from feeds.pipeline import plan, run
from feeds.publish import compression, writer
from feeds.render import atom, documents, html
from tests.support.site import Site
from tests.support.spying import spy
from tests.support.two_stories import OF_SECOND_STORY, configured_in_turns, edit, two_stories


@pytest.fixture
def full(site: Site) -> Site:
    """A site that published two stories which share no feed but that of everything."""
    return two_stories(site)


# feeds


def test_feeds_save_the_rendering_of_feeds_that_show_the_same(
    full: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = spy(monkeypatch, documents, "render_feed")
    full.configure("[images]\nmax_width = 900\n")
    assert full.publish().written == []
    assert rendered == []


def test_feeds_save_the_look_at_feeds_that_did_not_change(
    full: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = spy(monkeypatch, plan, "contents_of")
    edit(full, "Edited")
    full.publish()
    assert sorted({feed.address for _, feed in looked}) == OF_SECOND_STORY


def test_feeds_save_the_rendering_of_entries_that_did_not_change(
    full: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = spy(monkeypatch, atom, "_entry")
    edit(full, "Edited")
    full.publish()
    assert {view.item.title for view, _ in rendered} == {"Edited"}
    assert full.titles() == ["Edited", "Story 1"]


def test_feeds_are_cleared_by_what_their_documents_show(full: Site) -> None:
    configured_in_turns(full, 'language = "nl"\n')


def test_feeds_are_cleared_with_the_stories_that_they_show(full: Site) -> None:
    for title in ("Edited", "Story 2", "Edited"):
        edit(full, title)
        full.publish()
        for address in OF_SECOND_STORY:
            assert title in full.titles(address)


# overview_keys


def test_overview_keys_save_the_rendering_of_an_index_that_shows_the_same(
    full: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = spy(monkeypatch, html, "render_index")
    edit(full, "Edited")
    assert "topics/bio.html" in full.publish().written
    assert rendered == []


def test_overview_keys_are_cleared_by_what_the_index_shows(full: Site) -> None:
    configured_in_turns(full, 'description = "Other"\n')


def test_overview_keys_are_cleared_by_feeds_that_come_and_go(full: Site) -> None:
    before = full.read("feeds.html")
    other = full.seed("c.txt", number=3, topics=["Space"])
    full.publish()
    assert b"topics/space" in full.read("feeds.html")
    other.unlink()
    full.publish()
    assert full.read("feeds.html") == before


# files


def test_files_save_the_comparison_with_what_is_published(
    full: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = spy(monkeypatch, writer, "has_bytes")
    edit(full, "Edited")
    full.publish()
    names = {str(path.relative_to(full.out)) for path, _ in compared}
    assert "topics/bio.atom" in names
    assert not {"topics/ai.atom", "feeds.html", "assets/style.css"} & names


def garble(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def garble_with_its_mtime(path: Path) -> None:
    replace_with_its_mtime(path, b"x" * path.stat().st_size)


def retell(path: Path) -> None:
    """Changes what an entry says, and nothing by which entries are found."""
    path.write_bytes(path.read_bytes().replace(b"Story 1", b"Story x"))


def retell_with_its_mtime(path: Path) -> None:
    replace_with_its_mtime(path, path.read_bytes().replace(b"Story 1", b"Story x"))


def replace_with_its_mtime(path: Path, data: bytes) -> None:
    """Puts another file of the same size and mtime in the place of one."""
    times, other = path.stat(), path.with_name("other")
    other.write_bytes(data)
    os.utime(other, ns=(times.st_mtime_ns, times.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [Path.unlink, garble, garble_with_its_mtime])
@pytest.mark.parametrize(
    "name",
    ["all.atom", "topics/ai.html", "index.html", "assets/style.css", "feeds.opml", "all.json.gz"],
)
def test_files_are_cleared_where_somebody_changed_them(
    full: Site, name: str, change: Callable[[Path], None]
) -> None:
    full.configure("[publish]\nprecompress = true\n")
    full.publish()
    before = full.documents()
    change(full.out / name)
    full.publish()
    assert full.documents() == before


@pytest.mark.parametrize("change", [Path.unlink, garble, retell, retell_with_its_mtime])
@pytest.mark.parametrize("extension", ["atom", "rss", "json", "html"])
def test_files_are_cleared_where_somebody_changed_an_entry_beside_one_that_was_edited(
    full: Site, extension: str, change: Callable[[Path], None]
) -> None:
    change(full.out / f"all.{extension}")
    edit(full, "Edited")
    full.publish()
    assert full.publish_whole().written == []


def test_files_are_cleared_of_documents_that_went(
    full: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = full.seed("c.txt", number=3, topics=["Space"])
    full.publish()
    other.unlink()
    assert "topics/space.atom" in full.publish().removed
    chosen = spy(monkeypatch, run, "memberships")
    full.publish()
    assert chosen == []


# compression


def test_compression_saves_the_making_of_copies_of_what_is_the_same(
    full: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    full.configure("[publish]\nprecompress = true\n")
    full.publish()
    made = spy(monkeypatch, writer, "compress")
    edit(full, "Edited")
    report = full.publish()
    small = full.read("robots.txt")  # too small for copies, which is found out each time
    assert len([one for _, one in made if one != small]) == len(report.written) * 2 > 0
    assert report.unchanged > 0


def test_compression_is_cleared_by_another_recipe(
    full: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    full.configure("[publish]\nprecompress = true\n")
    full.publish()
    before = full.documents()
    level = compression.LEVELS["gzip"]
    for other in (1, level):
        monkeypatch.setitem(compression.LEVELS, "gzip", other)
        full.publish()
        assert full.documents() == full.fresh()
        assert (full.documents() == before) == (other == level)
