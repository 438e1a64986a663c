"""What a pass need not look at: when nothing changed, and which files are as they were."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from feeds.common.files import Fingerprint
from feeds.common.reports import NO_CALLBACKS, Options
from feeds.pipeline.context import Pass, begin_pass
from feeds.pipeline.state import (
    LastPass,
    PassState,
    archive_folders,
    can_rest,
    intact_files,
    is_intact,
    is_quiet,
    looking_at,
    part_files,
    read_state,
)
from feeds.publish import read_manifest
from feeds.store import open_state
from tests.support.rendering import select_items
from tests.support.site import NOW, Site

_DAY = 86_400
_NEVER = {"never": 1}
_PART = "all/2021.atom"


@contextmanager
def beginning(site: Site) -> Iterator[Pass]:
    """A pass over a site that was just published."""
    site.seed()
    site.publish()
    with open_state(site.state, "pass", pytest.fail) as store:
        yield begin_pass(store, site.load(), Options(), NO_CALLBACKS, lambda: NOW)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pass]:
    """A pass that changes nothing."""
    with beginning(Site(tmp_path_factory.mktemp("resting") / "site")) as run:
        yield run


def with_last(state: PassState, change: Callable[[LastPass], LastPass]) -> PassState:
    assert state.last is not None
    return state._replace(last=change(state.last))


def until(state: PassState, seconds: int) -> PassState:
    return with_last(state, lambda one: replace(one, until=one.now + seconds))


def at(run: Pass, seconds: int) -> Pass:
    return run._replace(started=NOW.fromtimestamp(NOW.timestamp() + seconds, NOW.tzinfo))


@pytest.mark.parametrize(
    ("change", "is_so"),
    [
        pytest.param(lambda run, state: (run, state), True, id="nothing"),
        pytest.param(lambda run, state: (run, state._replace(last=None)), False, id="first pass"),
        pytest.param(
            lambda run, state: (run._replace(key=b"other"), state), False, id="configuration"
        ),
        pytest.param(lambda run, state: (at(run, -1), state), False, id="clock set back"),
        pytest.param(
            lambda run, state: (run, state._replace(image_news=lambda: True)), False, id="image"
        ),
        pytest.param(
            lambda run, state: (at(run, 5), until(state, 5)), True, id="before a clock does"
        ),
        pytest.param(
            lambda run, state: (at(run, 6), until(state, 5)), False, id="clock"
        ),
        pytest.param(
            lambda run, state: (run, with_last(state, lambda one: replace(one, media=_NEVER))),
            False, id="folder of images",
        ),
        pytest.param(
            lambda run, state: (run, with_last(state, lambda one: replace(one, archives=_NEVER))),
            False, id="folder of archives",
        ),
    ],
)  # fmt: skip
def test_pass_is_quiet_if_nothing_changes_anything(
    run: Pass,
    change: Callable[[Pass, PassState], tuple[Pass, PassState]],
    *,
    is_so: bool,
) -> None:
    run, state = change(run, read_state(run.store))
    assert is_quiet(run, state, set()) == is_so
    assert not is_quiet(run, state, {"an item"})


@pytest.mark.parametrize(
    ("seconds", "is_so"), [(_DAY - 1, True), (_DAY, False)], ids=["within a day", "after a day"]
)
def test_archives_rest_for_a_day(run: Pass, seconds: int, *, is_so: bool) -> None:
    archives = archive_folders(run.out, ["topics"])
    assert len(archives) == 1
    state = with_last(read_state(run.store), lambda one: replace(one, archives=archives))
    state = with_last(state, lambda one: replace(one, looked=one.now))
    assert can_rest(at(run, seconds), state) == is_so


def test_folders_that_are_missing_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    found = archive_folders(tmp_path, ["all", "never", "\0"])
    assert found == {"all": (tmp_path / "all").stat().st_mtime_ns}


def _touch(path: Path) -> None:
    os.utime(path, (1e9, 1e9))


def _grow(path: Path) -> None:
    times = path.stat()
    path.write_bytes(path.read_bytes() + b" ")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _replace(path: Path) -> None:
    times = path.stat()
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.rename(path)


@pytest.mark.parametrize(
    "harm", [_touch, _grow, _replace, Path.unlink], ids=["mtime", "size", "inode", "gone"]
)
def test_file_is_intact_if_size_mtime_and_inode_are_as_they_were(
    site: Site, harm: Callable[[Path], None]
) -> None:
    with beginning(site) as run:
        state, manifest = read_state(run.store), read_manifest(run.out)
        everything = set(state.files())
        assert intact_files(state, run.out) == everything == set(manifest.files)
        assert is_intact(state, manifest, run.out)
        harm(run.out / "all.atom")
        assert intact_files(state, run.out) == everything - {"all.atom"}
        assert not is_intact(state, manifest, run.out)


def test_files_that_cannot_be_are_not_intact(run: Pass, tmp_path: Path) -> None:
    state = read_state(run.store)
    odd = state._replace(files=lambda: state.files() | {"\0": Fingerprint(1, 1, 1)})
    assert intact_files(odd, run.out) == set(state.files())
    assert intact_files(state, tmp_path / "never") == set()


@pytest.mark.parametrize(
    ("sealed", "more", "unfinished", "is_so"),
    [
        pytest.param([], [], False, True, id="same"),
        pytest.param([], [], True, False, id="unfinished"),
        pytest.param([_PART], [], False, False, id="sealed document that is not named"),
        pytest.param([], [_PART], False, False, id="another file"),
        pytest.param([_PART], [_PART], False, True, id="sealed document"),
        pytest.param([_PART], ["all/2022.atom"], False, False, id="other document"),
    ],
)
def test_out_is_intact_if_it_holds_what_the_manifest_names(
    run: Pass, sealed: list[str], more: list[str], *, unfinished: bool, is_so: bool
) -> None:
    state, manifest = read_state(run.store), read_manifest(run.out)
    manifest = replace(manifest, files=(*manifest.files, *more), unfinished=unfinished)
    assert is_intact(state._replace(sealed=lambda: sealed), manifest, run.out) == is_so


def test_files_of_parts_are_their_documents_with_compressed_copies(run: Pass) -> None:
    part = select_items([], address="all/2021").feed
    found = part_files(run, [part])
    assert {"all/2021.atom", "all/2021.atom.br", "all/2021.html.gz"} <= found
    assert {name.partition(".")[0] for name in found} == {"all/2021"}


def test_parts_that_are_not_looked_at_stay_aside(run: Pass) -> None:
    """The feed of everything is taken for a sealed part of archives."""
    store, files = run.store, {"all.atom", "all.rss", "all.json", "all.html"}
    with pytest.MonkeyPatch.context() as patch, store.transaction():
        store.mark_sealed(["all"], files)
        state = read_state(store)
        assert state.feeds().keys() == store.feeds().keys() - {"all"}
        assert set(state.sealed()) == files
        assert looking_at(run, state, []) is state
        part = [one for one in store.published_feeds() if one.address == "all"]
        for parts in (None, part):
            found = looking_at(run, state, parts)
            assert found.feeds() == store.feeds()
            assert found.files() == store.fingerprints()
            assert list(found.sealed()) == []
        patch.setattr(store, "sealed_documents", list)
        assert looking_at(run, read_state(store), None).sealed() == []
        store._db.execute("UPDATE feed SET sealed = 0")
        store._db.execute("UPDATE document SET sealed = 0")
