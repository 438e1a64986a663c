"""A house validator: the rules of the W3C feed validator that documents of ours could break.

Left out is its warning about entries that share an `updated`: real stories may share a minute.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from html import unescape
from html.entities import name2codepoint
from typing import Any

import html5lib
from html5lib.html5parser import ParseError
from lxml import etree

from tests.site import NOW

ATOM = "{http://www.w3.org/2005/Atom}"
MEDIA = "{http://search.yahoo.com/mrss/}"
DC = "{http://purl.org/dc/elements/1.1/}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
XML = "{http://www.w3.org/XML/1998/namespace}"

_PREFIXES = {"atom": ATOM, "media": MEDIA, "dc": DC, "content": CONTENT}
_RELATIONS = {"alternate", "enclosure", "hub", "related", "self", "via"}
_TAGS = set(
    "a b blockquote br code del em figure h1 h2 h3 h4 h5 h6 hr i img li ol p pre s strong "
    "table tbody td th thead tr ul".split()
)
_ATTRIBUTES = {"href", "src", "alt", "title", "width", "height", "start"}
_JSON_FEED = set(
    "version title home_page_url feed_url description icon favicon authors language hubs items"
    " next_url user_comment expired".split()
)
_JSON_ITEM = set(
    "id url external_url title content_html summary image banner_image date_published "
    "date_modified authors tags language attachments _feeds".split()
)

_URI = re.compile(r"(https?://[^/?#]+|urn:uuid:)[\w;/?:@&=+$.\-!~*'()%,#]*", re.ASCII)
_ENCLOSURE = re.compile(r"https?://([a-z0-9-]+\.)+[a-z0-9][a-z0-9-]*(:\d+)?(/|$)", re.ASCII)
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MIME = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", re.ASCII)
_RFC822 = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", re.ASCII)
_DOUBTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")


def findings(path: str, data: bytes, base_url: str, now: datetime = NOW) -> list[str]:
    """Returns what is wrong with the document at `path` below `base_url`, judged at `now`."""
    address = base_url + path
    if path.endswith(".json"):
        return list(_json_feed(json.loads(data), address, now))
    if not data.startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n"):
        return ["no XML 1.0 declaration of UTF-8"]
    root = etree.fromstring(data)
    kind = {"atom": _atom, "rss": _rss, "opml": _opml}[path.rpartition(".")[2]]
    lines = data.decode().split("\n")
    return [*_namespaces(root, path), *kind(root, address, now, lines)]


# Text


def html_in(text: str, *, rss: bool, referenced: bool = False) -> str:
    """Returns what of plain text is taken for HTML, ``""`` for nothing.

    `referenced` says that ``&#x`` stands in the line of the source, which excuses all but end tags.
    """
    if match := re.search(r"</\w+>", text):
        return match[0]
    names = re.findall(r"&(#?\w+)", text)
    for name in names:
        if not referenced and (name in name2codepoint or name == "apos" or not name.isalpha()):
            return f"&{name}"
    if rss and not names and not referenced and (match := re.search("<[A-Za-z/]", text)):
        return match[0]
    return ""


def _characters(where: str, text: str) -> Iterator[str]:
    if match := _DOUBTED.search(text):
        yield f"{where}: character {match[0]!r}"


def _plain(where: str, text: str | None, *, rss: bool = False, line: str = "") -> Iterator[str]:
    if not (text or "").strip():
        yield f"{where}: empty"
    elif found := html_in(text or "", rss=rss, referenced="&#x" in line):
        yield f"{where}: looks like HTML: {found!r} in {text!r}"


def _name(where: str, text: str | None) -> Iterator[str]:
    yield from _plain(where, text)
    if re.search(r"<[\w.+'-]+@([a-z0-9-]+\.)+[a-z0-9-]+>", text or "", re.IGNORECASE | re.ASCII):
        yield f"{where}: an e-mail address in a name: {text!r}"


def html_findings(where: str, html: str) -> Iterator[str]:
    """Yields what is wrong with HTML in a description, content or attribute."""
    yield from _characters(where, html)
    try:
        tree = html5lib.HTMLParser(strict=True).parseFragment(html)
    except ParseError as error:
        yield f"{where}: not well-formed HTML: {error} in {html!r}"
        return
    for element in list(tree.iter())[1:]:
        if not isinstance(element.tag, str) or element.tag.rpartition("}")[2] not in _TAGS:
            yield f"{where}: element {element.tag}"
            continue
        yield from (f"{where}: attribute {key}" for key in element.attrib if key not in _ATTRIBUTES)
        for name in {"href", "src"} & element.attrib.keys():
            if not element.attrib[name].startswith("mailto:"):
                yield from _uri(f"{where} {name}", element.attrib[name])
    # Images and links are looked for by hand as well: for images the last src= in the tag counts.
    for tag in re.findall(r"<img\s+[^>]*>", html):
        for source in re.findall(r"""src=("[^"]*"|'[^']*'|[\w-]+)[\s>]""", tag)[-1:]:
            if not re.match(r"\w+:", unescape(source.strip("\"'"))):
                yield f"{where}: relative URL {source} in {tag}"


