"""What the XML formats share: plain text that stays plain, Media RSS, and the style sheet.

A title such as ``The <b> tag`` is text, but many readers take it for HTML, and the W3C feed
validator warns of everything that looks like it. Each format has its own way out. Titles get a word
joiner in both, which more readers show right than anything else (docs/documents.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from html.entities import name2codepoint

from lxml import etree

from feeds.render.entries import gap, xml_text

# RFC 6721.
TOMBSTONES_NS = "http://purl.org/atompub/tombstones/1.0"
# RFC 5005, section 4.
HISTORY_NS = "http://purl.org/syndication/history/1.0"
MEDIA_NS = "http://search.yahoo.com/mrss/"

# Invisible, and neither a letter nor a space: before it, "<" and "&" begin nothing in any parser.
WORD_JOINER = "\u2060"

_END_TAG = re.compile(r"</(?=\w)")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ADDRESS = re.compile(r"<(?=[\w.+'-]+@)")
_REFERENCE = re.compile(r"&(?=(#?\w+))")
_HEXADECIMAL = re.compile(r"&(#x3C|#x26);")
_DECLARATION_END = b"?>\n"


def needs_care(text: str) -> bool:
    """Tells quickly whether a text has a character that could be taken for HTML."""
    return "<" in text or "&" in text


def looks_like_html(text: str) -> bool:
    """Tells whether a validator takes Atom text (RFC 4287, section 3.1.1.1) for HTML."""
    return needs_care(text) and (_END_TAG.search(text) is not None or _has_reference(text))


def defuse(text: str) -> str:
    """Returns text that no parser takes for HTML, by a word joiner after each ``<`` and ``&``.

    For attributes and names of people, which can hold nothing but characters.
    """
    if not needs_care(text):
        return text
    text = _ADDRESS.sub("<" + WORD_JOINER, _TAG.sub("<" + WORD_JOINER, text))
    return _REFERENCE.sub("&" + WORD_JOINER, text) if _has_reference(text) else text


def plain_title(text: str) -> str:
    """Returns a title as Atom and RSS show it.

    Readers take an RSS title with an end tag or an entity reference for HTML, and many show
    ``&lt;b>`` for an Atom title of type ``html``. So such titles are defused.
    """
    return defuse(text) if looks_like_html(text) else text


def rss_text(text: str) -> str:
    """Returns the text of an RSS element that holds plain text, escaped.

    The RSS Advisory Board's profile ("Character data") has ``<`` and ``&`` written as hexadecimal
    character references where they could be misread. End tags are misread even so, and only a word
    joiner keeps them visible.
    """
    if not needs_care(text):
        return xml_text(text)
    if _END_TAG.search(text):
        text = _TAG.sub("<" + WORD_JOINER, text)
    escaped = xml_text(text)
    if not _TAG.search(text) and not _has_reference(text):
        return escaped
    return escaped.replace("&lt;", "&#x3C;").replace("&amp;", "&#x26;")


def write_rss_text(element: etree._Element, text: str) -> None:
    """Sets the text of an RSS element that holds plain text, as `rss_text` writes it."""
    first, *rest = _HEXADECIMAL.split(rss_text(text))
    element.text = unescape(first)
    for number, tail in zip(rest[::2], rest[1::2], strict=True):
        reference = etree.Entity(number)
        reference.tail = unescape(tail)
        element.append(reference)


def _has_reference(text: str) -> bool:
    # "AT&T" is no reference; "&lt", "&#39" and "&copy=1" are, and in HTML 5 "&region", too.
    return unescape(text) != text or any(
        name in name2codepoint or name == "apos" or not name.isalpha()
        for name in _REFERENCE.findall(text)
    )


def add_media(entry: etree._Element, sizes: Sequence[str]) -> None:
    """Appends the picture of a pattern as media:content and media:thumbnail (Media RSS 1.5.1).

    They are in no media:group: a group of one is an error.

    Args:
        entry: The entry.
        sizes: Which sizes of the picture are known.
    """
    size = {one: gap(one) for one in ("width", "height") if one in sizes}
    content = {"url": gap("picture"), "type": gap("type"), "medium": "image"} | size
    if "length" in sizes:
        content["fileSize"] = gap("length")
    etree.SubElement(entry, f"{{{MEDIA_NS}}}content", content)
    etree.SubElement(entry, f"{{{MEDIA_NS}}}thumbnail", {"url": gap("picture")} | size)


def with_stylesheet(document: bytes, href: str) -> bytes:
    """Returns an XML document with a link to a CSS file; unchanged if `href` is empty.

    Browsers show the document with that file, and feed readers ignore it ("Associating Style Sheets
    with XML documents", w3.org/TR/xml-stylesheet). lxml writes instructions before the root only
    together with the whole tree, which feedgen does not hand out; so this one is inserted behind
    the XML declaration that every document begins with.
    """
    if not href:
        return document
    instruction = f'<?xml-stylesheet type="text/css" href="{href}"?>\n'.encode()
    return document.replace(_DECLARATION_END, _DECLARATION_END + instruction, 1)


def mark_archive(element: etree._Element) -> None:
    """Marks a feed or channel as an archive (RFC 5005, section 4)."""
    etree.SubElement(element, f"{{{HISTORY_NS}}}archive")
