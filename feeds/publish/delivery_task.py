"""Rounds in processes of their own: nothing that a hub does, or does not do, can hold us up."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec

from feeds.common.reports import HubReport
from feeds.common.task import Ended, Say, Task
from feeds.common.urls import hide_secrets
from feeds.config import Loaded
from feeds.publish.delivery import Delivery, push_to
from feeds.store import DamagedStateError, open_for_reading

# What the processes will need; whoever starts the first of all processes should load it, too.
PRELOAD = ("feeds.publish.delivery", "httpx")

# A command does not keep people waiting for somebody else's server.
_ONCE_SECONDS = 2.5
# A round begins no request after its time, and none takes longer; then it is taken to hang. The
# time counts from the first word of its process, which a busy machine may take long to start.
_HANGS_AFTER = 2.2
_TRY_AGAIN_SECONDS = 30


class Pushed(NamedTuple):
    """What `push_once` came to: its rounds, and what each hub is still to be told."""

    rounds: list[Delivery]
    left: list[HubReport]


class DeliveryTask:
    """A round with one hub; see `push_to`. Needs to be polled until it is over, or stopped."""

    def __init__(self, loaded: Loaded, hub: str, seconds: float) -> None:
        site, state = loaded.config.site, loaded.config.paths.state
        self._hub = hub
        self._task = Task(
            _work,
            (state, hub, site.home, seconds),
            name="feeds push",
            timeout=seconds * _HANGS_AFTER,
            preload=PRELOAD,
        )

    def poll(self, seconds: float = 0) -> Delivery | None:
        """Returns what the round came to, None if it goes on; waits for up to `seconds`."""
        ended = self._task.poll(seconds)
        if not isinstance(ended, Ended):
            return None
        if ended.result is not None:
            return msgspec.msgpack.decode(ended.result, type=Delivery)
        # What an exception says may name the hub.
        reason, details = (hide_secrets(text, self._hub) for text in (ended.reason, ended.details))
        return _failed(self._hub, reason, details)

    def stop(self) -> None:
        """Ends the round, if it is not over; what it has not noted is sent again."""
        self._task.stop()

    def wait(self) -> Delivery:
        """Waits for the round to end, which it does in a while."""
        while (over := self.poll(1)) is None:
            pass
        return over


def push_once(loaded: Loaded) -> Pushed:
    """Tells all hubs what is due, in a few seconds at most."""
    hubs, now = loaded.config.site.hub, time.time()
    with ExitStack() as stack:
        jobs = []
        for one in _left(loaded):
            if one.hub in hubs and one.next_try.timestamp() <= now:
                jobs.append(DeliveryTask(loaded, one.hub, _ONCE_SECONDS))
                stack.callback(jobs[-1].stop)
        rounds = [job.wait() for job in jobs]
    return Pushed(rounds, _left(loaded))


def _left(loaded: Loaded) -> list[HubReport]:
    with open_for_reading(loaded.config.paths.state) as store:
        return store.hub_reports() if store else []


def _failed(hub: str, error: str, details: str = "") -> Delivery:
    next_try = int(time.time()) + _TRY_AGAIN_SECONDS
    return Delivery(hub, next_try=next_try, error=error, details=details)


def _work(_: Say, state: Path, hub: str, home: str, seconds: float) -> bytes:
    try:
        over = push_to(state, hub, home, seconds)
    except DamagedStateError:  # the next pass tells of that, and makes it good
        over = Delivery(hub)
    return msgspec.msgpack.encode(over)
