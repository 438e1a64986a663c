"""Keeps the secret of a seed, the value of its key `secured`, in its field. Pure.

Wrong indentation, an unclosed quote or an early fence makes a secret part of a published field. So
secrets are searched for in the text itself too, in time linear in its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from feeds.seeds.schema import KNOWN_KEYS
from feeds.seeds.yaml_reader import key_places, places

FIELD = "secured"
MISPLACED = (
    "the secret value of 'secured' begins inside of something else: wanted one line 'secured:' "
    "without indentation or quotes in the front matter, below it only its value"
)
CUT_OFF = (
    "the body begins like a secret value, right behind the key 'secured': is there a line '---' in "
    "the midst of its value?"
)
IN_BODY = "a secret value of 'secured' begins in the body: is there a line '---' too many above?"
REACHES = "holds a part of the secret value of 'secured': check quotes and indentation"

# This many characters in a row of a secret are no coincidence.
TELLING = 12
# This many characters of base64 are a secret, and this many may be the rest of one.
_BLOB = 24
_REST = 12

# The ends of a line for YAML, for Unicode, or for an editor; CR was replaced before.
_BREAKS = "\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_CONTROLS = bytes({*range(0x20), 0x7F} - {*b"\t\n\r\x0b\x0c\x1c\x1d\x1e"})
_STRANGE = re.compile("[\x80-\x84\x86-\x9f\ufdd0-\ufdef\ufffd-\uffff]")
_BLANKS = " \t\xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_INVISIBLE = "\xad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"
# What may come before the first key of a line; in Markdown and comments also marks.
_LEADING = _BLANKS + _INVISIBLE + "-{[,?\"'“”„‟‘’‚‛«»‹›"
_MARKS = _LEADING + "#>*+|`_~&!:(.)0123456789"

_KEY = re.compile(FIELD, re.IGNORECASE)
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
# A word that may be a part of a secret with something in its midst; addresses are no such words.
_WORD = re.compile(r"https?://\S*|[A-Za-z0-9+/=]{12,}")
_QUOTED = re.compile(r"(['\"])(.+)\1", re.DOTALL)
_PARTS = re.compile("[A-Za-z0-9]+")
_ORDINARY = re.compile("[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
# The characters of a run that are judged.
_JUDGED = 400


class Secret(NamedTuple):
    """Offset, and line and column from 1, of a key; `is_plain` if it begins a YAML line."""

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
    secret. In the body, after marks of Markdown or of a comment, 24 characters of base64 must
    follow as well, or a word near by that looks like base64; inside a line, 24 that do.
    """
    line, counted, before = 1, 0, 0
    for at, after in _words(text):
        head = text[before:at]
        is_start = before == 0
        before = at + len(FIELD)
        if not _begins(text, head, after, is_start=is_start, is_front=at < body_at):
            continue
        line += text.count("\n", counted, at)
        counted = at
        column = at - text.rfind("\n", 0, at)
        is_plain = (
            (column == 1 and at < body_at)
            and text.startswith(FIELD, at)
            and text[at + len(FIELD) : after].strip(" \t") == ":"
        )
        yield Secret(at, line, column, is_plain)


def tells_secret(data: bytes) -> bool:
    """Tells whether a text that is published has ``secured:`` with base64 after it."""
    if FIELD.encode() not in data.lower():
        return False
    text = data.decode(errors="replace")
    starts = (start for _, after in _words(text) for start in _values(text, after))
    return any(_is_random(text, start) for start in starts)


def _words(text: str) -> Iterator[tuple[int, int]]:
    """Yields the offset of each key, and the offset after its colon."""
    # Bytes of the same offsets take less time to search; nothing that is not ASCII becomes so.
    data, word = text.encode("latin-1", errors="replace").lower(), FIELD.encode()
    at = data.find(word)
    while at >= 0:
        after = at + len(word)
        colon = _COLON.match(text, after)
        if colon:
            yield at, colon.end()
        at = data.find(word, after)


def _begins(text: str, head: str, after: int, *, is_start: bool, is_front: bool) -> bool:
    """Tells whether a secret begins after `head`, the text since the key before."""
    if is_front and _is_first(head, _LEADING, is_start=is_start):
        return True
    is_first = _is_first(head, _MARKS, is_start=is_start)
    if is_first and _is_near_random(text, after):
        return True
    starts = _values(text, after)
    return any(_is_random(text, one) or (is_first and _is_blob(text, one)) for one in starts)


