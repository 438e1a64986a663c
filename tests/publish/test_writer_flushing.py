"""New files reach the disk before they are seen, whoever flushes them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from feeds.common.files import temporary_for
from feeds.publish import NewOutput, Place, Publisher, WorkersFlusher, Written
from feeds.publish.writer import Flushers, Writer
from tests.support.publishing import document, documents

_NAMES = [f"topics/{number}.atom" for number in range(10)]


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files in topics/ that were flushed since."""
    names: list[str] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.parent.name == "topics":
            names.append(f"topics/{path.name.removeprefix('.').removesuffix('.feeds-tmp')}")

    monkeypatch.setattr(os, "fsync", noted)
    return names


def written(writer: Writer, names: Iterable[str] = _NAMES) -> list[Written]:
    """Returns documents that a worker has written."""
    return [writer.write(document(name, f"text of {name}" * 99), Place()) for name in names]


def test_flushers_flush_all_that_was_added(tmp_path: Path, flushed: list[str]) -> None:
    made = written(Writer(tmp_path))
    with closing(Flushers()) as flushers:
        for one in made:
            flushers.add([temporary_for(tmp_path / one.path)])
        flushers.finish()
        assert sorted(flushed) == _NAMES


@pytest.mark.parametrize("count", [1, 20], ids=["one file", "many"])
def test_flushers_tell_of_a_file_that_cannot_be_flushed(tmp_path: Path, count: int) -> None:
    with closing(Flushers()) as flushers:
        flushers.add([str(tmp_path / "gone")] * count)
        with pytest.raises(FileNotFoundError):
            flushers.finish()


def test_worker_flushes_what_it_wrote_beside_what_comes_next(
    tmp_path: Path, flushed: list[str]
) -> None:
    flusher = WorkersFlusher(Writer(tmp_path, precompress=True))
    with flusher.flushing() as names:
        flusher.add(written(flusher.writer))
    assert (names, flushed) == ([], [])
    with flusher.flushing() as names:
        flusher.add(written(flusher.writer, ["topics/last.atom"]))
    assert (
        sorted(flushed)
        == sorted(names)
        == sorted(name + suffix for name in _NAMES for suffix in ("", ".br", ".gz"))
    )
    with flusher.flushing() as names:
        pass
    assert sorted(names) == [f"topics/last.atom{suffix}" for suffix in ("", ".br", ".gz")]


def test_worker_tells_of_a_file_that_it_cannot_flush(tmp_path: Path) -> None:
    flusher = WorkersFlusher(Writer(tmp_path))
    flusher.add(written(flusher.writer))
    Path(temporary_for(tmp_path / _NAMES[3])).unlink()
    with pytest.raises(FileNotFoundError), flusher.flushing():
        pass


def test_worker_flushes_nothing_that_was_not_written(tmp_path: Path, flushed: list[str]) -> None:
    flusher = WorkersFlusher(Writer(tmp_path, dry_run=True))
    flusher.add(written(flusher.writer))
    with flusher.flushing() as names:
        pass
    assert (names, flushed) == ([], [])


def test_publisher_hears_of_a_flush_before_it_hears_of_the_files(
    tmp_path: Path, flushed: list[str]
) -> None:
    with Publisher(tmp_path, NewOutput(_NAMES, 10)) as publisher:
        publisher.expect(_NAMES)
        publisher.take_flushed(_NAMES[:2])
        publisher.take_unflushed(written(publisher.writer, _NAMES))
        publisher.finish()
    assert sorted(flushed) == _NAMES


def test_publisher_flushes_what_workers_do_not_say_is_flushed(
    tmp_path: Path, flushed: list[str]
) -> None:
    with Publisher(tmp_path, NewOutput(_NAMES, 10)) as publisher:
        publisher.expect(_NAMES)
        publisher.take_unflushed(written(publisher.writer, _NAMES[:6]))
        publisher.take_flushed(_NAMES[1:4])
        publisher.take_unflushed(written(publisher.writer, _NAMES[6:]))
        assert flushed == []
        publisher.finish()
        assert sorted(flushed) == [_NAMES[0], *_NAMES[4:]]
    assert sorted(documents(tmp_path)) == _NAMES
