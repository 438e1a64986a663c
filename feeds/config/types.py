"""The types of value that a key of the configuration can have."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

from feeds.common.text import clean_line
from feeds.common.times import WANTED_DURATION, parse_duration
from feeds.common.urls import WANTED_DOMAIN, WANTED_URL, normal_domain, normal_url, wanted_url

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", re.IGNORECASE | re.ASCII)
_SLUG = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*", re.ASCII)
_MAX_SLUG = 100
_URN = re.compile(r"urn:[a-z0-9][a-z0-9-]{1,31}:[A-Za-z0-9:._-]+", re.ASCII)
_SIZE = re.compile(r"(\d{1,9})\s*(b|kib|mib|gib)?", re.ASCII)
_SIZE_UNITS = {None: 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_ADDRESS = re.compile(r"(?P<host>[^\[\]:\s]+|\[[0-9a-f:.]+\]):(?P<port>\d{1,5})", re.IGNORECASE)
_EMAIL = re.compile(r"[^@\s()<>]+@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE | re.ASCII)


def _number(value: object) -> object:
    return _not_bool(value, "a whole number")


def _share(value: object) -> object:
    return _not_bool(value, "a number from 0 to 1")


def _not_bool(value: object, wanted: str) -> object:
    if isinstance(value, bool):
        raise ValueError(f"wanted {wanted}, not true or false")  # noqa: TRY004
    return value


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError(f"wanted {WANTED_DURATION}")  # noqa: TRY004
    return parse_duration(value)


def _size(value: object) -> int:
    match = _SIZE.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if match is None:
        raise ValueError('wanted a number of bytes, such as "8MiB" or 500000')
    return int(match[1]) * _SIZE_UNITS[match[2]]


def _address(value: str) -> str:
    match = _ADDRESS.fullmatch(value)
    if value and (match is None or not 0 < int(match["port"]) < 65536):
        raise ValueError('wanted an address such as "127.0.0.1:9464"')
    return value


def _url(value: str) -> str:
    url = normal_url(value) if value else ""
    if url is None:
        raise ValueError(f"wanted {wanted_url(value)}")
    return url


def _served_url(value: str) -> str:
    return _base_url(value) if value else ""


def _base_url(value: str) -> str:
    url = _url(value)
    if not url or "?" in url or "#" in url:
        raise ValueError(f"wanted {WANTED_URL}, without ? and #")
    return url if url.endswith("/") else url + "/"


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("wanted a time zone such as UTC or Europe/London") from None
    return value


def _language(value: str) -> str:
    if not _LANGUAGE.fullmatch(value):
        hint = f" (did you mean {value.replace('_', '-')}?)" if "_" in value else ""
        raise ValueError(f"wanted a language tag such as en or en-GB{hint}")
    return value


def _slug(value: str) -> str:
    if value and (len(value) > _MAX_SLUG or not _SLUG.fullmatch(value)):
        raise ValueError(
            "wanted lower case letters and digits, with single - or . between them, "
            f"at most {_MAX_SLUG}"
        )
    return value


def _alias(value: str) -> str:
    if not value:
        raise ValueError("wanted a former slug of the feed")
    return _slug(value)


def _email(value: str) -> str:
    if value and not _EMAIL.fullmatch(value):
        raise ValueError("wanted an e-mail address such as desk@example.org")
    return value


def _site_id(value: str) -> str:
    if value and normal_url(value) is None and not _URN.fullmatch(value):
        raise ValueError('wanted a URL, or a name such as "urn:example:my-site"')
    return value


def _host(value: str) -> str:
    host = value.strip("[]")
    if ":" not in host:
        return _domain(host)
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        raise ValueError(f"wanted {WANTED_DOMAIN}, or an address, without a port") from None


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise ValueError(
            'wanted an address or a network, such as "127.0.0.1", "10.0.0.0/8" or "2001:db8::/32"'
        ) from None


def _domain(value: str) -> str:
    domain = normal_domain(value)
    if domain is None:
        raise ValueError(f"wanted {WANTED_DOMAIN}")
    return domain


def _line(value: str) -> str:
    return " ".join(clean_line(value, repair=False).split())


def _not_empty(value: object) -> object:
    if value == "":
        raise ValueError('wanted a path; "." is the folder of config.toml')
    return value


def _path(value: Path) -> Path:
    try:
        return value.expanduser() if "\0" not in str(value) else _no_path()
    except RuntimeError:
        return _no_path()


def _no_path() -> Path:
    raise ValueError("wanted a valid path")


FilePath = Annotated[Path, BeforeValidator(_not_empty), AfterValidator(_path)]
Whole = Annotated[int, BeforeValidator(_number)]
Quality = Annotated[Whole, Field(ge=0, le=100)]
Count = Annotated[Whole, Field(ge=1, le=10_000)]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Port = Annotated[Whole, Field(ge=1, le=65_535)]
Line = Annotated[str, AfterValidator(_line)]
Name = Annotated[Line, Field(min_length=1)]
Url = Annotated[str, AfterValidator(_url)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
ServedUrl = Annotated[str, AfterValidator(_served_url)]
Timezone = Annotated[str, AfterValidator(_timezone)]
Language = Annotated[str, AfterValidator(_language)]
Slug = Annotated[str, AfterValidator(_slug)]
Alias = Annotated[str, AfterValidator(_alias)]
Email = Annotated[str, AfterValidator(_email)]
SiteId = Annotated[str, AfterValidator(_site_id)]
Domain = Annotated[str, AfterValidator(_domain)]
Host = Annotated[str, AfterValidator(_host)]
Network = Annotated[Line, AfterValidator(_network)]
Size = Annotated[int, BeforeValidator(_size), Field(ge=1)]
Address = Annotated[Line, AfterValidator(_address)]
