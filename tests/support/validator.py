"""A house validator: the rules of the W3C feed validator that documents of ours could break.

Left out is its warning about entries that share an `updated`: real stories may share a minute.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import cast

from lxml import etree

from feeds.render.words import words_of
from tests.support import validator_values as values
from tests.support.site import NOW
from tests.support.validator_html import html_findings
from tests.support.validator_json import json_findings

NAMESPACES = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "fh": "http://purl.org/syndication/history/1.0",
    "media": "http://search.yahoo.com/mrss/",
    "xml": "http://www.w3.org/XML/1998/namespace",
}
_PREFIXES = {uri: prefix for prefix, uri in NAMESPACES.items()}
_PACKAGE = Path(__file__).parent.parent.parent / "feeds"
_DECLARATION = b"<?xml version='1.0' encoding='UTF-8'?>\n"
_RELATIONS = {"alternate", "enclosure", "hub", "related", "self", "via"}
_RELATIONS |= {"current", "next-archive", "prev-archive"}  # RFC 5005, section 4
_ENCLOSURE = re.compile(r"https?://([a-z0-9-]+\.)+[a-z0-9][a-z0-9-]*(:\d+)?(/|$)", re.ASCII)
_MAILBOX = re.compile(r"[\w.+-]+@[a-z0-9.-]+ \((.*)\)", re.ASCII | re.IGNORECASE)

# Which elements each element holds: once, at most once, and any number of times.
_CHILDREN = {
    "atom:feed": (
        "atom:id atom:title atom:updated",
        "atom:subtitle atom:generator atom:icon atom:logo atom:rights fh:archive",
        "atom:author atom:link atom:entry",
    ),
    "atom:entry": (
        "atom:id atom:title atom:updated",
        "atom:published atom:summary atom:content",
        "atom:author atom:link atom:category media:content media:thumbnail",
    ),
    "atom:author": ("atom:name", "atom:uri atom:email", ""),
    "rss": ("channel", "", ""),
    "channel": (
        "title link description lastBuildDate language",
        "copyright docs generator image managingEditor ttl fh:archive",
        "atom:link item",
    ),
    "image": ("url title link", "", ""),
    "item": (
        "title link description guid pubDate",
        "content:encoded enclosure dc:creator",
        "category media:content media:thumbnail",
    ),
    "opml": ("head body", "", ""),
    "head": ("title", "dateModified", ""),
    "body": ("", "", "outline"),
    "outline": ("", "", "outline"),
}

# The attributes of outlines: of a group, a subscription, and another list.
_OUTLINES = {"group": "text", "rss": "text title type xmlUrl htmlUrl", "include": "text type url"}

Findings = Iterator[str]


def findings(path: str, data: bytes, base_url: str, now: datetime = NOW) -> list[str]:
    """Returns what is wrong with the document at `path` below `base_url`, judged at `now`."""
    address, extension = base_url + path, path.partition("?")[0].rpartition(".")[2]
    if extension == "json":
        return list(json_findings(data, address, now))
    if extension == "html":
        return html_findings(data)
    if extension in {"css", "js", "svg", "png"}:
        return [] if data == _asset(path) else ["not the one of the package"]
    if path == "robots.txt":
        ends = data.decode().endswith(f"\nSitemap: {base_url}sitemap.xml\n")
        return [] if ends else ["no site map"]
    if path == "sitemap.xml":
        places = [str(one.text) for one in etree.fromstring(data).iter("{*}loc")]
        return [one for one in places if not one.startswith(base_url)]
    if not data.startswith(_DECLARATION):
        return ["no XML declaration of UTF-8"]
    root = etree.fromstring(data)
    if extension == "atom":
        return [*_structure(root), *_atom(root, address, now)]
    if extension == "rss":
        return [*_structure(root), *_rss(root, address, now, data.decode().split("\n"))]
    return [*_structure(root), *_opml(root, now)]


def _asset(path: str) -> bytes:
    plain = re.sub(r"\.[0-9a-f]{8}(?=\.\w+$)", "", path)
    data = (_PACKAGE / "render" / plain).read_bytes()
    words = words_of("en")
    for place, text in (("{notice}", words.notice), ("{page}", words.notice_page)):
        data = data.replace(place.encode(), text.encode())
    return data


def _short(tag: object) -> str:
    space, _, local = str(tag).rpartition("}")
    prefix = _PREFIXES.get(space[1:], space)
    return f"{prefix}:{local}" if prefix else local


def _all(root: etree._Element, *paths: str) -> list[etree._Element]:
    return [element for path in paths for element in root.iterfind(path, NAMESPACES)]


def _structure(root: etree._Element) -> Findings:
    is_atom = _short(root.tag) == "atom:feed"
    for element in root.iter():
        for prefix, uri in element.nsmap.items():
            usual = None if is_atom and uri == NAMESPACES["atom"] else _PREFIXES.get(uri, "?")
            if prefix != usual:
                yield f"namespace {prefix}={uri}"
        name = _short(element.tag)
        once, maybe, many = (set(one.split()) for one in _CHILDREN.get(name, ("", "", "")))
        children = [_short(child.tag) for child in element]
        counts = Counter(children)
        yield from (f"{name}: {counts[tag]} {tag}" for tag in once if counts[tag] != 1)
        yield from (f"{name}: {counts[tag]} {tag}" for tag in maybe if counts[tag] > 1)
        yield from (f"{name}: unknown {tag}" for tag in counts.keys() - once - maybe - many)
        for last in {"atom:entry", "item"} & set(children):
            if set(children[children.index(last) :]) != {last}:
                yield f"{name}: something after the first {last}"
        for text in (*element.attrib.values(), element.text or ""):
            yield from values.characters(name, str(text))


def _atom(root: etree._Element, address: str, now: datetime) -> Findings:
    entries = _all(root, "atom:entry")
    if not root.get(f"{{{NAMESPACES['xml']}}}lang"):
        yield "no xml:lang"
    yield from values.unique("ids", [one.findtext("atom:id", None, NAMESPACES) for one in entries])
    for text in _all(root, ".//atom:title", "atom:subtitle", "atom:rights", ".//atom:summary"):
        check = values.html if text.get("type") == "html" else values.plain
        yield from check(_short(text.tag), text.text)
        if not (text.text or "").strip():
            yield f"{_short(text.tag)}: empty"
    for content in _all(root, ".//atom:content"):
        yield from values.html("content", content.text)
        if content.get("type") != "html":
            yield f"content: type {content.get('type')!r}"
    for date in _all(root, ".//atom:updated", ".//atom:published"):
        yield from values.rfc3339(_short(date.tag), date.text, now)
    for name in _all(root, ".//atom:author/atom:name"):
        yield from values.name("author", name.text)
    for uri in _all(root, ".//atom:id", ".//atom:uri", "atom:icon", "atom:logo"):
        yield from values.uri(_short(uri.tag), uri.text)
    for category in _all(root, ".//atom:category"):
        if not category.get("term", "").strip():
            yield "category: no term"
    for parent in (root, *entries):
        links = _all(parent, "atom:link")
        yield from values.unique("alternates", _of_rel(links, "alternate", "type"))
        yield from _links(links, address if parent is root else "")
        yield from _media(parent)
        if not _all(parent, "atom:author"):
            yield f"{_short(parent.tag)}: no author"


def _of_rel(links: list[etree._Element], rel: str, attribute: str) -> list[str | None]:
    return [link.get(attribute) for link in links if link.get("rel") == rel]


def _links(links: list[etree._Element], address: str) -> Findings:
    if address and _of_rel(links, "self", "href") != [address]:
        yield f"self: not {address}"
    for link in links:
        rel = link.get("rel", "")
        yield from values.uri(f"link {rel}", link.get("href"))
        if rel not in _RELATIONS:
            yield f"link: rel {rel!r}"
        if "title" in link.attrib:
            yield from values.plain(f"link {rel} title", link.get("title"))
        if "type" in link.attrib and not values.MIME.fullmatch(link.get("type", "")):
            yield f"link {rel}: type {link.get('type')!r}"
        if rel == "enclosure":
            yield from _enclosure(link, link.get("href", ""))


def _enclosure(element: etree._Element, url: str) -> Findings:
    yield from values.uri("enclosure", url)
    if not _ENCLOSURE.match(url):
        yield f"enclosure: host of {url!r}"
    if not re.fullmatch("[0-9]+", element.get("length", "")):
        yield f"enclosure: length {element.get('length')!r}"
    if not values.MIME.fullmatch(element.get("type", "")):
        yield f"enclosure: type {element.get('type')!r}"


def _media(parent: etree._Element) -> Findings:
    for element in _all(parent, "media:content", "media:thumbnail"):
        name = _short(element.tag)
        yield from values.uri(name, element.get("url"))
        for size in ("width", "height", "fileSize"):
            if not re.fullmatch("[1-9][0-9]*", element.get(size, "1")):
                yield f"{name}: {size} {element.get(size)!r}"
        if name == "media:content" and element.get("medium") != "image":
            yield f"{name}: medium {element.get('medium')!r}"


def _rss(root: etree._Element, address: str, now: datetime, lines: list[str]) -> Findings:
    if root.get("version") != "2.0":
        yield f"version {root.get('version')!r}"
    paths = ("title", "description", "copyright", "image/title", "managingEditor")
    texts = _all(root, *(f"channel/{path}" for path in paths), ".//item/title", ".//category")
    for text in texts:
        line = lines[cast("int", text.sourceline) - 1]
        yield from values.plain(str(text.tag), _string(text), rss=True, line=line)
    for uri in _all(root, ".//link", ".//docs", ".//image/url"):
        yield from values.uri(str(uri.tag), uri.text)
    for date in _all(root, ".//pubDate", ".//lastBuildDate"):
        yield from values.rfc822(str(date.tag), date.text, now)
    for ttl in _all(root, "channel/ttl"):
        if not re.fullmatch("[1-9][0-9]*", ttl.text or ""):
            yield f"ttl: {ttl.text!r}"
    for editor in _all(root, "channel/managingEditor"):
        match = _MAILBOX.fullmatch(_string(editor))
        if not match or re.search("[()]", re.sub(r"\([^()]*\)", "", match[1])):
            yield f"managingEditor: {_string(editor)!r}"
    for image in _all(root, "channel/image"):
        for tag in ("title", "link"):
            if _string(image.find(tag)) != _string(root.find(f"channel/{tag}")):
                yield f"image: another {tag} than the channel's"
        if not re.search(r"\.(jpg|jpeg|gif|png)$", image.findtext("url") or "", re.IGNORECASE):
            yield f"image: {image.findtext('url')!r}"
    yield from _links(_all(root, "channel/atom:link"), address)
    yield from values.unique("guids", [guid.text for guid in _all(root, ".//guid")])
    for item in _all(root, "channel/item"):
        yield from _rss_item(item)


def _string(element: etree._Element | None) -> str:
    return "" if element is None else "".join(str(text) for text in element.itertext())


def _rss_item(item: etree._Element) -> Findings:
    tags = [_short(child.tag) for child in item]
    if "content:encoded" in tags[: tags.index("description")]:
        yield "content:encoded before description"
    for html in _all(item, "description", "content:encoded"):
        yield from values.html(_short(html.tag), html.text)
        if not (html.text or "").strip():
            yield f"{_short(html.tag)}: empty"
    for guid in _all(item, "guid"):
        yield from values.uri("guid", guid.text)
        if guid.get("isPermaLink") != "false":
            yield "guid: no permalink, but said to be one"
    for creator in _all(item, "dc:creator"):
        if not (creator.text or "").strip():
            yield "dc:creator: empty"
    for enclosure in _all(item, "enclosure"):
        yield from _enclosure(enclosure, enclosure.get("url", ""))
    yield from _media(item)


def _opml(root: etree._Element, now: datetime) -> Findings:
    if root.get("version") != "2.0" or not _all(root, "body/outline"):
        yield "opml: version, or nothing in the body"
    yield from values.html("title", root.findtext("head/title"))
    for modified in _all(root, "head/dateModified"):
        yield from values.rfc822("dateModified", modified.text, now)
    for outline in _all(root, ".//outline"):
        kind = "group" if len(outline) else outline.get("type")
        wanted = _OUTLINES.get(str(kind), "").split()
        if set(outline.attrib) != set(wanted) or not outline.get("text", "").strip():
            yield f"outline: {outline.attrib.items()}"
        for name in {"text", "title"} & set(outline.attrib):
            yield from values.html(f"outline {name}", outline.get(str(name)))
        for name in {"xmlUrl", "htmlUrl", "url"} & set(outline.attrib):
            yield from values.uri(f"outline {name}", outline.get(str(name)))
