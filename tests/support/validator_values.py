"""What the W3C feed validator says of single values: text, HTML, URLs, dates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from html import unescape
from html.entities import name2codepoint

import html5lib
from html5lib.html5parser import ParseError

MIME = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)

# What our own content may consist of; the validator knows more.
_TAGS = {
    *("a", "b", "blockquote", "br", "code", "del", "em", "figure", "h2", "h3", "h4", "h5", "h6"),
    *("hr", "i", "img", "li", "ol", "p", "pre", "s", "strong", "table", "tbody", "td", "th"),
    *("thead", "tr", "ul"),
}
_ATTRIBUTES = {"href", "src", "alt", "title", "width", "height", "start"}

_URI = re.compile(r"(https?://[^/?#]+|urn:uuid:)[\w;/?:@&=+$.\-!~*'()%,#]*", re.ASCII)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", re.ASCII)
_RFC822 = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", re.ASCII)
_MAILBOX = re.compile(r"<[\w.+'-]+@([a-z0-9-]+\.)+[a-z0-9-]+>", re.IGNORECASE | re.ASCII)
_DOUBTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def html_in(text: str, *, rss: bool = False, referenced: bool = False) -> str:
    """Returns what of plain text is taken for HTML, ``""`` for nothing.

    `referenced` says that ``&#x`` stands in its line of the source, which excuses all but end tags.
    """
    if match := re.search(r"</\w+>", text):
        return match[0]
    if referenced:
        return ""
    names = re.findall(r"&(#?\w+)", text)
    for name in names:
        if name in name2codepoint or name == "apos" or not name.isalpha():
            return f"&{name}"
    if rss and not names and (match := re.search("<[A-Za-z/]", text)):
        return match[0]
    return ""


def characters(where: str, text: str) -> Iterator[str]:
    """Yields the first character that is taken for a fault in the encoding."""
    if match := _DOUBTED.search(text):
        yield f"{where}: character {match[0]!r} in {text!r}"


def plain(where: str, text: str | None, *, rss: bool = False, line: str = "") -> Iterator[str]:
    """Yields what is wrong with plain text; `line` is the line of the source where it stands."""
    text = text or ""
    yield from characters(where, text)
    if not text.strip():
        yield f"{where}: empty"
    elif found := html_in(text, rss=rss, referenced="&#x" in line):
        yield f"{where}: {found!r} looks like HTML in {text!r}"


def name(where: str, text: str | None) -> Iterator[str]:
    """Yields what is wrong with the name of a person."""
    yield from plain(where, text)
    if _MAILBOX.search(text or ""):
        yield f"{where}: an e-mail address in {text!r}"


def html(where: str, text: str | None) -> Iterator[str]:
    """Yields what is wrong with HTML."""
    yield from (f"{where}: {fault} in {text!r}" for fault in _html_faults(text or ""))


@lru_cache(maxsize=1024)
def _html_faults(text: str) -> tuple[str, ...]:
    try:
        tree = html5lib.HTMLParser(strict=True).parseFragment(text)
    except ParseError as error:
        return (str(error),)
    faults = list(characters("text", text))
    for element in list(tree.iter())[1:]:
        if not isinstance(element.tag, str) or element.tag.rpartition("}")[2] not in _TAGS:
            faults.append(f"element {element.tag}")
            continue
        for key, value in element.attrib.items():
            if key not in _ATTRIBUTES:
                faults.append(f"attribute {key}")
            elif key in {"href", "src"} and not value.startswith("mailto:"):
                faults += uri(key, value)
    # Images are looked for by hand as well, and there the last src= in the tag is what counts.
    for tag in re.findall(r"<img\s+[^>]*>", text):
        for source in re.findall(r"""src=("[^"]*"|'[^']*'|[\w-]+)[\s>]""", tag)[-1:]:
            if not re.match(r"\w+:", unescape(source.strip("\"'"))):
                faults.append(f"relative URL {source}")
    return tuple(faults)


def uri(where: str, text: str | None) -> Iterator[str]:
    """Yields what is not an absolute http(s) URL, or a urn:uuid."""
    if not _URI.fullmatch(text or ""):
        yield f"{where}: no absolute URI: {text!r}"


def rfc3339(where: str, text: str | None, now: datetime) -> Iterator[str]:
    """Yields what is wrong with a date in Atom or JSON."""
    if not _RFC3339.fullmatch(text or ""):
        yield f"{where}: no RFC 3339 date: {text!r}"
    else:
        yield from _plausible(where, datetime.fromisoformat(text or ""), now)


def rfc822(where: str, text: str | None, now: datetime) -> Iterator[str]:
    """Yields what is wrong with a date in RSS or OPML."""
    if not _RFC822.fullmatch(text or ""):
        yield f"{where}: no RFC 822 date: {text!r}"
        return
    time = parsedate_to_datetime(text or "")
    if (text or "")[:3] != _DAYS[time.weekday()]:
        yield f"{where}: wrong weekday: {text!r}"
    yield from _plausible(where, time, now)


def unique(where: str, values: Iterable[str | None]) -> Iterator[str]:
    """Yields values that stand there twice."""
    yield from (f"{where}: {value!r} twice" for value, n in Counter(values).items() if n > 1)


def _plausible(where: str, time: datetime, now: datetime) -> Iterator[str]:
    if time.year < 1990 or time > now + timedelta(days=1):
        yield f"{where}: implausible date {time}"
