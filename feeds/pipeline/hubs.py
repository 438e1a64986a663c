"""Delivers the pings in the store to hubs, each hub in a process of its own.

So a hub that hangs, or an answer that breaks us, holds nothing else up.
"""

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
from feeds.publish.delivery import Delivery, deliver
from feeds.store import DamagedStateError, open_state

# The modules that a delivery needs; who starts the first process of all should preload them.
PRELOAD = ("feeds.publish.delivery", "httpx")

# A command does not keep people waiting for somebody else's server.
_ONCE_SECONDS = 2.5
# A delivery begins no request after its time, and none takes longer; then it is taken to hang. The
# time counts from the first word of its process, which a busy machine may take long to start.
_HANGS_AFTER = 2.2
_TRY_AGAIN_SECONDS = 30


class Delivered(NamedTuple):
    """The results of `deliver_once`: its deliveries, and what is still pending for each hub."""

    deliveries: list[Delivery]
    left: list[HubReport]


class DeliveryTask:
    """A delivery to one hub; see `deliver`. Poll it until it is over, or stop it."""

    def __init__(self, loaded: Loaded, hub: str, seconds: float) -> None:
        site, state = loaded.config.site, loaded.config.paths.state
        self._hub = hub
        self._task = Task(
            _work,
            (state, hub, site.home, seconds),
            name="feeds hub",
            timeout=seconds * _HANGS_AFTER,
            preload=PRELOAD,
        )

    def poll(self, seconds: float = 0) -> Delivery | None:
        """Returns the result, None while it goes on; waits for up to `seconds`."""
        ended = self._task.poll(seconds)
        if not isinstance(ended, Ended):
            return None
        if ended.result is not None:
            return msgspec.msgpack.decode(ended.result, type=Delivery)
        # What an exception says may name the hub.
        reason, details = (hide_secrets(text, self._hub) for text in (ended.reason, ended.details))
        return _failed(self._hub, reason, details)

    def stop(self) -> None:
        """Ends the delivery, if it is not over; pings whose answer is not noted are sent again."""
        self._task.stop()

    def wait(self) -> Delivery:
        """Waits for the delivery to end, and returns its result."""
        while (over := self.poll(1)) is None:
            pass
        return over


def deliver_once(loaded: Loaded) -> Delivered:
    """Sends the pings that are due to all hubs, in a few seconds at most."""
    hubs, now = loaded.config.site.hub, time.time()
    with ExitStack() as stack:
        tasks = []
        for one in _left(loaded):
            if one.hub in hubs and one.next_try.timestamp() <= now:
                tasks.append(DeliveryTask(loaded, one.hub, _ONCE_SECONDS))
                stack.callback(tasks[-1].stop)
        deliveries = [task.wait() for task in tasks]
    return Delivered(deliveries, _left(loaded))


def _left(loaded: Loaded) -> list[HubReport]:
    with open_state(loaded.config.paths.state, "serve") as store:
        return store.hub_reports() if store else []


def _failed(hub: str, error: str, details: str = "") -> Delivery:
    next_try = int(time.time()) + _TRY_AGAIN_SECONDS
    return Delivery(hub, next_try=next_try, error=error, details=details)


def _work(_: Say, state: Path, hub: str, home: str, seconds: float) -> bytes:
    try:
        with open_state(state, "note") as store:
            delivery = deliver(store, hub, home, seconds)
    except DamagedStateError:  # the next pass reports that, and repairs it
        delivery = Delivery(hub)
    return msgspec.msgpack.encode(delivery)
