"""Checking and normalising of URLs. Contains no business logic.

Accepted is what every feed reader and validator accepts: an absolute http(s) URL with a host name
and without user info. IRIs (RFC 3987) are mapped to URIs (RFC 3986): the host by IDNA, the rest by
percent-encoding.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult, quote, unquote, unquote_plus, urlsplit, urlunsplit

import idna

WANTED_URL = "an absolute http or https URL with a host and without user info"
WANTED_DOMAIN = "a host name such as example.org"

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_PLAIN = r"[A-Za-z0-9\-._~!$&'()*+,;=:@/?]*"
_CHARS = rf"{_PLAIN}(?:%[0-9A-Fa-f]{{2}}{_PLAIN})*"
_DOTTED = re.compile(r"https?://(?:[a-z0-9-]+\.)+[a-z0-9-]+(?::\d+)?(?:/|$)", re.ASCII)
_NORMAL_URL = re.compile(rf"https?://{_LABEL}(?:\.{_LABEL})*(?:/{_CHARS})?(?:#{_CHARS})?", re.ASCII)
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd-\uffff]")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# RFC 3986, section 3.3 and 3.4: what may stand unencoded in a path, a query and a fragment.
_PATH_SAFE = "%/!$&'()*+,;=:@~"
_QUERY_SAFE = _PATH_SAFE + "?"
# User info, what browsers take for a slash, and address literals, which validators refuse.
_FORBIDDEN = re.compile(r"[@\\\[]")
_USER_INFO = re.compile(r"//[^/]*@")
_TAIL = re.compile(r"[?#]")
_ANY_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)
# What is shorter guards nothing, and words would be lost with it.
_LEAST_SECRET = 4
_MAX_URL = 2048
_MAX_HOST = 253


def normal_url(text: str) -> str | None:
    """Returns the URL in normal form, or None where it is not `WANTED_URL`."""
    if len(text) <= _MAX_HOST and _NORMAL_URL.fullmatch(text):
        return text
    text = text.strip()
    return _normalise(text) if len(text) <= _MAX_URL else None


def host_of(url: str) -> str:
    """Returns the host of a URL in normal form."""
    return url.split("/", 3)[2].partition(":")[0]


def has_dotted_host(url: str) -> bool:
    """Tells whether a URL in normal form is one that validators let an RSS enclosure have.

    They want a host of at least two labels of letters, digits and hyphens (no ``localhost``, no
    ``my_images.example.org``).
    """
    return _DOTTED.match(url) is not None


@lru_cache(maxsize=4096)
def normal_domain(text: str) -> str | None:
    """Returns a host name in lower case and IDNA-encoded (RFC 5891), or None where it is none."""
    host = text.strip().rstrip(".")
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    host = host.lower()
    return host if len(host) <= _MAX_HOST and _HOST.fullmatch(host) else None


def shown_url(url: str) -> str:
    """Returns a URL as logs and messages may show it: without user info, query and fragment."""
    base, tail = _TAIL.split(url, maxsplit=1) if _TAIL.search(url) else (url, None)
    return _USER_INFO.sub("//", base) + ("" if tail is None else "?…")


def hide_secrets(text: str, url: str) -> str:
    """Returns a text in which no user info and no query of any URL shows.

    Those of `url` do not show where they stand alone either, encoded or not.
    """
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, "…")
    return _ANY_URL.sub(lambda match: shown_url(match[0]), text)


def _secrets(url: str) -> set[str]:
    base, *tail = _TAIL.split(url, maxsplit=1)
    user_info = _USER_INFO.search(base)
    parts = [user_info[0][2:-1], *user_info[0][2:-1].split(":")] if user_info else []
    for whole in tail:
        pairs = re.split("[&;#]", whole)
        parts += [whole, *(pair.partition("=")[2] or pair for pair in pairs)]
    parts += [decode(part) for decode in (unquote, unquote_plus) for part in parts]
    return {part for part in parts if len(part) >= _LEAST_SECRET}


def _normalise(text: str) -> str | None:
    if _CONTROL.search(text):
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in {"http", "https"} or _FORBIDDEN.search(parts.netloc):
        return None
    host = normal_domain(parts.hostname or "")
    if host is None or port == 0:
        return None
    netloc = host if port is None else f"{host}:{port}"
    normal = SplitResult(
        scheme,
        netloc,
        _encode(parts.path, _PATH_SAFE) or ("/" if parts.query or parts.fragment else ""),
        _encode(parts.query, _QUERY_SAFE),
        _encode(parts.fragment, _QUERY_SAFE),
    )
    url = urlunsplit(normal)
    return url if len(url) <= _MAX_URL else None


def _encode(part: str, safe: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", part), safe=safe)
