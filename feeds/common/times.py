"""Dates, durations and cron expressions.

Inside the program every time is an aware `datetime` in UTC with whole seconds; feeds carry no finer
ones (RFC 822 has none).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

WANTED_DATE = "a date in ISO 8601, such as 2021-08-19T11:58:00Z"
WANTED_DURATION = 'a duration such as "90s", "15m", "48h" or "365d"'
# 9999-12-31T23:59:59Z: no later time can be written (RFC 3339, section 1), in seconds since 1970.
LATEST = 253_402_300_799
# Validators and readers doubt dates before feeds existed.
OLDEST_LIKELY = datetime(1990, 1, 1, tzinfo=UTC)

# Before this many readers show another date, or none.
OLDEST_SHOWN = datetime(1970, 1, 1, tzinfo=UTC)

DAY_S = 86_400
# Nobody can tell us to be silent for longer, in seconds.
LONGEST_REST = 86_400

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
# IMF-fixdate, rfc850-date and asctime-date (RFC 9110, section 5.6.7).
_HTTP_DATES = [
    re.compile(pattern, re.ASCII | re.IGNORECASE)
    for pattern in (
        rf"[a-z]{{3}}, (?P<day>\d\d?) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT",
        rf"[a-z]{{6,9}}, (?P<day>\d\d?)-{_MONTH}-(?P<year>\d\d) {_TIME} GMT",
        rf"[a-z]{{3}} {_MONTH} (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",
    )
]

# isoparse takes any sign for the one between date and time, and so a number of milliseconds since
# 1970 for a day of the year 1612.
_DATE = re.compile(
    r"\d{4}(?:-\d\d(?:-\d\d)?|\d\d(?:\d\d)?|-?\d{3}|-?W\d\d(?:-?\d)?)?(?:[Tt ].*)?", re.ASCII
)
_LEAP_SECOND = re.compile(r"(.*[Tt ]\d\d(?:\d\d|:\d\d:))60((?:[.,]\d+)?(?:[Zz+-].*)?)", re.ASCII)
_DURATION = re.compile(r"(\d{1,9})\s*(s|m|h|d|w)", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CRON_DAYS = re.compile(r"([0-7])(?:-([0-7]))?(?:/(\d+))?")


@lru_cache(maxsize=65536)
def parse_date(text: str, zone: tzinfo) -> datetime | None:
    """Returns the time in UTC; a date without a zone is read in `zone`. None if it is no date.

    A leap second (RFC 3339, section 5.7), ``:60``, is read as the second after it.

    Related stories recur from seed to seed, hence the cache: isoparse takes 10 microseconds.
    """
    from dateutil.parser import isoparse  # costs 5 ms; a pass that reads no seed needs no dates

    try:
        text = text.strip()
        if not _DATE.fullmatch(text):
            return None
        leap = _LEAP_SECOND.fullmatch(text)
        time = isoparse(f"{leap[1]}59{leap[2]}" if leap else text)
        if time.tzinfo is None:
            time = time.replace(tzinfo=zone)
        time = time.astimezone(UTC).replace(microsecond=0)
        return time + timedelta(seconds=1) if leap else time
    except (ValueError, OverflowError):
        return None


def parse_duration(text: str) -> timedelta:
    """Returns the duration that a text such as ``15m`` names; raises ValueError otherwise."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"wanted {WANTED_DURATION}")
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        raise ValueError(f"wanted {WANTED_DURATION}, and none as long as this") from None


def show_duration(duration: timedelta) -> str:
    """Returns the duration as `parse_duration` reads it, in its largest whole unit."""
    seconds = int(duration.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def to_unix(time: datetime) -> int:
    """Returns seconds since 1970-01-01T00:00:00Z."""
    return int(time.timestamp())


def from_unix(seconds: int) -> datetime:
    """Returns the time in UTC for seconds since 1970-01-01T00:00:00Z."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def show_time(time: datetime) -> str:
    """Returns the time for people: ``2021-08-19 11:58 UTC``."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def rfc3339(time: datetime) -> str:
    """Returns the time as RFC 3339 writes it, in UTC with a Z."""
    return time.isoformat().removesuffix("+00:00") + "Z"


def retry_after(value: str, now: int) -> int | None:
    """Returns the seconds that a Retry-After header asks for (RFC 9110, section 10.2.3).

    `now` is in seconds since 1970. Never less than 0 nor more than `LONGEST_REST`; None if the
    header says nothing that can be understood.
    """
    value = value.strip(" \t")
    if value.isascii() and value.isdigit():
        seconds = int(value.lstrip("0")[:9] or "0")
    else:
        date = parse_http_date(value, from_unix(now))
        if date is None:
            return None
        seconds = to_unix(date) - now
    return max(0, min(seconds, LONGEST_REST))


def mail_date(time: datetime, zone: str = "+0000") -> str:
    """Returns a time as RFC 5322, section 3.3, writes it: `email.utils` takes 3 ms to load."""
    day, month = _WEEKDAYS[time.isoweekday()].title(), _MONTHS[time.month - 1].title()
    return f"{day}, {time.day:02} {month} {time.year:04} {time.isoformat()[11:19]} {zone}"


@lru_cache(maxsize=1024)
def http_date(unix: int) -> str:
    """Returns seconds since 1970 as HTTP writes a date (RFC 9110, section 5.6.7)."""
    return mail_date(from_unix(unix), "GMT")


def parse_http_date(text: str, now: datetime) -> datetime | None:
    """Returns a date in any of HTTP's three forms (RFC 9110, section 5.6.7), None for others.

    A year of two digits is the one that lies at most 50 years after `now`.
    """
    match = next(filter(None, (date.fullmatch(text) for date in _HTTP_DATES)), None)
    if match is None:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:
        first = now.year - 49
        year = first + (year - first) % 100
    month = _MONTHS.index(match["month"].lower()) + 1
    hour, minute, second = (int(match[unit]) for unit in ("hour", "minute", "second"))
    leap = second == 60  # it is read as the next second
    try:
        date = datetime(year, month, int(match["day"]), hour, minute, second - leap, tzinfo=UTC)
        return date + timedelta(seconds=leap)
    except (ValueError, OverflowError):
        return None


def named_weekdays(cron: str) -> str:
    """Returns a cron expression (crontab(5)) with the days of the week as names.

    crontab(5) counts them from Sunday as 0 (or 7); APScheduler counts from Monday, so that numbers
    would mean other days. Anything but five fields is returned as it is.
    """
    fields = cron.split()
    if len(fields) != 5:
        return cron
    return " ".join((*fields[:4], ",".join(map(_named, fields[4].split(",")))))


def _named(part: str) -> str:
    match = _CRON_DAYS.fullmatch(part)
    if match is None:
        return part
    first = int(match[1])
    last = int(match[2]) if match[2] else first
    return ",".join(_WEEKDAYS[first : last + 1 : int(match[3] or 1)]) if first <= last else part


def recent_days(times: Iterable[int], most: int = 30) -> tuple[int, ...]:
    """Counts times, in seconds since 1970, by the day; the last day is that of the newest.

    There are at most so many days, and the first has one.
    """
    days = Counter(time // DAY_S for time in times)
    if not days:
        return ()
    last = max(days)
    first = min(day for day in days if day > last - most)
    return tuple(days[day] for day in range(first, last + 1))
