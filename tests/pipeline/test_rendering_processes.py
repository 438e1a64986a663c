"""Documents of many feeds, which the processes that render them write themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec
import pytest

from feeds.common.errors import PublishError
from feeds.common.reports import Callbacks, Options
from feeds.pipeline import rendering
from feeds.publish import Publisher, read_manifest
from feeds.publish.manifest import MANIFEST
from tests.support.processes import wait_until
from tests.support.publishing import contents
from tests.support.site import Site

_MANY = 60


@pytest.fixture
def site(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site of so many feeds that they are rendered in two processes."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    for number in range(4):
        topics = [f"Topic {number * 20 + one}" for one in range(20)]
        site.seed(f"{number}.txt", number=number + 1, topics=topics, body="Word. " * 99)
    return site


def test_processes_publish_what_one_process_does(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = site.publish()
    assert len(report.written) > 4 * _MANY
    monkeypatch.setattr(rendering, "_MANY_FEEDS", 10_000)
    assert site.fresh() == site.documents()


def standing(site: Site) -> dict[str, tuple[bytes, int]]:
    """Returns bytes and mtime of every file in out/ but the manifest."""
    return {name: one for name, one in site.tree().items() if name != MANIFEST}


def test_processes_leave_the_same_documents_alone(site: Site) -> None:
    site.publish()
    before = standing(site)
    site.state.unlink()
    assert site.publish().written == []
    assert standing(site) == before


def test_processes_make_copies_and_leave_the_same_ones_alone(site: Site) -> None:
    site.configure("[publish]\nprecompress = true\n")
    site.publish()
    before = standing(site)
    assert {"all.atom.br", "topics/topic-3.html.gz"} <= before.keys()
    (site.out / "all.atom.br").unlink()
    (site.out / "topics/topic-3.html.gz").write_bytes(b"")
    site.state.unlink()
    assert site.publish().written == []
    assert standing(site) == before


def test_dry_run_with_processes_writes_nothing(site: Site) -> None:
    report = site.publish(options=Options(dry_run=True))
    assert len(report.written) > 4 * _MANY
    assert not site.out.exists()


@pytest.mark.parametrize("way", ["topics/topic-3.rss", "topics/topic-3.rss/"])
def test_what_is_in_the_way_of_a_process_stops_the_pass(site: Site, way: str) -> None:
    (site.out / "topics").mkdir(parents=True)
    if way.endswith("/"):
        (site.out / way).mkdir()
    else:
        (site.out / way).write_text("mine")
    before = contents(site.out)
    with pytest.raises(PublishError, match=r"topics/topic-3\.rss is in the way"):
        site.publish()
    assert contents(site.out) == before


def test_file_that_a_process_cannot_write_leaves_everything_as_it_was(site: Site) -> None:
    site.publish()
    (site.out / "topics/.topic-3.atom.feeds-tmp").mkdir()
    before = contents(site.out)
    site.configure("[site.author]\nname = 'Ours'\n")
    with pytest.raises(PublishError, match=r"Is a directory.*out/ is left as it was"):
        site.publish()
    assert contents(site.out) == before


def test_processes_have_ended_before_their_files_are_removed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    close = Publisher.close

    def results(*_: object, **__: object) -> Iterator[bytes]:
        try:
            yield msgspec.msgpack.encode(([], [[]]))
        finally:
            done.append("ended")

    def closing(publisher: Publisher) -> None:
        done.append("removed")
        close(publisher)

    def interrupt(stage: str, *_: int) -> None:
        if stage == "feeds":
            raise KeyboardInterrupt

    monkeypatch.setattr("feeds.common.workers.spread", results)
    monkeypatch.setattr(Publisher, "close", closing)
    with pytest.raises(KeyboardInterrupt) as kept:
        site.publish(callbacks=Callbacks(progress=interrupt))
    assert (done, kept.tb is None) == (["ended", "removed"], False)


def test_interrupt_leaves_nothing_of_what_processes_wrote(site: Site) -> None:
    def interrupt(stage: str, done: int, _: int) -> None:
        if stage == "feeds" and done == 5:
            wait_until(lambda: len(list(site.out.rglob("*.feeds-tmp"))) > 30)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        site.publish(callbacks=Callbacks(progress=interrupt))
    assert contents(site.out) == {}


@pytest.mark.parametrize("count", [1, 300])
def test_next_pass_repairs_what_a_killed_one_and_its_processes_leave(
    site: Site, count: int
) -> None:
    for number in range(8):
        topics = [f"Other {number * 40 + one}" for one in range(40)]
        site.seed(f"other-{number}.txt", number=number + 5, topics=topics)
    process = site.start("export")
    wait_until(lambda: len(list(site.out.rglob("*.feeds-tmp"))) >= count)
    process.kill()
    process.communicate()
    assert read_manifest(site.out).unfinished
    site.publish()
    assert list(site.out.rglob("*.feeds-tmp")) == []
    assert not read_manifest(site.out).unfinished
    assert site.documents() == site.fresh()