def _is_near_random(text: str, after: int) -> bool:
    """Tells whether a random word is near by, before the next key."""
    near = _KEY.split(text[after : after + _JUDGED], 1)[0]
    return any(map(_is_rest, _WORD.findall(near)))


def _is_rest(word: str) -> bool:
    """Tells whether a word changes its case and between letters and digits as often as base64."""
    pieces = _ORDINARY.findall(word)
    return _is_random(word, 0, _REST) and len(pieces) * 5 >= sum(map(len, pieces)) * 2


def _is_first(head: str, skipped: str, *, is_start: bool) -> bool:
    head = head.rstrip(skipped)
    return head[-1] in _BREAKS if head else is_start


def _values(text: str, after: int) -> Iterator[int]:
    """Yields the offsets at which the value after a colon may begin."""
    for pattern in (_HEADER_ALONE, _HEADER_AND_COMMENT):
        header = pattern.match(text, after)
        if header:
            yield header.end()
        if text.find("#", after, header.end() if header else after) < 0:
            return


def _is_blob(text: str, start: int) -> bool:
    """Tells whether 24 characters of base64 begin here, not counting line breaks."""
    return sum(map(len, _PARTS.findall(_long_run(_RUN, text, start)))) >= _BLOB // 2


def _is_random(text: str, start: int, least: int = _BLOB) -> bool:
    """Tells whether at least so many characters of base64 begin here that are mostly not words.

    A word is all capitals, or small letters after at most one capital; a number is a word too.
    """
    parts = _PARTS.findall(_long_run(_PIECES, text, start, least)[:_JUDGED])
    odd = sum(len(part) for part in parts if not _ORDINARY.fullmatch(part))
    return odd * 2 > sum(map(len, parts)) >= least // 2


def _long_run(pattern: re.Pattern[str], text: str, start: int, least: int = _BLOB) -> str:
    """Returns what the pattern finds here, "" if that is shorter than `least`."""
    run = pattern.match(text, start)
    return run[0] if run and len("".join(run[0].split())) >= least else ""


def misplaced(
    text: str, body_at: int, source: str, offset: int, mapping: dict[str, Any] | None
) -> tuple[int, int, str] | None:
    """Returns line, column and reason of a secret that is not the value of a plain key `secured`.

    `text` is the whole seed, from `scannable`, its body at offset `body_at`. `source` is its YAML,
    after `offset` lines, and `mapping` the value of that, None if it is not a mapping.
    """
    found = list(islice(find_secrets(text, body_at), 2))
    if not found:
        if mapping is None or FIELD not in mapping:
            return None
        line, column = places(source)[(FIELD,)]  # of a key that is written with escapes
        return line + offset, column, MISPLACED
    is_alone = len(found) == 1 and found[0].is_plain
    if mapping and next(reversed(mapping)) == FIELD and _is_cut_off(text, found[0].at, body_at):
        return found[0].line, found[0].column, CUT_OFF
    if is_alone and (mapping is None or _is_whole_line(text[found[0].at :], mapping.get(FIELD))):
        return None
    line, column = key_places(source).get(FIELD, (0, 0))
    for secret in found:
        if (secret.line, secret.column) != (line + offset, column):
            return secret.line, secret.column, MISPLACED if secret.at < body_at else IN_BODY
    return None


def _is_cut_off(text: str, at: int, body_at: int) -> bool:
    """Tells whether a body begins like the rest of a secret that a fence has cut off.

    A value in quotes is whole, since YAML has found its end.
    """
    value = text[at:body_at].partition(":")[2].lstrip()
    body = text[body_at:].lstrip(_MARKS + _BREAKS)
    word = None if value.startswith(("'", '"')) else _WORD.match(body)
    return _is_random(body, 0) or (word is not None and _is_rest(word[0]))


def _is_whole_line(text: str, value: object) -> bool:
    """Tells whether the value in YAML is exactly what the first line has after its colon."""
    written = text.partition("\n")[0].partition(":")[2].strip()
    return bool(value) and written in (value, f'"{value}"', f"'{value}'")


def quiet(reason: str) -> str:
    """Returns the reason without its quotations, except known keys and very short ones."""

    def shown(quoted: re.Match[str]) -> str:
        return quoted[0] if quoted[2] in KNOWN_KEYS or len(quoted[2]) < TELLING else "…"

    return _QUOTED.sub(shown, reason)
