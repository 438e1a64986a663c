"""The types of value that a key of the configuration can have."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

from feeds.common.buckets import is_address, parse_address
from feeds.common.text import clean_line
from feeds.common.times import WANTED_DURATION, named_weekdays, parse_duration, show_duration
from feeds.common.urls import WANTED_DOMAIN, WANTED_URL, normal_domain, normal_url, wanted_url

N = TypeVar("N", int, float)

# As people write them in environment variables.
FLAGS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
FLAGS |= {"on": True, "off": False, "t": True, "f": False, "y": True, "n": False}
_WHOLE = re.compile(r"\s*[+-]?\d{1,18}\s*", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", re.IGNORECASE | re.ASCII)
_SLUG = re.compile(r"(?=.{1,100}$)[a-z0-9]+([.-][a-z0-9]+)*", re.ASCII)
_URN = re.compile(r"urn:[a-z0-9][a-z0-9-]{1,31}:[A-Za-z0-9:._-]+", re.ASCII)
_SIZE = re.compile(r"(\d{1,9})\s*(b|kib|mib|gib)?", re.ASCII)
_SIZE_UNITS = {None: 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_ADDRESS = re.compile(r"(?P<host>[^\[\]:\s]+|\[[0-9a-f:.]+\]):(?P<port>\d{1,5})", re.IGNORECASE)
_EMAIL = re.compile(r"[^@\s()<>]+@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE | re.ASCII)

Reader = Callable[[Any], Any]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("wanted a text, in quotes")  # noqa: TRY004 (read by the schema)
    return value


def _text_that(check: Callable[[str], str]) -> Reader:
    """Returns a reader of texts that are then checked."""
    return lambda value: check(_text(value))


def _made_by(make: Callable[[str], str | None], wanted: str) -> Reader:
    """Returns a reader of texts; `make` makes the value, or None, or raises."""

    def read(value: object) -> str:
        text = _text(value)
        with suppress(ValueError, OSError, KeyError):
            if (made := make(text)) is not None:
                return made
        raise ValueError(f"wanted {wanted}")

    return read


def _is(fits: Callable[[str], object]) -> Callable[[str], str | None]:
    """Returns what makes of an empty text, and of one that fits, itself."""
    return lambda text: text if not text or fits(text) else None


def _flag(value: object) -> bool:
    """Returns true or false; a variable has it as a word."""
    found = FLAGS.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise ValueError("wanted true or false")  # noqa: TRY004 (read by the schema)
    return found


# These return readers whose limits can be looked at: the JSON Schema of config.toml has them, too.


def whole(least: int, most: int | None = None) -> Reader:
    """Returns a reader of whole numbers in this range."""
    return partial(_whole, least=least, most=most)


def _whole(value: object, *, least: int, most: int | None) -> int:
    if isinstance(value, bool):
        raise ValueError("wanted a whole number, not true or false")  # noqa: TRY004
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int):
        raise ValueError("wanted a whole number")  # noqa: TRY004
    return _in_range(value, least, most)


def one_of(*choices: str) -> Reader:
    """Returns a reader of these texts."""
    return partial(_choice, choices=choices)


def _choice(value: object, *, choices: tuple[str, ...]) -> str:
    if value not in choices:
        wanted = ", ".join(map(repr, choices[:-1])) + f" or {choices[-1]!r}"
        raise ValueError(f"wanted {wanted}")
    return str(value)


def duration(least: timedelta = timedelta(0), most: timedelta = timedelta.max) -> Reader:
    """Returns a reader of durations in this range."""
    return partial(_duration, shortest=least, longest=most)


def _duration(value: object, *, shortest: timedelta, longest: timedelta) -> timedelta:
    if isinstance(value, str):
        value = parse_duration(value)
    if not isinstance(value, timedelta):
        raise ValueError(f"wanted {WANTED_DURATION}")  # noqa: TRY004
    if value < shortest:
        raise ValueError(f'wanted at least "{show_duration(shortest)}"')
    if value > longest:
        raise ValueError(f'wanted at most "{show_duration(longest)}"')
    return value


def _share(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError("wanted a number from 0 to 1, not true or false")  # noqa: TRY004
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError("wanted a number from 0 to 1") from None
    return _in_range(number, 0, 1)


def _in_range(value: N, least: int, most: int | None) -> N:
    if not value >= least:  # not a number is not in any range
        raise ValueError(f"wanted at least {least}")
    if most is not None and value > most:
        raise ValueError(f"wanted at most {most}")
    return value


def _size(value: object) -> int:
    match = _SIZE.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if match is not None:
        value = int(match[1]) * _SIZE_UNITS[match[2]]
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError('wanted a number of bytes, such as "8MiB" or 500000')  # noqa: TRY004
    return _in_range(value, 1, None)


def _address(value: str) -> str | None:
    line = _line(value)
    match = _ADDRESS.fullmatch(line)
    return line if not line or (match and 0 < int(match["port"]) < 65536) else None


def _url(value: str) -> str:
    url = normal_url(value) if value else ""
    if url is None:
        raise ValueError(f"wanted {wanted_url(value)}")
    return url


def _base_url(value: str) -> str:
    url = _url(value)
    if not url or "?" in url or "#" in url:
        raise ValueError(f"wanted {WANTED_URL}, without ? and #")
    return url if url.endswith("/") else url + "/"


def _language(value: str) -> str:
    if not _LANGUAGE.fullmatch(value):
        hint = f" (did you mean {value.replace('_', '-')}?)" if "_" in value else ""
        raise ValueError(f"wanted a language tag such as en or en-GB{hint}")
    return value


_slug = _made_by(
    _is(_SLUG.fullmatch),
    "lower case letters and digits, with single - or . between them, at most 100",
)


def _alias(value: object) -> str:
    if value == "":
        raise ValueError("wanted a former slug of the feed")
    return str(_slug(value))


_domain = _made_by(normal_domain, WANTED_DOMAIN)
_ip = _made_by(
    lambda value: str(ipaddress.ip_address(value)),
    f"{WANTED_DOMAIN}, or an address, without a port",
)
_network = _made_by(
    lambda value: str(ipaddress.ip_network(_line(value))),
    'an address or a network, such as "127.0.0.1", "10.0.0.0/8" or "2001:db8::/32"',
)


def _host(value: str) -> str:
    host = value.strip("[]")
    return str(_ip(host) if ":" in host else _domain(host))


def _line(value: str) -> str:
    return " ".join(clean_line(value, repair=False).split())


def cron(value: object) -> str:
    """Reads five cron fields; empty for none."""
    line = _line(_text(value))
    if line:
        # Imported on demand: it costs 150 ms, and few configurations have a cron line.
        from apscheduler.triggers.cron import CronTrigger

        try:
            CronTrigger.from_crontab(named_weekdays(line))
        except ValueError as error:
            raise ValueError(
                f'wanted five cron fields such as "*/10 6-22 * * mon-fri" ({error})'
            ) from None
    return line


def path(value: object) -> Path:
    """Reads a path; ``~`` is the home folder."""
    if value == "":
        raise ValueError('wanted a path; "." is the folder of config.toml')
    if not isinstance(value, str | Path):
        raise ValueError("wanted a path")  # noqa: TRY004
    with suppress(RuntimeError):
        if "\0" not in str(value):
            return Path(value).expanduser()
    raise ValueError("wanted a valid path")


def source(value: object) -> Path | str:
    """Reads a folder, or an address such as "s3://bucket/prefix/"; see `parse_address`."""
    if isinstance(value, str) and is_address(value):
        return parse_address(value)
    return path(value)


def backup(value: object) -> Path | str | None:
    """Reads where a backup is: a file, or the address of an object such as "s3://bucket/state.db".

    What ends with a slash is a folder, in which it is called ``state.db``.
    """
    if not value:
        return None
    if isinstance(value, str) and value.endswith("/"):
        value += "state.db"
    found = source(value)
    if isinstance(found, str):
        found = found.rstrip("/")
        if found.count("/") == 2:
            raise ValueError('wanted an address with a key, such as "s3://bucket/state.db"')
    return found


FilePath = Annotated[Path, path]
MaybePath = Annotated[Path | None, lambda value: path(value) if value else None]
Source = Annotated[Path | str, source]
Place = Annotated[Path, lambda value: Path(source(value))]  # of an address it is read by `load`
Backup = Annotated[Path | str | None, backup]
Flag = Annotated[bool, _flag]
Quality = Annotated[int, whole(0, 100)]
Count = Annotated[int, whole(1, 10_000)]
Share = Annotated[float, _share]
Duration = Annotated[timedelta, duration()]
Port = Annotated[int, whole(1, 65_535)]
Line = Annotated[str, _text_that(_line)]
Name = Annotated[str, _made_by(lambda value: _line(value) or None, "a text that is not empty")]
Word = Annotated[str, _text]
Url = Annotated[str, _text_that(_url)]
BaseUrl = Annotated[str, _text_that(_base_url)]
ServedUrl = Annotated[str, _text_that(lambda value: _base_url(value) if value else "")]
Timezone = Annotated[
    str, _made_by(lambda value: ZoneInfo(value).key, "a time zone such as UTC or Europe/London")
]
Language = Annotated[str, _text_that(_language)]
Slug = Annotated[str, _slug]
Alias = Annotated[str, _alias]
Email = Annotated[
    str, _made_by(_is(_EMAIL.fullmatch), "an e-mail address such as desk@example.org")
]
SiteId = Annotated[
    str,
    _made_by(
        _is(lambda value: normal_url(value) or _URN.fullmatch(value)),
        'a URL, or a name such as "urn:example:my-site"',
    ),
]
Domain = Annotated[str, _domain]
Host = Annotated[str, _text_that(_host)]
Network = Annotated[str, _network]
Size = Annotated[int, _size]
Address = Annotated[str, _made_by(_address, 'an address such as "127.0.0.1:9464"')]
