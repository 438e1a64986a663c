"""The memo of documents of archives that no pass looks at: of use, and not kept for too long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from feeds.pipeline import plan
from tests.support.site import NOW, Site
from tests.support.spying import spy

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_PART = "topics/old/2026-02.atom"


@pytest.fixture
def archived(site: Site) -> Site:
    """A site with one sealed part in each of three feeds, and a new story in another topic."""
    site.configure('archive = "month"\n')
    site.seed("old.txt", number=1, topics=["Old"])
    site.publish(NOW - 10 * _DAY)
    site.seed("new.txt", number=2, topics=["New"], publishedDateTime=NOW.isoformat())
    site.publish(NOW)
    assert (site.out / _PART).exists()
    return site


def _edit_new(site: Site, title: str) -> None:
    site.seed("new.txt", number=2, title=title, topics=["New"], publishedDateTime=NOW.isoformat())


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"x" * path.stat().st_size)
    other.rename(path)


def test_sealed_saves_the_look_at_parts_without_a_changed_story(
    archived: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = spy(monkeypatch, plan._Planner, "plan")
    _edit_new(archived, "Edited")
    report = archived.publish(NOW + _HOUR)
    assert "all.atom" in report.written
    assert {feed.address for _, feed in looked if feed.archive and feed.archive.part} == set()


@pytest.mark.parametrize("extra", ["", "[publish]\nprecompress = true\n"], ids=["", "compressed"])
@pytest.mark.parametrize("is_edited", [False, True], ids=["quiet", "edited"])
@pytest.mark.parametrize(
    "harm",
    [Path.unlink, lambda path: path.rename(path.with_name("moved")), _replace],
    ids=["removed", "renamed", "replaced"],
)
def test_sealed_is_cleared_by_files_that_come_or_go(
    archived: Site, harm: Callable[[Path], None], extra: str, *, is_edited: bool
) -> None:
    archived.configure('archive = "month"\n' + extra)
    archived.publish(NOW)
    before = archived.read(_PART)
    harm(archived.out / _PART)
    if is_edited:
        _edit_new(archived, "Edited")
    archived.publish(NOW + _HOUR)
    assert archived.read(_PART) == before


def test_sealed_is_cleared_a_day_after_all_files_were_looked_at(archived: Site) -> None:
    path = archived.out / _PART
    before, status = path.read_bytes(), path.parent.stat()
    path.write_bytes(b"x")
    assert path.parent.stat().st_mtime_ns == status.st_mtime_ns
    _edit_new(archived, "Edited")
    archived.publish(NOW + _DAY - _HOUR)
    assert path.read_bytes() == b"x"
    archived.publish(NOW + _DAY)
    assert path.read_bytes() == before


def test_sealed_is_cleared_with_the_feed_of_its_documents(archived: Site) -> None:
    (archived.seeds / "old.txt").unlink()
    report = archived.publish(NOW + _HOUR)
    assert _PART in report.removed
    assert list((archived.out / "topics").glob("old*/*")) == []
