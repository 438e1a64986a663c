"""Lines of access logs of three servers."""

from __future__ import annotations

import json

import pytest

from feeds.serve.access_log import Hit, read_line

NOON = 1_772_366_400  # 2026-03-01T12:00:00Z
CADDY = {
    "level": "info",
    "ts": NOON + 0.25,
    "logger": "http.log.access",
    "request": {
        "remote_ip": "192.0.2.7",
        "client_ip": "198.51.100.9",
        "method": "GET",
        "uri": "/all.atom?x=1",
        "headers": {"User-Agent": ["Reader"], "Accept": ["*/*"]},
    },
    "size": 12,
    "status": 200,
}


@pytest.mark.parametrize(
    ("line", "hit"),
    [
        (
            '192.0.2.7 - ada [01/Mar/2026:13:00:00 +0100] "GET /all.atom HTTP/1.1" 304 0 "-" "R"',
            Hit(NOON, "192.0.2.7", "GET", "/all.atom", 304, 0, "R"),
        ),
        (
            '2001:db8:: - - [01/Mar/2026:12:00:00 +0000] "GET /a HTTP/2.0" 200 9 "-" "a \\"b"',
            Hit(NOON, "2001:db8::", "GET", "/a", 200, 9, 'a \\"b'),
        ),
        (
            '192.0.2.7 - - [01/Mar/2026:12:00:00 +0000] "GET /all.atom HTTP/1.0" 200 -',
            Hit(NOON, "192.0.2.7", "GET", "/all.atom", 200, 0, ""),
        ),
        (json.dumps(CADDY), Hit(NOON, "198.51.100.9", "GET", "/all.atom?x=1", 200, 12, "Reader")),
        (
            json.dumps({**CADDY, "ts": "2026-03-01T12:00:00Z"}),
            Hit(NOON, "198.51.100.9", "GET", "/all.atom?x=1", 200, 12, "Reader"),
        ),
    ],
    ids=["nginx", "quotes", "common", "Caddy", "Caddy with dates"],
)
def test_line_is_read(line: str, hit: Hit) -> None:
    assert read_line(f"{line}\n") == hit


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\n",
        "{",
        "{}",
        '{"request": 1}',
        json.dumps({**CADDY, "ts": "noon"}),
        json.dumps({**CADDY, "ts": 1e400}),
        json.dumps({**CADDY, "status": None}),
        '192.0.2.7 - - [99/Mar/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"',
        '192.0.2.7 - - [01/Mar/2026:12:00:00 +0000] "\\x16\\x03" 400 1 "-" "-"',
    ],
)
def test_line_of_no_known_format_is_none(line: str) -> None:
    assert read_line(line) is None
