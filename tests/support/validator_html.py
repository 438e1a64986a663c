"""What a page for people must be: strict HTML that loads and runs nothing but the site's own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import html5lib
from html5lib.html5parser import ParseError

# Where a browser goes by itself, or a visitor by a click.
_TARGETS = {"href", "src"}
_RUNS = re.compile("on[a-z]+|style|srcdoc|action|formaction|http-equiv|srcset")
_ALLOWED = {("meta", "http-equiv"), ("form", "action"), ("img", "srcset")}
_SEARCH = re.compile(r"(/|\.\./|[\w%.-]+/)*query", re.ASCII)
_CANDIDATE = re.compile(r"(https?://|(?![a-z]+:|//))[\w./:-]+ [1-9]\d*w", re.ASCII)
_SCRIPT = re.compile(r"assets/site(\.[0-9a-f]{8})?\.js$", re.ASCII)
_RELATIVE = re.compile(r"(?![a-z]+:|//)[\w./#-]+(\?[\w.%+=&~*-]+)?", re.ASCII)
# Readers open addresses that begin with "feed:".
_ABSOLUTE = re.compile(r"(feed:)?https?://[^\s<>\"]+", re.ASCII)


def html_findings(data: bytes) -> list[str]:
    """Returns what is wrong with a page."""
    try:
        root = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(data.decode())
    except ParseError as error:
        return [str(error)]
    return list(_faults(root))


def sound_page(data: bytes) -> Element:
    """Returns the root of a page, after it was found to be as it must be."""
    assert html_findings(data) == []
    page: Element = html5lib.parse(data, namespaceHTMLElements=False)
    return page


def text_of(element: Element | None) -> str:
    """Returns the text of an element that must be there, on one line."""
    assert element is not None
    return " ".join("".join(element.itertext()).split())


def _faults(root: Element) -> Iterator[str]:
    head = root.find("head")
    policies = [one for one in root.iter("meta") if "http-equiv" in one.attrib]
    if (
        head is None
        or policies != [head[1]]
        or "default-src 'none'" not in head[1].get("content", "")
    ):
        yield "no Content-Security-Policy before all that could be loaded"
    if not root.get("lang") or not "".join(root.find("head/title").itertext()).strip():  # type: ignore[union-attr]
        yield "no language, or no title"
    ids = Counter(element.get("id") for element in root.iter() if element.get("id"))
    yield from (f"id {name!r} twice" for name, count in ids.items() if count > 1)
    for element in root.iter():
        if not isinstance(element.tag, str):
            yield "a comment"
            continue
        yield from _element(element)


def _element(element: Element) -> Iterator[str]:
    if element.tag in {"iframe", "object", "embed", "style", "base"}:
        yield f"element {element.tag}"
    if element.tag == "form" and not _SEARCH.fullmatch(element.get("action", "")):
        yield "a form that is not the search"
    if element.tag == "script" and (element.text or not _SCRIPT.search(element.get("src", ""))):
        yield "a script that is not the site's"
    for name, value in element.attrib.items():
        if _RUNS.fullmatch(name) and (element.tag, name) not in _ALLOWED:
            yield f"attribute {name} of {element.tag}"
        for one in value.split(", ") if name == "srcset" else ():
            if not _CANDIDATE.fullmatch(one):
                yield f"srcset {one!r}"
        if name in _TARGETS and not (_RELATIVE.fullmatch(value) or _ABSOLUTE.fullmatch(value)):
            yield f"{name} {value!r}"
