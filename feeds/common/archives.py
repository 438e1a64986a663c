"""The parts of archives (RFC 5005, section 4): their periods, addresses, and neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from feeds.common.times import from_unix, to_unix

# How many characters of a date (RFC 3339) name a period of archives.
LENGTHS = {"month": 7, "year": 4}


class ArchivePart(NamedTuple):
    """A sealed part of a feed's archives: its period, and its number there, from 1."""

    period: str
    number: int

    @property
    def name(self) -> str:
        """The end of its address: the period, and the number from the second part on."""
        return self.period if self.number == 1 else f"{self.period}-{self.number}"


class Archive(msgspec.Struct, frozen=True):
    """The place of a document among the archives of its feed, by addresses below out/.

    `older` and `newer` are the parts before and after it, ``""`` if there is none; the subscription
    document is after the newest. `current` is that document and `part` the part; ``""`` and None
    for the subscription document itself.
    """

    older: str = ""
    newer: str = ""
    current: str = ""
    part: ArchivePart | None = None

    def relations(self) -> Iterator[tuple[str, str]]:
        """Yields each relation to another document, and its address."""
        places = (("prev-archive", self.older), ("next-archive", self.newer))
        yield from ((rel, place) for rel, place in (*places, ("current", self.current)) if place)


def period_of(unix: int, archive: str) -> str:
    """Returns the month or year (UTC) of a time in seconds since 1970: ``2021-08`` or ``2021``."""
    return from_unix(unix).date().isoformat()[: LENGTHS[archive]]


def end_of(period: str) -> int:
    """Returns the first moment after a month or year, in seconds since 1970."""
    year, _, month = period.partition("-")
    years, months = divmod(int(year) * 12 + int(month or 12), 12)
    return to_unix(datetime(years, months + 1, 1, tzinfo=UTC))
