"""Cron expressions as crontab(5) means them. Contains no business logic."""

from __future__ import annotations

import re

_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAYS = re.compile(r"([0-7])(?:-([0-7]))?(?:/(\d+))?")


def named_weekdays(cron: str) -> str:
    """Returns the expression with the days of the week as names.

    crontab(5) counts them from Sunday as 0 (or 7); APScheduler counts from Monday, so that numbers
    would mean other days. Anything but five fields is returned as it is.
    """
    fields = cron.split()
    if len(fields) != 5:
        return cron
    return " ".join((*fields[:4], ",".join(map(_named, fields[4].split(",")))))


def _named(part: str) -> str:
    match = _DAYS.fullmatch(part)
    if match is None:
        return part
    first = int(match[1])
    last = int(match[2]) if match[2] else first
    return ",".join(_NAMES[first : last + 1 : int(match[3] or 1)]) if first <= last else part
