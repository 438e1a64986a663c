"""Cleaning of text that comes from outside. Contains no business logic.

What is removed: characters that XML 1.0 forbids (section 2.2), and with them those that feed
validators doubt although XML allows them: DEL and the C1 controls, the noncharacters of Unicode
(section 23.7), and U+FFFD, which only ever stands for a character that was already lost.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from feeds.common import mojibake

_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr(plane + 0xFFFE) + chr(plane + 0xFFFF) for plane in range(0x10000, 0x110000, 0x10000)
)
_CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
_OTHERS = f"\ud800-\udfff\ufffd-\uffff{_NONCHARACTERS}"
_UNWANTED = re.compile(f"[{_CONTROLS}\x80-\x9f{_OTHERS}]")
_UNWANTED_BUT_C1 = re.compile(f"[{_CONTROLS}{_OTHERS}]")
# Sorting the marks on one letter takes the square of their number, so they are bounded as in
# Unicode's Stream-Safe Text Format (UAX #15, section 13).
_MOST_MARKS = 30
_MAYBE_MARKS = re.compile(f"[\u0300-\U0010ffff]{{{_MOST_MARKS + 1},}}")
_SPACES = re.compile("[ \t\r\n\u2028\u2029]+")
# A byte order mark before a text was left there by whoever joined files.
_BEFORE = re.compile(r"[\s\ufeff]+")
# UTF-8 that was read in a one-byte encoding shows a letter or sign for its lead byte. Typographic
# marks stand only for continuation bytes, or only for lead bytes, in every such encoding; so text
# whose sole non-ASCII characters are these cannot be mojibake, and is spared ftfy.
_SUSPECT = re.compile("[^\x00-\x7f‘’“”–—…]")


def clean_line(text: str, *, repair: bool) -> str:
    """Returns one-line text: repaired, NFC, without unwanted characters, white space collapsed.

    A byte order mark (U+FEFF) before it is dropped.
    """
    if not (text.isascii() and text.isprintable()):
        text = _SPACES.sub(" ", without_mark(clean_block(text, repair=repair)))
    elif "  " in text:
        text = _SPACES.sub(" ", text)
    return text.strip()


def clean_block(text: str, *, repair: bool) -> str:
    """Returns text of several lines: repaired, NFC, without unwanted characters."""
    if repair and _SUSPECT.search(text):
        text = mojibake.repair(text)
    return _composed(_UNWANTED.sub("", text))


def _composed(text: str) -> str:
    """Returns the text in NFC, without the marks on a letter that are too many."""
    return unicodedata.normalize("NFC", _MAYBE_MARKS.sub(_bounded_marks, text))


def _bounded_marks(match: re.Match[str]) -> str:
    kept, marks = [], 0
    for character in match[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def clean_source(text: str) -> str:
    """Returns text whose parts `clean_block` gets later, with all that this needs for repairs."""
    if text.isascii():
        return clean_block(text, repair=False)
    kept = _UNWANTED_BUT_C1.sub("", mojibake.without_stray_controls(without_mark(text)))
    return _composed(kept)


def without_mark(text: str) -> str:
    """Returns the text without byte order marks (U+FEFF) before it."""
    match = _BEFORE.match(text) if "\ufeff" in text else None
    return match[0].replace("\ufeff", "") + text[match.end() :] if match else text


@lru_cache(maxsize=65536)
def fold(name: str) -> str:
    """Returns what names are compared by: without case, and with white space collapsed."""
    return " ".join(name.casefold().split())
