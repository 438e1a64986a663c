"""Keeps hubs told of what changed, beside the passes: one round at a time with each hub."""

from __future__ import annotations

import time

import structlog

from feeds.common.urls import shown_url
from feeds.config import Loaded
from feeds.pipeline.hubs import DeliveryTask
from feeds.publish.delivery import Delivery

_ROUND_SECONDS = 60.0
_SOON_SECONDS = 1.0


class Pusher:
    """Starts a round when one is wanted, and again when the hub is to be tried again.

    To be tended all the time, which takes no time. What is logged of a hub that fails: when that
    begins, when its reason changes, and when it is over.
    """

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        self._log = log
        self._jobs: dict[str, DeliveryTask] = {}
        self._due: dict[str, float] = {}
        self._errors: dict[str, str] = {}
        self._moved: dict[str, str] = {}

    def want(self, loaded: Loaded) -> None:
        """Asks for a round with each hub, at once or after the one that is running."""
        self._due = dict.fromkeys(loaded.config.site.hub, 0.0)
        self.tend(loaded)

    def tend(self, loaded: Loaded) -> None:
        """Sees to rounds that have ended, and starts those that are due."""
        for hub, job in list(self._jobs.items()):
            over = job.poll()
            if over is not None:
                del self._jobs[hub]
                self._ended(over)
        hubs = loaded.config.site.hub
        self._due = {hub: due for hub, due in self._due.items() if hub in hubs}
        for hub, due in list(self._due.items()):
            if hub not in self._jobs and time.monotonic() >= due:
                del self._due[hub]
                self._jobs[hub] = DeliveryTask(loaded, hub, _ROUND_SECONDS)

    def stop(self) -> None:
        """Ends all rounds; what was not sent is remembered."""
        for job in self._jobs.values():
            job.stop()
        self._jobs.clear()

    def _ended(self, over: Delivery) -> None:
        hub = over.hub
        if over.next_try is not None:
            wait = max(over.next_try - time.time(), _SOON_SECONDS)
            self._due.setdefault(hub, time.monotonic() + wait)
        log = self._log.bind(hub=shown_url(hub))
        if over.moved and over.moved != self._moved.get(hub):
            self._moved[hub] = over.moved
            log.warning("the hub has moved, change site.hub", to=over.moved)
        for loss in over.losses:
            log.warning("a document that the hub is not told of", loss=loss)
        if over.sent:
            log.info("hub told", documents=over.sent)
        before = self._errors.pop(hub, "")
        if over.error:
            self._errors[hub] = over.error
            if over.error != before:
                details = {"details": over.details} if over.details else {}
                log.warning(
                    "hub not told, to be tried again",
                    reason=over.error,
                    pending=over.pending,
                    **details,
                )
        elif before:
            log.info("hub is told again")
