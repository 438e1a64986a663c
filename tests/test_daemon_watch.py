"""The watcher, on real files."""

from __future__ import annotations

import itertools
import resource
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from feeds.daemon.watch import Watcher
from tests.processes import wait_until

# What the daemon does between passes: it looks twice a second whether the folders are the same.
_TICK = 0.1
# Longer than the quiet that ends a burst: then another call would have come.
_QUIET = 0.6


class Watched:
    """Folders below `root` that are watched as the daemon does it, and the calls that came."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls = 0
        self.failures: list[str] = []
        self.folders: list[Path] = []
        self._watcher = Watcher(self._changed, self.failures.append)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow)

    def start(self, *names: str) -> None:
        self.folders = [self.root / name for name in names]
        self._thread.start()
        time.sleep(3 * _TICK)

    def calls_for(self, change: Callable[[], object]) -> int:
        """Returns how many calls come for a change, all in all, once the first one has come."""
        before = self.calls
        change()
        wait_until(lambda: self.calls > before)
        time.sleep(_QUIET)
        return self.calls - before

    def stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._watcher.stop()

    def _changed(self) -> None:
        self.calls += 1

    def _follow(self) -> None:
        while not self._over.wait(_TICK):
            self._watcher.follow(self.folders)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds/a.txt").write_text("a")
    watched = Watched(tmp_path)
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
    assert watched.calls_for(lambda: change(watched.root / "seeds")) == 1


def test_watcher_makes_one_call_of_a_burst(watched: Watched) -> None:
    def burst() -> None:
        for number in range(8):
            (watched.root / f"seeds/{number}.txt").write_text("x")
            time.sleep(0.1)

    watched.start("seeds")
    assert watched.calls_for(burst) == 1


def test_watcher_calls_within_two_seconds_while_changes_do_not_end(watched: Watched) -> None:
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
    time.sleep(_QUIET)
    assert watched.calls == 0


def test_watcher_follows_a_folder_that_was_deleted_and_made_anew(watched: Watched) -> None:
    watched.start("seeds")
    seeds = watched.root / "seeds"
    shutil.rmtree(seeds)
    time.sleep(3 * _TICK)
    seeds.mkdir()
    time.sleep(_QUIET)
    watched.calls_for(lambda: (seeds / "b.txt").write_text("b"))


def exchange(seeds: Path) -> None:
    # As a deployment does it that makes the new folder beside the old one.
    shutil.copytree(seeds, seeds.parent / "new")
    seeds.rename(seeds.parent / "old")
    (seeds.parent / "new").rename(seeds)


def unmount_and_mount(seeds: Path) -> None:
    seeds.rename(seeds.parent / "unmounted")
    time.sleep(3 * _TICK)
    (seeds.parent / "unmounted").rename(seeds)


@pytest.mark.parametrize("change", [exchange, unmount_and_mount])
def test_watcher_calls_for_what_a_folder_that_appears_already_holds(
    watched: Watched, change: Callable[[Path], None]
) -> None:
    watched.start("seeds")
    change(watched.root / "seeds")
    # What came of the old folder may have been for a pass that found none.
    before = watched.calls
    wait_until(lambda: watched.calls > before)


def test_watcher_of_a_folder_missing_at_start_calls_once_it_is_there(watched: Watched) -> None:
    watched.start("seeds", "late")
    late = watched.root / "late"
    late.mkdir()
    time.sleep(3 * _TICK)
    watched.calls_for(lambda: (late / "b.txt").write_text("b"))


def test_watcher_that_cannot_watch_says_so_and_stops_nothing(tmp_path: Path) -> None:
    failures: list[str] = []
    watcher = Watcher(lambda: None, failures.append)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        watcher.follow([tmp_path])
        wait_until(lambda: failures)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        watcher.stop()
    assert failures[0].startswith("cannot watch the seeds any more: ")
    assert "schedule goes on" in failures[0]


@pytest.mark.parametrize("stop", ["stop", "follow nothing"])
def test_watcher_told_to_watch_nothing_calls_no_more_and_leaves_no_thread(
    tmp_path: Path, stop: str
) -> None:
    calls: list[None] = []
    failures: list[str] = []
    watcher = Watcher(lambda: calls.append(None), failures.append)
    threads = threading.active_count()
    watcher.follow([tmp_path])
    time.sleep(0.5)
    if stop == "stop":
        watcher.stop()
    else:
        watcher.follow([])
    assert threading.active_count() == threads
    (tmp_path / "a.txt").write_text("a")
    time.sleep(_QUIET)
    assert (calls, failures) == ([], [])
