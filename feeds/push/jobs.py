"""Rounds in processes of their own: nothing that a hub does, or does not do, can hold us up."""

from __future__ import annotations

import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds.config import Loaded
from feeds.errors import FeedsError
from feeds.processes import begin_worker, fork_context
from feeds.push.rounds import Round, push_to
from feeds.report import HubReport
from feeds.store import DamagedStateError, open_for_reading

# What the processes will need; whoever starts the first of all processes should load it, too.
PRELOAD = ("feeds.push.rounds", "httpx")

# A command does not keep people waiting for somebody else's server.
_ONCE_SECONDS = 2.5
# A round begins no request after its time, and none takes longer; then it is taken to hang.
_HANGS_AFTER = 2.2
_TRY_AGAIN_SECONDS = 30


class Pushed(NamedTuple):
    """What `push_once` came to: its rounds, and what each hub is still to be told."""

    rounds: list[Round]
    left: list[HubReport]


class Job:
    """A round with one hub; see `push_to`. Needs to be polled until it is over, or stopped."""

    def __init__(self, loaded: Loaded, hub: str, seconds: float) -> None:
        site, state = loaded.config.site, loaded.config.paths.state
        self._hub = hub
        self._over: Round | None = None
        self._deadline = time.monotonic() + seconds * _HANGS_AFTER
        context = fork_context(list(PRELOAD))
        self._here, there = context.Pipe(duplex=False)
        arguments = (state, hub, site.home, seconds, there)
        self._process = context.Process(target=_work, args=arguments, name="feeds push")
        try:
            self._process.start()
        except (EOFError, OSError) as error:  # the server that processes come from was killed
            self._here.close()
            self._over = _failed(hub, f"could not be started: {error!r}")
        finally:
            there.close()

    def poll(self, seconds: float = 0) -> Round | None:
        """Returns what the round came to, None if it goes on; waits for up to `seconds`."""
        if self._over is None:
            rest = max(self._deadline - time.monotonic(), 0)
            if self._here.poll(min(seconds, rest)):
                self._end(self._receive())
            elif not rest:
                self._end(_failed(self._hub, "took too long and was stopped"))
        return self._over

    def stop(self) -> None:
        """Ends the round, if it is not over; what it has not noted is sent again."""
        if self._over is None:
            self._end(_failed(self._hub, "was stopped"))

    def wait(self) -> Round:
        """Waits for the round to end, which it does in a while."""
        while (over := self.poll(1)) is None:
            pass
        return over

    def _receive(self) -> Round:
        try:
            return msgspec.msgpack.decode(self._here.recv_bytes(), type=Round)
        except (EOFError, OSError):
            return _failed(self._hub, "its process was killed")

    def _end(self, over: Round) -> None:
        self._over = over
        self._here.close()
        self._process.kill()
        self._process.join()
        self._process.close()


def push_once(loaded: Loaded) -> Pushed:
    """Tells all hubs what is due, in a few seconds at most."""
    hubs, now = loaded.config.site.hub, time.time()
    jobs = [
        Job(loaded, one.hub, _ONCE_SECONDS)
        for one in _left(loaded)
        if one.hub in hubs and one.next_try.timestamp() <= now
    ]
    try:
        rounds = [job.wait() for job in jobs]
    finally:
        for job in jobs:
            job.stop()
    return Pushed(rounds, _left(loaded))


def _left(loaded: Loaded) -> list[HubReport]:
    with open_for_reading(loaded.config.paths.state) as store:
        return store.hub_reports() if store else []


def _failed(hub: str, error: str, details: str = "") -> Round:
    next_try = int(time.time()) + _TRY_AGAIN_SECONDS
    return Round(hub, next_try=next_try, error=error, details=details)


def _work(state: Path, hub: str, home: str, seconds: float, there: Connection) -> None:
    begin_worker()
    try:
        over = push_to(state, hub, home, seconds)
    except DamagedStateError:  # the next pass tells of that, and makes it good
        over = Round(hub)
    except FeedsError as error:
        over = _failed(hub, str(error))
    except Exception as error:  # noqa: BLE001 (a fault of ours must be told, and stop only this round)
        over = _failed(hub, f"{type(error).__name__}: {error}", traceback.format_exc())
    there.send_bytes(msgspec.msgpack.encode(over))
