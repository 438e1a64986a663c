"""One run at a time on one out/: real processes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from feeds.common.errors import BusyError, PublishError
from feeds.common.lock import DAEMON_LOCK, LOCK, acquire_lock, lock_owner
from tests.support.permissions import closed, open_folder
from tests.support.processes import PATIENCE
from tests.support.publishing import contents

_ROOT = Path(__file__).parent.parent.parent

# Holds the lock until a line comes in; with "orphan" it leaves a process of its own behind.
_HOLDER = """
import subprocess, sys
from pathlib import Path
from feeds.common.lock import acquire_lock
with acquire_lock(Path(sys.argv[1]), sys.argv[2], wait=0, on_wait=print):
    if "orphan" in sys.argv:
        subprocess.Popen(["sleep", "5"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def _owner(out: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _HOLDER, str(out), "the other run", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=_ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.communicate("go\n", timeout=60)


def _take(out: Path, *, wait: float = 0, told: list[str] | None = None) -> None:
    waiting = [] if told is None else told
    with acquire_lock(out, "this run", wait=wait, on_wait=waiting.append):
        assert lock_owner(out, LOCK) == "this run"


def test_lock_makes_its_folder_and_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "deep/out"
    _take(out)
    assert contents(out) == {}
    assert lock_owner(out, LOCK) == ""


def test_lock_that_another_holds_says_who_it_is(tmp_path: Path) -> None:
    told: list[str] = []
    with _owner(tmp_path):
        assert lock_owner(tmp_path, LOCK) == "the other run"
        with pytest.raises(BusyError, match="the other run"):
            _take(tmp_path, told=told)
    assert told == []
    _take(tmp_path)


def test_lock_is_waited_for_and_who_holds_it_is_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    with _owner(tmp_path) as process:
        # The lock is not free at once, so that it is looked at more than once.
        timer = threading.Timer(0.3, process.communicate, ["go\n"])

        def let_go(owner: str) -> None:
            told.append(owner)
            if len(told) == 1:
                timer.start()

        with acquire_lock(tmp_path, "this run", wait=2 * PATIENCE, on_wait=let_go):
            assert lock_owner(tmp_path, LOCK) == "this run"
        timer.join()
    assert told == ["the other run"]


def test_lock_is_waited_for_no_longer_than_asked(tmp_path: Path) -> None:
    with _owner(tmp_path):
        began = time.monotonic()
        with pytest.raises(BusyError):
            _take(tmp_path, wait=0.3)
        assert 0.3 <= time.monotonic() - began < 30


@pytest.mark.parametrize("orphan", [[], ["orphan"]], ids=["alone", "with a child that lives on"])
def test_lock_of_a_killed_holder_is_free(tmp_path: Path, orphan: list[str]) -> None:
    with _owner(tmp_path, *orphan) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        assert lock_owner(tmp_path, LOCK) == ""
        _take(tmp_path)


def test_lock_is_let_go_when_the_run_fails(tmp_path: Path) -> None:
    def fail() -> None:
        with acquire_lock(tmp_path, "this run", wait=0, on_wait=print):
            raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            fail()
    assert contents(tmp_path) == {}


def test_holder_can_say_more_while_it_holds(tmp_path: Path) -> None:
    with acquire_lock(tmp_path, "a long line about this run", wait=0, on_wait=print) as say:
        assert lock_owner(tmp_path, LOCK) == "a long line about this run"
        say("short")
        assert lock_owner(tmp_path, LOCK) == "short"


def test_two_locks_of_one_folder_have_nothing_to_do_with_each_other(tmp_path: Path) -> None:
    with acquire_lock(tmp_path, "daemon", wait=0, on_wait=print, name=DAEMON_LOCK):
        _take(tmp_path)
        assert (lock_owner(tmp_path, DAEMON_LOCK), lock_owner(tmp_path, LOCK)) == ("daemon", "")


# Takes the lock over and over, and finds out whether anybody else is inside at the same time.
_CONTENDER = """
import os, sys
from pathlib import Path
from feeds.common.lock import acquire_lock
out = Path(sys.argv[1])
for _ in range(30):
    with acquire_lock(out, "contender", wait=60, on_wait=lambda _: None):
        os.close(os.open(out / "inside", os.O_CREAT | os.O_EXCL))
        (out / "inside").unlink()
"""


def test_many_processes_are_never_inside_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _CONTENDER, str(tmp_path)]
    processes = [subprocess.Popen(command, cwd=_ROOT, stderr=subprocess.PIPE) for _ in range(4)]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert errors == [b""] * 4
    assert contents(tmp_path) == {}


# Stops between opening the lock file and locking it, until a line comes in.
_SLOW = """
import sys
from pathlib import Path
from feeds.common.lock import acquire_lock
def audit(event, _):
    if event == "fcntl.flock" and not stops:
        stops.append(event)
        print("stopped", flush=True)
        sys.stdin.readline()
out, stops = Path(sys.argv[1]), []
sys.addaudithook(audit)
with acquire_lock(out, "slow", wait=10, on_wait=print):
    print(sorted(path.name for path in out.iterdir()))
"""


def test_lock_is_never_taken_on_a_file_that_its_last_holder_removed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _SLOW, str(tmp_path)]
    pipe = subprocess.PIPE
    with (
        _owner(tmp_path) as owner,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=_ROOT) as slow,
    ):
        assert slow.stdout is not None
        assert slow.stdout.readline() == "stopped\n"
        owner.communicate("go\n", timeout=60)
        assert contents(tmp_path) == {}
        assert slow.communicate("go\n", timeout=60)[0] == f"['{LOCK}']\n"


