"""Reads lines of access logs: ours, those of nginx in its combined format, those of Caddy. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from feeds.serve.access_log import Hit

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_COMBINED = re.compile(
    rf'(\S+) \S+ \S+ \[([^\]]+)\] "([A-Z]+) (\S+)[^"]*" (\d{{3}}) (\d+|-)(?: {_QUOTED} {_QUOTED})?'
)


def read_line(line: str) -> Hit | None:
    """Returns what a line of an access log tells; None if it is none that we know."""
    try:
        return _json_hit(msgspec.json.decode(line)) if line.startswith("{") else _combined(line)
    except (msgspec.DecodeError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None


def _combined(line: str) -> Hit | None:
    match = _COMBINED.match(line)
    if match is None:
        return None
    client, when, method, target, status, size, _, agent = match.groups()
    bytes_sent = 0 if size == "-" else int(size)
    return Hit(_clf_unix(when), client, method, target, int(status), bytes_sent, agent or "")


def _json_hit(data: Any) -> Hit:
    if "request" not in data:
        when = int(datetime.fromisoformat(data["time"]).timestamp())
        return Hit(
            when,
            str(data["client"]),
            str(data["method"]),
            str(data["target"]),
            int(data["status"]),
            int(data["size"]),
            str(data["agent"]),
        )
    request = data["request"]  # Caddy's
    client = request.get("client_ip") or request["remote_ip"]
    (agent,) = request.get("headers", {}).get("User-Agent", [""])[:1]
    return Hit(
        _caddy_unix(data["ts"]),
        str(client),
        str(request["method"]),
        str(request["uri"]),
        int(data["status"]),
        int(data["size"]),
        str(agent),
    )


def _caddy_unix(value: float | str) -> int:
    """Caddy writes seconds since 1970, or a date if it is told to."""
    if isinstance(value, str):
        return int(datetime.fromisoformat(value).timestamp())
    return int(value)


@lru_cache(maxsize=64)
def _clf_unix(text: str) -> int:
    return int(datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z").timestamp())
