"""The watcher, on real files."""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import watchfiles

from feeds.daemon import triggers as watch
from feeds.daemon.triggers import PassWish, Watcher, told_paths
from tests.support.processes import PATIENCE, wait_until, watches

# What the daemon does between passes, only more often: it looks whether the folders are the same.
_TICK = 0.02
# A machine that has much else to do may make two bursts of changes that lie so many seconds apart.
_PAUSE = 0.15


class Watched:
    """Folders below `root` that are watched as the daemon does it, and the calls that came."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls = 0
        self.told: list[frozenset[str] | None] = []
        self.batches: list[set[str]] = []
        self.failures: list[str] = []
        self.folders: list[Path] = []
        self._looks = 0
        self._watcher = Watcher(self._changed, self.failures.append)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow)

    def start(self, *names: str) -> None:
        self.folders = [self.root / name for name in names]
        self._thread.start()
        self.look()

    def look(self) -> None:
        """Waits until the watcher has seen which folders are there, and watches them if all are."""
        looks = self._looks
        wait_until(lambda: self._looks > looks + 1)
        if all(folder.exists() for folder in self.folders):
            wait_until(lambda: watches(os.getpid(), *self.folders))

    def calls_for(self, change: Callable[[], object]) -> int:
        """Returns how many calls come for a change, all in all, once the first one has come.

        The system tells of changes in order, so all have come when one that was made later is told.
        """
        before, last = len(self.batches), f"last-{len(self.batches)}"
        change()
        wait_until(lambda: len(self.batches) > before)
        (self.folders[0] / last).touch()
        wait_until(lambda: last in self.batches[-1])
        return sum(not names <= {last} for names in self.batches[before:])

    def record(self, *folders: Path, **options: Any) -> Iterator[object]:
        """Is `watchfiles.watch`, and notes the names of what changed."""
        for changes in watchfiles.watch(*folders, **options):
            self.batches.append({Path(path).name for _, path in changes})
            yield changes

    def stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._watcher.close()

    def _changed(self, paths: frozenset[str] | None) -> None:
        self.calls += 1
        self.told.append(paths)

    def _follow(self) -> None:
        while not self._over.wait(_TICK):
            self._watcher.follow(self.folders)
            self._looks += 1


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds/a.txt").write_text("a")
    watched = Watched(tmp_path)
    monkeypatch.setattr(watch, "watch", watched.record)
    yield watched
    watched.stop()
    assert watched.failures == []


def edit(seeds: Path) -> None:
    (seeds / "a.txt").write_text("b")


def replace(seeds: Path) -> None:
    # As most editors save: a new file is renamed over the old one.
    (seeds / ".a.txt.tmp").write_text("c")
    (seeds / ".a.txt.tmp").rename(seeds / "a.txt")


def add_deep(seeds: Path) -> None:
    (seeds / "x/y").mkdir(parents=True)
    (seeds / "x/y/b.txt").write_text("b")


def move_out(seeds: Path) -> None:
    (seeds / "a.txt").rename(seeds.parent / "a.txt")


@pytest.mark.parametrize(
    "change",
    [edit, replace, add_deep, move_out, lambda seeds: (seeds / "a.txt").unlink()],
    ids=["edit", "replace", "add below new folders", "move out", "delete"],
)
def test_watcher_makes_one_call_of_each_kind_of_change(
    watched: Watched, change: Callable[[Path], None]
) -> None:
    watched.start("seeds")
    began = time.monotonic()
    took: list[float] = []

    def timed() -> None:
        change(watched.root / "seeds")
        took.append(time.monotonic() - began)

    assert watched.calls_for(timed) == 1 or took[0] > _PAUSE
    assert watched.calls == len(watched.batches)


def test_watcher_makes_one_call_of_a_burst(watched: Watched) -> None:
    moments: list[float] = []

    def burst() -> None:
        for number in range(8):
            (watched.root / f"seeds/{number}.txt").write_text("x")
            moments.append(time.monotonic())
            time.sleep(0.06)

    watched.start("seeds")
    calls = watched.calls_for(burst)
    # A machine that has much else to do may make two bursts of it.
    longest_pause = max(later - earlier for earlier, later in itertools.pairwise(moments))
    assert calls == 1 or longest_pause > _PAUSE


def test_watcher_calls_also_while_changes_do_not_end(watched: Watched) -> None:
    watched.start("seeds")
    over = threading.Event()

    def scribble() -> None:
        for number in itertools.count():
            (watched.root / f"seeds/{number}.txt").write_text("x")
            if over.wait(0.05):
                return

    scribbling = threading.Thread(target=scribble)
    scribbling.start()
    try:
        wait_until(lambda: watched.calls)
    finally:
        over.set()
        scribbling.join()


def test_watcher_calls_for_each_of_its_folders(watched: Watched) -> None:
    (watched.root / "more").mkdir()
    watched.start("seeds", "more")
    assert watched.calls_for(lambda: (watched.root / "more/b.txt").write_text("b")) == 1
    assert watched.calls_for(lambda: edit(watched.root / "seeds")) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "elsewhere").write_text("x"),
        lambda root: (root / "seeds/a.txt").read_text(),
        lambda root: list((root / "seeds").iterdir()),
    ],
    ids=["beside the folder", "a file was read", "the folder was listed"],
)
def test_watcher_does_not_call_for_what_is_no_change(
    watched: Watched, change: Callable[[Path], object]
) -> None:
    watched.start("seeds")
    change(watched.root)
    watched.calls_for(lambda: (watched.root / "seeds/b.txt").write_text("b"))
    # The system tells of changes in order: the first call was for this one.
    assert watched.batches[0] == {"b.txt"}
    assert watched.calls == len(watched.batches)


def test_watcher_follows_a_folder_that_was_deleted_and_made_anew(watched: Watched) -> None:
    watched.start("seeds")
    seeds = watched.root / "seeds"
    shutil.rmtree(seeds)
    watched.look()
    seeds.mkdir()
    watched.look()
    watched.calls_for(lambda: (seeds / "b.txt").write_text("b"))


def exchange(watched: Watched) -> None:
    # As a deployment does it that makes the new folder beside the old one.
    seeds = watched.root / "seeds"
    shutil.copytree(seeds, seeds.parent / "new")
    seeds.rename(seeds.parent / "old")
    (seeds.parent / "new").rename(seeds)


def unmount_and_mount(watched: Watched) -> None:
    seeds = watched.root / "seeds"
    seeds.rename(seeds.parent / "unmounted")
    watched.look()
    (seeds.parent / "unmounted").rename(seeds)


@pytest.mark.parametrize("change", [exchange, unmount_and_mount])
def test_watcher_calls_for_what_a_folder_that_appears_already_holds(
    watched: Watched, change: Callable[[Watched], None]
) -> None:
    watched.start("seeds")
    change(watched)
    # What came of the old folder may have been for a pass that found none.
    before = watched.calls
    wait_until(lambda: watched.calls > before)


def test_watcher_of_a_folder_missing_at_start_calls_once_it_is_there(watched: Watched) -> None:
    watched.start("seeds", "late")
    late = watched.root / "late"
    late.mkdir()
    watched.look()
    watched.calls_for(lambda: (late / "b.txt").write_text("b"))


def test_watcher_that_cannot_watch_says_so_and_stops_nothing(tmp_path: Path) -> None:
    failures: list[str] = []
    watcher = Watcher(lambda _: None, failures.append)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        watcher.follow([tmp_path])
        wait_until(lambda: failures)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        watcher.close()
    assert failures[0].startswith("cannot watch the seeds any more: ")
    assert "schedule goes on" in failures[0]


@pytest.mark.parametrize("stop", ["stop", "follow nothing"])
def test_watcher_told_to_watch_nothing_calls_no_more_and_leaves_no_thread(
    tmp_path: Path, stop: str
) -> None:
    calls: list[frozenset[str] | None] = []
    failures: list[str] = []
    watcher = Watcher(calls.append, failures.append)
    threads = threading.active_count()
    watcher.follow([tmp_path])
    wait_until(lambda: watches(os.getpid(), tmp_path))
    if stop == "stop":
        watcher.close()
    else:
        watcher.follow([])
    # There is nobody left who could call; watchfiles lets go in a thread of its own.
    wait_until(lambda: threading.active_count() == threads)
    wait_until(lambda: not watches(os.getpid(), tmp_path))
    (tmp_path / "a.txt").write_text("a")
    assert (calls, failures) == ([], [])


# What passes are told


def test_watcher_tells_which_paths_changed(watched: Watched) -> None:
    watched.start("seeds")
    watched.calls_for(lambda: move_out(watched.root / "seeds"))
    first = watched.told[0]
    assert first is not None
    assert first <= {str(watched.root / "seeds" / name) for name in ("a.txt", "last-0")}
    assert str(watched.root / "seeds/a.txt") in first


def test_watcher_tells_of_everything_if_changes_are_many(watched: Watched) -> None:
    watched.start("seeds")

    def fill() -> None:
        for number in range(250):
            (watched.root / f"seeds/{number}").touch()

    watched.calls_for(fill)
    assert None in watched.told


def test_watcher_tells_of_everything_if_one_burst_follows_another_at_once(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_APART_SECONDS", PATIENCE)
    watched.start("seeds")
    for number in range(2):
        watched.calls_for((watched.root / f"seeds/{number}").touch)
    assert watched.told[0] is not None
    assert set(watched.told[1:]) == {None}


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        pytest.param(None, None, id="nobody knows"),
        pytest.param([], [], id="nothing"),
        pytest.param(["/s/a.txt", "/more/x/b.txt"], ["/s/a.txt", "/more/x/b.txt"], id="seeds"),
        pytest.param(["/s/.a.txt.tmp", "/s/.git/index"], [], id="hidden files"),
        pytest.param(["/s/a.txt", "/templates/index.html"], None, id="a template"),
        pytest.param(["/s"], None, id="a folder of seeds"),
    ],
)
def test_told_paths_are_those_of_seeds(paths: list[str] | None, told: list[str] | None) -> None:
    found = told_paths(None if paths is None else frozenset(paths), [Path("/s"), Path("/more")])
    assert found == (None if told is None else frozenset(told))


def test_wish_grows_until_it_is_taken() -> None:
    wish = PassWish()
    assert not wish.is_wanted
    for path in "ab":
        wish.add(frozenset(path))
    assert wish.is_wanted
    assert wish.take() == frozenset("ab")
    assert not wish.is_wanted
    for told in (None, frozenset("a")):
        wish.add(told)
    assert wish.take() is None
    wish.add(frozenset("a"))
    assert wish.take() == frozenset("a")


def test_wish_after_a_pass_that_failed_is_for_everything() -> None:
    wish = PassWish()
    wish.widen()
    assert not wish.is_wanted
    wish.add(frozenset("a"))
    assert (wish.is_wanted, wish.take()) == (True, None)
