"""What a Host header may be (RFC 9112, section 3.2; RFC 9110, section 7.2)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache

_LONGEST = 255
# A name, or an address in brackets, and perhaps a port. Of the signs that RFC 3986, section 3.2.2,
# allows in names, those are left out that no name of a host has: a comma joins two of them.
_HOST = re.compile(
    r"(?:(?:[a-z0-9._~-]|%[0-9a-f]{2})+|\[(?P<address>[^\[\]]+)\])(?::\d{0,5})?",
    re.ASCII | re.IGNORECASE,
)
_FUTURE = re.compile(r"v[0-9a-f]+\.[a-z0-9._~!$&'()*+,;=:-]+", re.ASCII | re.IGNORECASE)


def is_valid(hosts: Sequence[str], version: str) -> bool:
    """Tells whether a request with these Host headers, of this version of HTTP, may be answered.

    HTTP/1.1 must have one; no version may have several, or one that names no host.
    """
    if not hosts:
        return version != "1.1"
    return len(hosts) == 1 and _names_host(hosts[0])


@lru_cache(maxsize=256)
def _names_host(host: str) -> bool:
    match = _HOST.fullmatch(host) if len(host) <= _LONGEST else None
    if match is None:
        return False
    address = match["address"]
    if address is None or _FUTURE.fullmatch(address):
        return True
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True