def _construct(where: str, element: etree._Element) -> Iterator[str]:
    """Yields what is wrong with an Atom text construct (RFC 4287, section 3.1)."""
    text = element.text or ""
    if not text.strip():
        yield f"{where}: empty"
    if element.get("type", "text") == "html":
        yield from html_findings(where, text)
    else:
        yield from _plain(where, text)


# Values


def _uri(where: str, text: str | None) -> Iterator[str]:
    if not _URI.fullmatch(text or ""):
        yield f"{where}: no absolute URI: {text!r}"


def _size(where: str, element: etree._Element) -> Iterator[str]:
    for name in ("width", "height", "fileSize"):
        if not re.fullmatch("[1-9][0-9]*", element.get(name, "1")):
            yield f"{where}: {name} {element.get(name)!r}"


def _plausible(where: str, time: datetime, now: datetime) -> Iterator[str]:
    if time.year < 1990 or time > now + timedelta(days=1):
        yield f"{where}: implausible date {time}"


def _rfc3339(where: str, text: str | None, now: datetime) -> Iterator[str]:
    if not _RFC3339.fullmatch(text or ""):
        yield f"{where}: no RFC 3339 date: {text!r}"
    else:
        yield from _plausible(where, datetime.fromisoformat(text or ""), now)


def _rfc822(where: str, text: str | None, now: datetime) -> Iterator[str]:
    if not _RFC822.fullmatch(text or ""):
        yield f"{where}: no RFC 822 date: {text!r}"
        return
    time = parsedate_to_datetime(text or "")
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    if (text or "")[:3] != days[time.weekday()]:
        yield f"{where}: wrong weekday: {text!r}"
    yield from _plausible(where, time, now)


def _unique(where: str, values: list[str | None]) -> Iterator[str]:
    yield from (f"{where}: {value!r} twice" for value, n in Counter(values).items() if n > 1)


def _media(where: str, parent: etree._Element) -> Iterator[str]:
    for element in (*parent.iterfind(f"{MEDIA}content"), *parent.iterfind(f"{MEDIA}thumbnail")):
        yield from _uri(f"{where} {element.tag}", element.get("url"))
        yield from _size(f"{where} {element.tag}", element)
    for element in parent.iterfind(f"{MEDIA}content"):
        if element.get("medium") != "image" or not _MIME.fullmatch(element.get("type", "")):
            yield f"{where}: media:content {dict(element.attrib)}"


def _children(
    where: str, parent: etree._Element, once: str, maybe: str, many: str
) -> Iterator[str]:
    """Yields which children are missing, stand there too often, or are not known there."""
    counts = Counter(str(child.tag) for child in parent)
    expand = {f"{prefix}:{name}": space + name for prefix, space in _PREFIXES.items()
              for name in ("link", "creator", "encoded", "content", "thumbnail")}
    tags = [
        [expand.get(name, name if parent.tag.find(ATOM) else ATOM + name) for name in names.split()]
        for names in (once, maybe, many)
    ]
    yield from (f"{where}: {tag} stands there {counts[tag]} times" for tag in tags[0] if counts[tag] != 1)
    yield from (f"{where}: more than one {tag}" for tag in tags[1] if counts[tag] > 1)
    yield from (f"{where}: unknown {tag}" for tag in counts if not any(tag in one for one in tags))
