"""Which hosts keep failing, and until when each of them is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from feeds.images.download import Download

# From so many images in a row on that a host failed to answer for.
_TOO_MANY = 3
_FIRST_SECONDS = 600
_LONGEST_SECONDS = 86_400


class Trouble(NamedTuple):
    """How often a host failed in a row, until when it is left alone (seconds since 1970), why."""

    failures: int
    until: int
    reason: str


class Hosts:
    """Remembers failures by host; time is that of the fetch, in seconds since 1970."""

    def __init__(self, known: Mapping[str, Trouble], now: int) -> None:
        self._now = now
        self.troubles = dict(known)

    def left_alone(self, host: str) -> Trouble | None:
        """Returns the trouble with a host that is not to be asked now."""
        trouble = self.troubles.get(host)
        return trouble if trouble and trouble.until > self._now else None

    def note(self, host: str, answer: Download) -> None:
        """Takes note of what came of asking a host."""
        if answer.result != "failed":
            self.troubles.pop(host, None)
            return
        failures = self.troubles.get(host, Trouble(0, 0, "")).failures + 1
        wait = 0
        if failures >= _TOO_MANY:
            wait = min(_FIRST_SECONDS * 2 ** (failures - _TOO_MANY), _LONGEST_SECONDS)
        until = self._now + max(wait, int(answer.wait))
        self.troubles[host] = Trouble(failures, until, answer.reason)
