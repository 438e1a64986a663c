"""Files of others that are linked into out/, by the same rules as documents."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from feeds.common.errors import PublishError
from feeds.publish import NewOutput, Publisher, read_manifest
from tests.support.publishing import document

NAME = "media/ab/x.jpg"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"image")
    os.utime(path, (5, 5))
    return path


def link(out: Path, source: Path, *, dry_run: bool = False) -> Publisher:
    """Publishes one document and one link."""
    with Publisher(out, NewOutput(["a.txt"], 1, images={NAME}), dry_run=dry_run) as publisher:
        publisher.link(NAME, source)
        publisher.put(document("a.txt", "a"))
        publisher.finish()
    return publisher


def test_link_is_published_and_belongs_to_the_manifest(out: Path, source: Path) -> None:
    publisher = link(out, source)
    assert (out / NAME).samefile(source)
    assert (publisher.linked, publisher.written) == ([NAME], ["a.txt"])
    assert read_manifest(out).images == {NAME}
    assert {path.name for path in (out / "media/ab").iterdir()} == {"x.jpg"}


def test_link_goes_with_the_folders_that_it_leaves_empty(out: Path, source: Path) -> None:
    link(out, source)
    with Publisher(out, NewOutput(["a.txt"], 1)) as publisher:
        publisher.finish()
    assert publisher.removed == [NAME]
    assert not (out / "media").exists()
    assert source.exists()


def test_link_that_was_not_finished_leaves_nothing(out: Path, source: Path) -> None:
    with Publisher(out, NewOutput([], 1, images={NAME})) as publisher:
        publisher.link(NAME, source)
    assert [path for path in out.rglob("*") if path.is_file()] == []


def test_link_takes_the_place_of_an_older_file_of_ours(out: Path, source: Path) -> None:
    link(out, source)
    newer = source.with_name("newer")
    newer.write_bytes(b"newer")
    link(out, newer)
    assert (out / NAME).read_bytes() == b"newer"
    assert source.read_bytes() == b"image"


def test_link_overwrites_no_file_of_others(out: Path, source: Path) -> None:
    (out / NAME).parent.mkdir(parents=True)
    (out / NAME).write_text("mine")
    with pytest.raises(PublishError, match="is in the way"):
        link(out, source)
    assert (out / NAME).read_text() == "mine"


def test_dry_run_links_nothing(out: Path, source: Path) -> None:
    assert link(out, source, dry_run=True).linked == [NAME]
    assert not out.exists()


def test_link_of_what_is_gone_fails_and_leaves_out_as_it_was(out: Path, source: Path) -> None:
    link(out, source)
    before = (out / NAME).read_bytes()
    with pytest.raises(PublishError, match="out/ is left as it was"):
        link(out, source.with_name("nowhere"))
    assert (out / NAME).read_bytes() == before


def test_link_is_taken_from_where_a_killed_run_left_one(out: Path, source: Path) -> None:
    leftover = out / "media/ab/.x.jpg.feeds-tmp"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")
    link(out, source)
    assert (out / NAME).read_bytes() == b"image"
    assert not leftover.exists()
