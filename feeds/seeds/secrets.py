"""Finds secrets, the values of keys `secured`, in the text of a seed. Pure.

Wrong indentation, an unclosed quote or an early fence makes a secret part of a field that is
published. So secrets are searched for in the text itself, before and beside YAML. Every search
takes time linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# This many characters in a row of a secret are no coincidence.
TELLING = 12
# This many characters of base64 are a secret.
_BLOB = 24
_WORD = "secured"

# The ends of a line for YAML, for Unicode, or for an editor; CR was replaced before.
_BREAKS = "\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_CONTROLS = bytes({*range(0x20), 0x7F} - {*b"\t\n\r\x0b\x0c\x1c\x1d\x1e"})
_STRANGE = re.compile("[\x80-\x84\x86-\x9f\ufdd0-\ufdef\ufffd-\uffff]")
_BLANKS = " \t\xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_INVISIBLE = "\xad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"
# What may come before the first key of a line; in Markdown and comments also marks.
_LEADING = _BLANKS + _INVISIBLE + "-{[,?\"'“”„‟‘’‚‛«»‹›"
_MARKS = _LEADING + "#>*+|`_~&!:(.)0123456789"

_COLON = re.compile(r"[\"'”’*_`\u200b\ufeff]*+\s*+:")
# What may come between a colon and a value: signs, the indicators of a block (`|2-`), tags and
# anchors, a key of a mapping; the second pattern also allows a comment up to the end of its line.
# No match runs past the next `secured`.
_HEADER = r"""(?:
    [^\w+/=|>&!*\#]++
    | (?<=[|>])[0-9+-]{{1,2}}
    | {comment}
    [&!*](?:(?!secured)[\w:/!.-]){{0,20}}(?=\s)
    | [^\W\d]\w{{0,30}}(?<!secured)["']?:(?=\s)
    | [|>&!*\#]
)*+"""
_HEADER_ALONE, _HEADER_AND_COMMENT = (
    re.compile(_HEADER.format(comment=comment), re.VERBOSE | re.IGNORECASE)
    for comment in ("", r"\#(?:(?!secured)[^\n\#]){0,200}\n |")
)
_LINE_BREAK = r"(?>[ \t]*+\\?\n[ \t]*+)*+"
_RUN = re.compile(rf"(?>[A-Za-z0-9+/]{_LINE_BREAK}){{20,64}}+(?>={_LINE_BREAK}){{0,4}}+")
# The same, but in the alphabet for URLs, as items of a list, or with marks before each line.
_PIECES = re.compile(
    r"""(?>[A-Za-z0-9+/=_;-]{1,200}+(?>[ \t]*+["'\]]*+[ \t]*+\\?[\n,][\s>*"'\[,|#-]*+)?+){1,40}+"""
)
# All of a usual secret, and the long runs of base64 in a text, which alone can hold a part of it.
_BASE64 = re.compile("[A-Za-z0-9+/=;_-]+")
_LONG = re.compile("[A-Za-z0-9+/=;_-]{12,}")
# Two texts that are both longer are compared roughly.
_COMPARED = 65_536
# The most that searching part by part may cost, in characters times characters.
_FEW = 4_000_000
_PARTS = re.compile("[A-Za-z0-9]+")
_ORDINARY = re.compile("[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
# The characters of a run that are judged.
_JUDGED = 400


class Secret(NamedTuple):
    """Where a secret begins: offset, line and column (from 1) of the word `secured`.

    `is_plain` is true for a line of the front matter that begins with exactly ``secured:``.
    """

    at: int
    line: int
    column: int
    is_plain: bool


def scannable(data: bytes) -> str:
    """Returns the bytes of a seed as the text that `find_secrets` wants.

    It keeps every end of a line and drops other controls, because these may split the key.
    """
    text = data.translate(None, _CONTROLS).decode("utf-8-sig", errors="ignore")
    if not text.isascii():
        text = _STRANGE.sub("", text)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def find_secrets(text: str, body_at: int) -> Iterator[Secret]:
    """Yields every secret in order; the body begins at offset `body_at`.

    In the front matter, a line whose first token is ``secured:``, in upper or lower case, is a
    secret. In the body, after marks of Markdown or of a comment, and inside a line, 24 characters
    of base64 must follow as well; inside a line they must not look like words.
    """
    lowered = _lowered(text)
    line, counted, before = 1, 0, 0
    for at, after in _words(lowered):
        head = text[before:at]
        is_start = before == 0
        before = at + len(_WORD)
        if not _begins(text, head, after, is_start=is_start, is_front=at < body_at):
            continue
        line += text.count("\n", counted, at)
        counted = at
        column = at - text.rfind("\n", 0, at)
        is_plain = column == 1 and at < body_at and _is_plain(text, at, after)
        yield Secret(at, line, column, is_plain)


def tells_secret(text: str) -> bool:
    """Tells whether a text that is published has ``secured:`` with base64 after it."""
    return any(_looks_random(text, after) for _, after in _words(_lowered(text)))


def _lowered(text: str) -> str:
    lowered = text.lower()
    if len(lowered) != len(text):  # of all letters, only this one becomes two
        lowered = text.replace("\u0130", "i").lower()
    return lowered


def _words(lowered: str) -> Iterator[tuple[int, int]]:
    """Yields the offset of each key, and the offset after its colon."""
    at = lowered.find(_WORD)
    while at >= 0:
        colon = _COLON.match(lowered, at + len(_WORD))
        if colon:
            yield at, colon.end()
        at = lowered.find(_WORD, at + len(_WORD))


def _begins(text: str, head: str, after: int, *, is_start: bool, is_front: bool) -> bool:
    """Tells whether a secret begins after `head`, the text since the key before."""
    if _is_first(head, _LEADING, is_start=is_start):
        return is_front or _is_followed_by_blob(text, after)
    if _is_first(head, _MARKS, is_start=is_start):
        return _is_followed_by_blob(text, after)
    return _looks_random(text, after)


def _is_first(head: str, skipped: str, *, is_start: bool) -> bool:
    head = head.rstrip(skipped)
    return head[-1] in _BREAKS if head else is_start


def _is_plain(text: str, at: int, after: int) -> bool:
    return text.startswith(_WORD, at) and text[at + len(_WORD) : after].strip(" \t") == ":"


def _is_followed_by_blob(text: str, after: int) -> bool:
    return any(_is_blob(text, start) or _is_random(text, start) for start in _values(text, after))


def _looks_random(text: str, after: int) -> bool:
    return any(_is_random(text, start) for start in _values(text, after))


def _values(text: str, after: int) -> Iterator[int]:
    """Yields the offsets at which the value after a colon may begin."""
    header = _HEADER_ALONE.match(text, after)
    if header:
        yield header.end()
        if text.find("#", after, header.end()) >= 0:
            header = _HEADER_AND_COMMENT.match(text, after)
            if header:
                yield header.end()


def _is_blob(text: str, start: int) -> bool:
    """Tells whether 24 characters of base64 begin here, not counting line breaks."""
    run = _RUN.match(text, start)
    if run is None or len("".join(run[0].split())) < _BLOB:
        return False
    return sum(map(len, _PARTS.findall(run[0]))) >= _BLOB // 2


def _is_random(text: str, start: int) -> bool:
    """Tells whether 24 characters of base64 begin here that are mostly not words.

    A word is all capitals, or small letters after at most one capital; a number is a word too.
    """
    run = _PIECES.match(text, start)
    if run is None or len("".join(run[0].split())) < _BLOB:
        return False
    parts = _PARTS.findall(run[0][:_JUDGED])
    odd = sum(len(part) for part in parts if not _ORDINARY.fullmatch(part))
    return odd * 2 > sum(map(len, parts)) >= _BLOB // 2


def reaches(secret: str, text: str) -> bool:
    """Tells whether a text holds 12 characters in a row of a secret.

    White space is ignored if the secret has any, because YAML and HTML change it.
    """
    dense = "".join(secret.split())
    if len(dense) < TELLING:
        return False
    if len(dense) != len(secret):
        text = "".join(text.split())
    elif _BASE64.fullmatch(dense):
        text = "\n".join(_LONG.findall(text))
    # 12 characters in common hold 6 that begin at a multiple of 6.
    sixes = (dense[at : at + 6] for at in range(0, len(dense) - 5, 6))
    if len(dense) * len(text) <= _FEW and not any(six in text for six in sixes):
        return False
    few, many = sorted((dense, text), key=len)
    # They also hold 9 that begin at a multiple of 4, which are fewer to compare than all of them.
    blocks = {many[start : start + 9] for start in range(0, len(many) - 8, 4)}
    if blocks.isdisjoint(_windows(few, 9)):
        return False
    return len(few) > _COMPARED or not set(_windows(few, TELLING)).isdisjoint(
        _windows(many, TELLING)
    )


def _windows(text: str, size: int) -> Iterator[str]:
    starts = range(len(text) - size + 1)
    return map(text.__getitem__, map(slice, starts, range(size, len(text) + 1)))
