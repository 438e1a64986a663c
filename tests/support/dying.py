"""Work for processes that are killed or stopped in the midst of it, and the processes around."""

from __future__ import annotations

import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import signal
import struct
import sys
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, cast

from feeds.common.task import Say
from tests.support.site import Site


def fork_server() -> int:
    """Returns the pid of the server that processes come from."""
    return int(cast("Any", multiprocessing.forkserver)._forkserver._forkserver_pid)


def end_fork_server() -> None:
    """Ends the server that processes come from: the next one knows the environment of now."""
    with suppress(ChildProcessError):
        cast("Any", multiprocessing.forkserver)._forkserver._stop()


def resource_tracker() -> int:
    """Returns the pid of Python's resource tracker."""
    return int(cast("Any", multiprocessing.resource_tracker)._resource_tracker._pid)


def children(pid: int) -> set[int]:
    """Returns the processes that a process has started; none where it is gone."""
    found: set[int] = set()
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found.update(map(int, children.read_text(encoding="ascii").split()))
    return found


def descendants(pid: int) -> set[int]:
    """Returns the processes that a process has started, and those that these have."""
    found = children(pid)
    return found.union(*map(descendants, found))


def is_alive(pid: int) -> bool:
    """Tells whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def half_a_message(say: Say, number: int) -> bytes:
    """Sends the beginning of a message, and then itself a signal."""
    pipe = cast("Any", say).args[0]
    os.write(pipe.fileno(), struct.pack("!Q", 1000) + b"half")
    os.kill(os.getpid(), number)
    return b""


def killed_in_a_message(say: Say, *_: object) -> bytes:
    """Is killed in the midst of a message."""
    return half_a_message(say, signal.SIGKILL)


def stopped_in_a_message(say: Say, *_: object) -> bytes:
    """Is stopped in the midst of a message, for ever."""
    return half_a_message(say, signal.SIGSTOP)


def is_killed(site: Site, now: datetime, last: int) -> bool:
    """Runs a pass that is killed before it gives the file of this number its name, if it does."""
    pid = os.fork()
    if pid == 0:
        try:
            _publish_and_die(site, now, last)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def _publish_and_die(site: Site, now: datetime, last: int) -> None:
    renames = count(1)

    def audit(event: str, _: object) -> None:
        if event == "os.rename" and next(renames) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)
    site.publish(now)