def test_lock_in_a_folder_that_is_read_only_is_an_error_that_says_so() -> None:
    said = pytest.raises(PublishError, match=r"cannot write to .*: Permission denied")
    with open_folder() as folder, closed(folder, 0o555), said:
        _take(folder / "out")


@pytest.mark.parametrize("name", ["file", "file/out", "/proc/nowhere/out"])
def test_lock_in_what_cannot_be_a_folder_is_an_error_that_says_so(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PublishError, match=f"cannot write to .*{name}"):
        _take(tmp_path / name)


# Meets a full disk while it writes who it is; afterwards the disk has room again.
_FULL = """
import resource, sys
from pathlib import Path
from feeds.common.errors import PublishError
from feeds.common.lock import acquire_lock
out = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (0, -1))
try:
    with acquire_lock(out, "this run", wait=0, on_wait=print):
        print("held")
except PublishError as error:
    print("full")
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
with acquire_lock(out, "this run", wait=0, on_wait=print):
    print("held")
print(sorted(path.name for path in out.iterdir()))
"""


def test_lock_that_met_a_full_disk_can_be_taken_by_the_same_process_later(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _FULL, str(tmp_path)]
    run = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert (run.stdout.split("\n"), run.stderr) == (["full", "held", "[]", ""], "")


# Looking again


@pytest.mark.parametrize("gone", ["the file", "the folder"])
def test_lock_whose_file_was_removed_is_taken_anew(gone: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with acquire_lock(out, "first", wait=0, on_wait=print) as held:
        assert not held.look_again()
        held("says more")
        shutil.rmtree(out) if gone == "the folder" else (out / LOCK).unlink()
        assert held.look_again()
        assert lock_owner(out, LOCK) == "says more"
        with pytest.raises(BusyError, match="says more"):
            _take(out)
        held("and more")
        assert lock_owner(out, LOCK) == "and more"
        assert not held.look_again()
    assert contents(out) == {}


def test_lock_that_another_took_after_its_file_was_removed_stays_with_the_other(
    tmp_path: Path,
) -> None:
    with acquire_lock(tmp_path, "first", wait=0, on_wait=print) as first:
        (tmp_path / LOCK).unlink()
        with acquire_lock(tmp_path, "second", wait=0, on_wait=print):
            for _ in range(2):
                with pytest.raises(BusyError, match="second"):
                    first.look_again()
        assert first.look_again()
        (tmp_path / LOCK).unlink()
        with acquire_lock(tmp_path, "third", wait=0, on_wait=print):
            first_file = (tmp_path / LOCK).stat().st_ino
            with pytest.raises(BusyError):
                first.look_again()
            assert (tmp_path / LOCK).stat().st_ino == first_file


def test_lock_that_ends_does_not_remove_the_file_of_another(tmp_path: Path) -> None:
    with ExitStack() as others:
        with acquire_lock(tmp_path, "first", wait=0, on_wait=print):
            (tmp_path / LOCK).unlink()
            others.enter_context(acquire_lock(tmp_path, "second", wait=0, on_wait=print))
        assert lock_owner(tmp_path, LOCK) == "second"
    assert contents(tmp_path) == {}
