"""Cleaning of text that comes from outside. Contains no business logic.

What is removed: characters that XML 1.0 forbids (section 2.2), and with them those that feed
validators doubt although XML allows them: DEL and the C1 controls, the noncharacters of Unicode
(section 23.7), and U+FFFD, which only ever stands for a character that was already lost.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr(plane + 0xFFFE) + chr(plane + 0xFFFF) for plane in range(0x10000, 0x110000, 0x10000)
)
_UNWANTED = re.compile(
    f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffd-\uffff{_NONCHARACTERS}]"
)
# Sorting the marks on one letter takes the square of their number, so they are bounded as in
# Unicode's Stream-Safe Text Format (UAX #15, section 13).
_MOST_MARKS = 30
_MAYBE_MARKS = re.compile(f"[\u0300-\U0010ffff]{{{_MOST_MARKS + 1},}}")
_SPACES = re.compile("[ \t\r\n\u2028\u2029]+")
# UTF-8 that was read in a one-byte encoding shows a letter or sign for its lead byte. Typographic
# marks stand only for continuation bytes, or only for lead bytes, in every such encoding; so text
# whose sole non-ASCII characters are these cannot be mojibake, and is spared ftfy.
_SUSPECT = re.compile("[^\x00-\x7f‘’“”–—…]")


def clean_line(text: str, *, repair: bool) -> str:
    """Returns one-line text: repaired, NFC, without unwanted characters, white space collapsed."""
    if not (text.isascii() and text.isprintable()):
        text = _SPACES.sub(" ", clean_block(text, repair=repair))
    elif "  " in text:
        text = _SPACES.sub(" ", text)
    return text.strip()


def clean_block(text: str, *, repair: bool) -> str:
    """Returns text of several lines: repaired, NFC, without unwanted characters."""
    if repair and _SUSPECT.search(text):
        text = _repair(text)
    return unicodedata.normalize("NFC", _MAYBE_MARKS.sub(_bounded_marks, _UNWANTED.sub("", text)))


def _bounded_marks(match: re.Match[str]) -> str:
    """Returns a run of characters without the marks on a letter that are too many."""
    kept, marks = [], 0
    for character in match[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)


@lru_cache(maxsize=65536)
def fold(name: str) -> str:
    """Returns what names are compared by: without case, and with white space collapsed."""
    return " ".join(name.casefold().split())


@lru_cache(maxsize=4096)
def _repair(text: str) -> str:
    # Imported on demand: most seeds have nothing to repair, and the import costs 100 ms.
    import ftfy

    return ftfy.fix_encoding(text)
