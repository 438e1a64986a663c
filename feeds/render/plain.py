"""Plain text that stays plain. Contains no business logic.

A title such as ``The <b> tag`` is text, but many readers take it for HTML, and the W3C feed
validator warns of everything that looks like it. Each format has its own way out. For titles both
take the word joiner, which more readers show right than anything else (see the README).
"""

from __future__ import annotations

import re
from html import unescape
from html.entities import name2codepoint

from lxml import etree

# Invisible, and neither a letter nor a space: after it, "<" and "&" begin nothing in any parser.
WORD_JOINER = "\u2060"

_END_TAG = re.compile(r"</(?=\w)")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ADDRESS = re.compile(r"<(?=[\w.+'-]+@)")
_REFERENCE = re.compile(r"&(?=(#?\w+))")
_SPECIAL = re.compile(r"[<&]")


def needs_care(text: str) -> bool:
    """Tells quickly whether there is anything in a text that could be taken for HTML."""
    return "<" in text or "&" in text


def looks_like_html(text: str) -> bool:
    """Tells whether a validator takes Atom text (RFC 4287, section 3.1.1.1) for HTML."""
    return needs_care(text) and (_END_TAG.search(text) is not None or _has_reference(text))


def defuse(text: str) -> str:
    """Returns text that no parser takes for HTML, by a word joiner after each ``<`` and ``&``.

    For places that can hold nothing but characters: attributes, and names of people.
    """
    if not needs_care(text):
        return text
    text = _ADDRESS.sub("<" + WORD_JOINER, _TAG.sub("<" + WORD_JOINER, text))
    return _REFERENCE.sub("&" + WORD_JOINER, text) if _has_reference(text) else text


def plain_title(text: str) -> str:
    """Returns a title as it stands in Atom and RSS.

    An end tag or an entity reference has readers guess that an RSS title is HTML, and Atom's type
    ``html`` has more of them show ``&lt;b>``. So both are defused there.
    """
    return defuse(text) if looks_like_html(text) else text


def write_rss_text(element: etree._Element, text: str) -> None:
    """Sets the text of an RSS element that holds plain text.

    The RSS Advisory Board's profile ("Character data") has ``<`` and ``&`` written as hexadecimal
    character references where they could be misread. End tags are misread even so, and only a word
    joiner keeps them visible.
    """
    if _END_TAG.search(text):
        text = _TAG.sub("<" + WORD_JOINER, text)
    if not _TAG.search(text) and not _has_reference(text):
        element.text = text
        return
    element.text = ""
    reference: etree._Element | None = None
    for piece in re.split(r"([<&])", text):
        if _SPECIAL.fullmatch(piece):
            reference = etree.Entity("#x3C" if piece == "<" else "#x26")
            element.append(reference)
        elif reference is None:
            element.text = piece
        else:
            reference.tail = piece


def _has_reference(text: str) -> bool:
    # "AT&T" is no reference; "&lt", "&#39" and "&copy=1" are, and in HTML 5 "&region", too.
    return unescape(text) != text or any(
        name in name2codepoint or name == "apos" or not name.isalpha()
        for name in _REFERENCE.findall(text)
    )
