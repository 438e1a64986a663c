"""What a pass did, in numbers and names: for people, for --json, and for the next pass."""

from __future__ import annotations

from datetime import datetime

import msgspec

from feeds.model import Problem


class FeedReport(msgspec.Struct, frozen=True):
    """One feed: `newest` is when its newest entry was published, `url` its Atom address.

    `exposed` entries stand there only because they qualified lately; `left_out` more of that kind
    found no room (`selection.max_exposed`).
    """

    address: str
    title: str
    entries: int
    newest: datetime | None
    url: str
    exposed: int = 0
    left_out: int = 0


class HubReport(msgspec.Struct, frozen=True):
    """A hub that is still to be told of `pending` changed documents, the oldest since `oldest`.

    `error` is why it was not told yet, ``""`` where that was not tried.
    """

    hub: str
    pending: int
    oldest: datetime
    next_try: datetime
    error: str


class PassReport(msgspec.Struct, kw_only=True, frozen=True):
    """One pass.

    Counts: `seeds` files found, `read` of them read, `changed` of these with other content than
    before, `gone` no longer there, `bad` not usable as they are (an older good item may still be
    in the feeds), `items` in use; `unchanged` documents left alone. `seconds` is wall time.
    """

    started: datetime
    seconds: float
    out: str
    dry_run: bool
    seeds: int
    read: int
    changed: int
    gone: int
    bad: int
    items: int
    unchanged: int
    written: list[str]
    removed: list[str]
    feeds: list[FeedReport]
    problems: list[Problem]
    pings: int = 0

    @property
    def warnings(self) -> int:
        """How many problems cost a seed only a part of it."""
        return sum(problem.severity == "warning" for problem in self.problems)
