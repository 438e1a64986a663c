"""Checks and normalises URLs.

Accepted is an absolute http(s) URL with a host and without user info. IRIs (RFC 3987) are mapped
to URIs (RFC 3986): the host by IDNA, the rest by percent-encoding. Hosts are names as DNS has them,
IPv4 addresses of four decimal numbers, and IPv6 addresses in brackets, without a zone (RFC 6874),
which means something on one machine only.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from functools import lru_cache
from hashlib import sha1
from urllib.parse import SplitResult, quote, unquote, unquote_plus, urlsplit, urlunsplit

WANTED_URL = "an absolute http or https URL with a host and without user info"
WANTED_DOMAIN = "a host name such as example.org"

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# A name whose last label is a number is read as an IPv4 address by whoever follows the URL.
_NUMBER = r"(?:[0-9]+|0x[0-9a-f]*)"
_NAME = rf"(?:{_LABEL}\.)*(?!{_NUMBER}(?![a-z0-9_-])){_LABEL}"
_PLAIN = r"[A-Za-z0-9\-._~!$&'()*+,;=:@/?]*"
_CHARS = rf"{_PLAIN}(?:%[0-9A-Fa-f]{{2}}{_PLAIN})*"
_DOTTED = re.compile(r"https?://(?:[a-z0-9-]+\.)+[a-z0-9-]+(?::\d+)?(?:/|$)", re.ASCII)
_NORMAL_URL = re.compile(rf"https?://{_NAME}(?:/{_CHARS})?(?:#{_CHARS})?", re.ASCII)
_HOST = re.compile(_NAME, re.ASCII)
_IPV6 = re.compile(r"\[([0-9a-f:.]+)\]", re.IGNORECASE | re.ASCII)
_ENCODED = re.compile(r"(?:%[89A-F][0-9A-F])+", re.IGNORECASE | re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd-\uffff]")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# RFC 3986, section 3.3 and 3.4: what may stand unencoded in a path, a query and a fragment.
_PATH_SAFE = "%/!$&'()*+,;=:@~"
_QUERY_SAFE = _PATH_SAFE + "?"
# User info, and what browsers take for a slash.
_FORBIDDEN = re.compile(r"[@\\]")
_USER_INFO = re.compile(r"//[^/]*@")
_TAIL = re.compile(r"[?#]")
_ANY_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)
# Shorter texts guard nothing, and hiding them would hide words.
_LEAST_SECRET = 4
_NO_HOST = (
    "its host is neither a DNS name, nor an IPv4 address of four numbers, nor an IPv6 address "
    "without a zone"
)
_NAMESPACE_URL = bytes.fromhex("6ba7b8119dad11d180b400c04fd430c8")
_MAX_URL = 2048
_MAX_HOST = 253


def item_id(url: str) -> str:
    """Returns the id of a story with this original URL: a UUID of version 5 (RFC 9562)."""
    # As uuid.uuid5 makes it, in half the time: the digest, with the version and the variant.
    digits = sha1(_NAMESPACE_URL + url.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return (
        f"urn:uuid:{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-"
        f"{digits[20:32]}"
    )


def normal_url(text: str) -> str | None:
    """Returns the URL in normal form, or None if it is not `WANTED_URL`."""
    if len(text) <= _MAX_HOST and _NORMAL_URL.fullmatch(text):
        return text
    try:
        return _normalise(text.strip())
    except ValueError:
        return None


def wanted_url(text: str) -> str:
    """Returns what a text that is no URL should be, and its fault."""
    try:
        _normalise(text.strip())
    except _UrlError as error:
        return f"{WANTED_URL}; {error}"
    except ValueError:
        pass
    with_scheme = f"https://{text.strip()}"
    if "://" not in text and has_dotted_host(normal_url(with_scheme) or ""):
        return f"{WANTED_URL} (did you mean {shown_url(with_scheme)}?)"
    return WANTED_URL


def host_of(url: str) -> str:
    """Returns the host of a URL in normal form; an IPv6 address in its brackets."""
    host = url.split("/", 3)[2]
    return host[: host.index("]") + 1] if host.startswith("[") else host.partition(":")[0]


def is_own_host(host: str | None) -> bool:
    """Tells whether a host, as `urlsplit` gives it, is this machine: nobody else reaches it."""
    return host in {"localhost", "127.0.0.1", "::1"}


def has_dotted_host(url: str) -> bool:
    """Tells whether a URL in normal form is one that validators let an RSS enclosure have.

    They want a host of at least two labels of letters, digits and hyphens (no ``localhost``, no
    ``my_images.example.org``).
    """
    return _DOTTED.match(url) is not None


@lru_cache(maxsize=4096)
def normal_domain(text: str) -> str | None:
    """Returns a host name in lower case and IDNA-encoded (RFC 5891), or None if it is none.

    Names that IDNA 2008 does not know but browsers do (UTS 46), emoji for instance, are encoded as
    these do it.
    """
    host = text.strip().rstrip(".")
    if not host.isascii():
        if len(host) > _MAX_HOST:
            return None
        import idna  # its tables cost 5 ms; most host names are ASCII

        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            host = _encode_as_browsers_do(host)
    host = host.lower()
    if len(host) > _MAX_HOST:
        return None
    return host if _HOST.fullmatch(host) or _is_ipv4(host) else None


def _encode_as_browsers_do(host: str) -> str:
    """Encodes a host name by UTS 46, not transitional; ``""`` if that is not possible."""
    import idna

    try:
        labels = idna.uts46_remap(host, std3_rules=True).split(".")
        return ".".join(map(_encode_label, labels))
    except (idna.IDNAError, UnicodeError):
        return ""


def _encode_label(label: str) -> str:
    if label.isascii():
        return label
    # Joiners are seen by nobody; UTS 46 wants a context for them that emoji are not.
    if "\u200c" in label or "\u200d" in label or label.startswith("-") or label.endswith("-"):
        raise UnicodeError("no label")
    if label[2:4] == "--" or unicodedata.category(label[0]).startswith("M"):
        raise UnicodeError("no label")
    import idna

    idna.check_bidi(label)
    return "xn--" + label.encode("punycode").decode("ascii")


def _is_ipv4(host: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        return False


class _UrlError(ValueError):
    """The fault in a text that has the form of an http(s) URL with a host."""


def _normalise(text: str) -> str:
    if len(text) > _MAX_URL:
        raise _UrlError(f"it has more than {_MAX_URL} characters")
    if _CONTROL.search(text):
        raise _UrlError("it has control characters")
    try:
        parts = urlsplit(text)
    except ValueError:  # brackets, and signs that turn into others
        raise _UrlError(_NO_HOST) from None
    scheme, netloc = parts.scheme.lower(), parts.netloc
    if scheme not in {"http", "https"} or not netloc or _FORBIDDEN.search(netloc):
        raise ValueError
    normal = SplitResult(
        scheme,
        _netloc(netloc),
        _encode(parts.path, _PATH_SAFE) or ("/" if parts.query or parts.fragment else ""),
        _encode(parts.query, _QUERY_SAFE),
        _encode(parts.fragment, _QUERY_SAFE),
    )
    url = urlunsplit(normal)
    if len(url) > _MAX_URL:
        raise _UrlError(f"it has more than {_MAX_URL} characters once it is encoded")
    return url


def _netloc(netloc: str) -> str:
    # Not parts.port: int() reads digits of all scripts, signs and underscores.
    bracket = netloc.rfind("]") + 1
    name, colon, port = (
        netloc[bracket:].rpartition(":") if ":" in netloc[bracket:] else (netloc[bracket:], "", "")
    )
    host = _ipv6(netloc[:bracket] + name) if bracket else _host(name)
    if not colon or not port:
        return host
    if not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise _UrlError("its port is not from 1 to 65535")
    return f"{host}:{int(port)}"


def _host(name: str) -> str:
    if not name:
        raise ValueError
    host = normal_domain(_ENCODED.sub(lambda match: unquote(match[0]), name))
    if host is None:
        raise _UrlError(_NO_HOST)
    return host


def _ipv6(text: str) -> str:
    """Returns an IPv6 address as RFC 5952 writes it, in brackets (RFC 3986, section 3.2.2)."""
    match = _IPV6.fullmatch(text)
    try:
        address = ipaddress.IPv6Address(match[1] if match else "")
    except ValueError:
        raise _UrlError(_NO_HOST) from None
    mapped = address.ipv4_mapped
    return f"[::ffff:{mapped}]" if mapped else f"[{address.compressed}]"


def _encode(part: str, safe: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", part), safe=safe)


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
